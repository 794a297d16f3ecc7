#include "ir/lexer.h"

#include "ir/characters.h"

namespace leat::ir {
namespace {

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '.'; }

}  // namespace

void Lexer::SkipSpace(Token& token) {
  while (pos_ < text_.size()) {
    const char c = text_[pos_];
    if (c == '\n') {
      ++line_;
      line_start_ = ++pos_;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++pos_;
    } else if (c == '/' && At(1) == '/') {
      std::size_t end = text_.find('\n', pos_);
      if (end == std::string_view::npos) end = text_.size();
      if (token.comment_line == 0) {
        token.comment = text_.substr(pos_ + 2, end - pos_ - 2);
        token.comment_line = line_;
      }
      pos_ = end;
    } else {
      return;
    }
  }
}

std::string_view Lexer::Take(std::size_t n) {
  const std::string_view taken = text_.substr(pos_, n);
  pos_ += n;
  return taken;
}

std::size_t Lexer::StringLength(std::size_t from) const {
  for (std::size_t i = from + 1; At(i) != '\n' && pos_ + i < text_.size(); ++i) {
    if (At(i) == '"') return i - from + 1;
    if (At(i) == '\\') ++i;
  }
  return 0;
}

std::size_t Lexer::NumberLength() const {
  std::size_t n = At(0) == '-' ? 1 : 0;
  while (is_digit(At(n)) || At(n) == '.') ++n;
  if (At(n) == 'e' || At(n) == 'E') {
    const std::size_t sign = At(n + 1) == '-' || At(n + 1) == '+' ? 1 : 0;
    if (is_digit(At(n + 1 + sign))) n += 1 + sign;
    while (is_digit(At(n))) ++n;
  }
  return n;
}

Token Lexer::Next() {
  Token token;
  SkipSpace(token);
  token.line = line_;
  token.column = static_cast<std::uint32_t>(pos_ - line_start_ + 1);
  if (pos_ >= text_.size()) return token;
  const char c = text_[pos_];
  if (is_letter(c)) {
    std::size_t n = 1;
    while (is_word(At(n))) ++n;
    token.kind = Token::Kind::identifier;
    token.text = Take(n);
    return token;
  }
  if (c == '%' || c == '@' || c == '"') {
    const std::size_t prefix = c == '"' ? 0 : 1;
    std::size_t n = 0;
    if (At(prefix) == '"') {
      n = StringLength(prefix);
    } else {
      while (is_word(At(prefix + n))) ++n;
    }
    token.kind = n == 0     ? Token::Kind::bad
                 : c == '%' ? Token::Kind::value_name
                 : c == '@' ? Token::Kind::graph_name
                            : Token::Kind::string;
    if (n > 0) pos_ += prefix;
    token.text = Take(n > 0 ? n : 1);
    return token;
  }
  if (c == '0' && At(1) == 'x') {
    pos_ += 2;
    std::size_t n = 0;
    while (is_hex(At(n))) ++n;
    token.kind = Token::Kind::hex;
    token.text = Take(n);
    return token;
  }
  if (is_digit(c) || c == '.' || (c == '-' && (is_digit(At(1)) || At(1) == '.'))) {
    token.kind = Token::Kind::number;
    token.text = Take(NumberLength());
    return token;
  }
  if (c == '-' && At(1) == 'i' && At(2) == 'n' && At(3) == 'f' && !is_word(At(4))) {
    token.kind = Token::Kind::number;
    token.text = Take(4);
    return token;
  }
  const bool two = (c == '-' && At(1) == '>') || (c == '<' && At(1) == '=');
  constexpr std::string_view kSymbols = "(){}[],:=#?";
  token.kind = two || kSymbols.find(c) != std::string_view::npos ? Token::Kind::symbol : Token::Kind::bad;
  token.text = Take(two ? 2 : 1);
  return token;
}

}  // namespace leat::ir
