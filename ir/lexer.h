// Splits the text form into tokens, one at a time: a Lexer is a position in the text and is copied to
// come back to it. Private to ir.
//
//   Lexer lexer(text);
//   Token t = lexer.Next();   // a view of the text, which the caller keeps alive
#pragma once

#include <cstdint>
#include <string_view>

namespace leat::ir {

struct Token {
  enum class Kind : std::uint8_t {
    end,
    identifier,  // add, f32, inf
    value_name,  // %x  (text without the %; quoted: with the quotes)
    graph_name,  // @f
    string,      // text with the quotes
    number,      // 12, -0.5e-3, -inf
    hex,         // 0xff00, text without 0x
    symbol,      // one of ( ) { } [ ] , : = # ? -> <=
    bad,         // text is what is wrong
  };
  Kind kind = Kind::end;
  std::string_view text;
  std::uint32_t line = 1, column = 1;
  // The first comment between the token before and this one, without the slashes.
  std::string_view comment;
  std::uint32_t comment_line = 0;

  bool is(std::string_view symbol) const { return kind == Kind::symbol && text == symbol; }
  bool is_word(std::string_view word) const { return kind == Kind::identifier && text == word; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Token Next();

 private:
  void SkipSpace(Token& token);
  char At(std::size_t ahead) const { return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0'; }
  std::string_view Take(std::size_t n);
  std::size_t StringLength(std::size_t from) const;  // with both quotes; 0 if it does not end on its line
  std::size_t NumberLength() const;

  std::string_view text_;
  std::size_t pos_ = 0, line_start_ = 0;
  std::uint32_t line_ = 1;
};

}  // namespace leat::ir
