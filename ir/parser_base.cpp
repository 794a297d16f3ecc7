#include "ir/parser_base.h"

#include "ir/inference_rules.h"
#include "ir/text_form.h"

namespace leat::ir {

std::string describe(const Token& token) {
  // A token may be megabytes of hex.
  const std::string_view text = token.text.substr(0, 40);
  switch (token.kind) {
    case Token::Kind::end: return "the end of the text";
    case Token::Kind::value_name: return cat("%", text);
    case Token::Kind::graph_name: return cat("@", text);
    case Token::Kind::hex: return cat("0x", text);
    case Token::Kind::bad: {
      const auto c = static_cast<unsigned char>(token.text[0]);
      if (c == '"') return "a string without an end";
      if (c == '%' || c == '@') return cat(text, " without a name");
      return c > 0x20 && c < 0x7f ? cat("'", text, "'") : cat("the byte ", static_cast<int>(c));
    }
    default: return std::string(text);
  }
}

bool ParserBase::Fail(const Token& at, std::string_view message) {
  error_ = Status(Code::invalid_argument, cat(source_, ":", at.line, ":", at.column, ": ", message));
  return false;
}

bool ParserBase::FailExpected(std::string_view what) {
  return Fail(peek(), cat("expected ", what, ", got ", describe(peek())));
}

bool ParserBase::Expect(std::string_view symbol, std::string_view where) {
  return Accept(symbol) || FailExpected(cat("'", symbol, "' ", where));
}

bool ParserBase::ParseInteger(std::string_view what, std::int64_t& value) {
  const Token token = peek();
  if (token.kind != Token::Kind::number) return FailExpected(what);
  Take();
  switch (parse_integer(token.text, value)) {
    case NumberError::none: return true;
    case NumberError::malformed: return Fail(token, cat(describe(token), " is not an integer"));
    case NumberError::out_of_range: break;
  }
  return Fail(token, cat(describe(token), " is out of the range of i64"));
}

bool ParserBase::ParseName(const Token& token, std::string& name) {
  if (token.text.empty() || token.text[0] != '"') {
    name = token.text;
    return true;
  }
  std::optional<std::string> plain = unquote(token.text.substr(1, token.text.size() - 2));
  if (!plain) return Fail(token, "a string has an escape other than \\\" \\\\ \\n \\t \\r \\xNN");
  name = *std::move(plain);
  return true;
}

}  // namespace leat::ir
