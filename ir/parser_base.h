// What parsing graphs and parsing literals share: a lexer with one token of lookahead, and the first
// error. Private to ir.
//
// Every Parse function returns false once there is an error, so that callers read as a chain of &&.
#pragma once

#include <string>
#include <string_view>

#include "ir/graph.h"
#include "ir/lexer.h"

namespace leat::ir {

class ParserBase {
 public:
  ParserBase(Lexer lexer, std::string_view source) : source_(source), before_(lexer), lexer_(lexer) {
    next_ = lexer_.Next();
  }
  const Status& error() const { return error_; }

 protected:
  const Token& peek() const { return next_; }
  Token Take() {
    last_ = next_;
    before_ = lexer_;
    next_ = lexer_.Next();
    return last_;
  }
  const Token& last() const { return last_; }
  /// To come back to the token that peek() shows.
  const Lexer& position() const { return before_; }
  bool Accept(std::string_view symbol) {
    if (!next_.is(symbol)) return false;
    Take();
    return true;
  }
  bool Expect(std::string_view symbol, std::string_view where);
  /// "expected <what>, got <token>"
  bool FailExpected(std::string_view what);
  bool Fail(const Token& at, std::string_view message);
  /// Passes on an error of another parser or of building.
  bool FailWith(const Status& error) {
    error_ = error;
    return false;
  }

  bool ParseInteger(std::string_view what, std::int64_t& value);
  /// The name that a token holds, without quotes.
  bool ParseName(const Token& token, std::string& name);

  std::string_view source_;

 private:
  Lexer before_, lexer_;  // before and behind next_
  Token next_, last_;
  Status error_;
};

std::string describe(const Token& token);

/// What one text may still spend on literals that are written as one number.
struct LiteralBudget {
  std::size_t bytes = std::size_t{256} << 20;
};

/// Reads the value of a literal of a type that inference has accepted and that is static.
StatusOr<Literal> parse_literal(Lexer lexer, std::string_view source, const Type& type,
                                LiteralBudget& budget);

}  // namespace leat::ir
