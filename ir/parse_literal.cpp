#include <cstring>

#include "ir/inference_rules.h"
#include "ir/parser_base.h"
#include "ir/text_form.h"

namespace leat::ir {
namespace {

class LiteralParser : public ParserBase {
 public:
  LiteralParser(Lexer lexer, std::string_view source, const Type& type, LiteralBudget& budget)
      : ParserBase(lexer, source),
        type_(type),
        budget_(budget),
        width_(byte_size(type.dtype)),
        count_(static_cast<std::size_t>(type.shape.num_elements())) {}

  bool Parse() {
    const Token first = peek();
    if (first.is("[")) {
      if (!ParseList(0)) return false;
      const std::size_t have = bytes_.size() / width_;
      if (have == count_) return true;
      return Fail(first, cat("the literal has ", have, " elements, ", TypeText(), " needs ", count_));
    }
    if (first.kind == Token::Kind::hex) return ParseHex();
    if (count_ * width_ > budget_.bytes) {
      return Fail(first, "the text has more than 256 MiB of literals that are written as one number");
    }
    if (!ParseElement()) return false;
    budget_.bytes -= count_ * width_;
    const std::vector<std::byte> element = std::move(bytes_);
    bytes_.resize(count_ * width_);
    for (std::size_t i = 0; i < count_; ++i) std::memcpy(bytes_.data() + i * width_, element.data(), width_);
    return true;
  }

  const void* elements() const { return bytes_.data(); }

 private:
  std::string TypeText() const { return cat(leat::name(type_.dtype), type_.shape.ToString()); }

  bool ParseElement() {
    const Token token = peek();
    if (token.kind != Token::Kind::number && token.kind != Token::Kind::identifier) {
      return FailExpected(cat("an element of ", TypeText()));
    }
    Take();
    std::byte element[8];
    switch (parse_element(token.text, type_.dtype, element)) {
      case NumberError::none: break;
      case NumberError::malformed: return Fail(token, cat(token.text, " is not a ", leat::name(type_.dtype)));
      case NumberError::out_of_range:
        return Fail(token, cat(token.text, " is out of the range of ", leat::name(type_.dtype)));
    }
    bytes_.insert(bytes_.end(), element, element + width_);
    return true;
  }

  // Flat (all elements in the outermost list) or nested as the shape is.
  bool ParseList(std::size_t depth) {
    const Token open = Take();
    if (Accept("]")) return CheckLength(open, depth, 0);
    const bool nested = peek().is("[");
    if (nested && depth + 1 >= type_.shape.size()) {
      return Fail(peek(), cat("the literal is nested deeper than ", TypeText()));
    }
    if (!nested && depth > 0 && depth + 1 != type_.shape.size()) {
      return Fail(peek(), cat("the literal is not nested as ", TypeText(), " is"));
    }
    std::size_t n = 0;
    do {
      if (nested && !peek().is("[")) return FailExpected("[");
      if (nested ? !ParseList(depth + 1) : !ParseElement()) return false;
      ++n;
    } while (Accept(","));
    return Expect("]", "after the elements of a literal") &&
           (depth == 0 && !nested ? true : CheckLength(open, depth, n));
  }

  bool CheckLength(const Token& open, std::size_t depth, std::size_t n) {
    if (depth == 0 && n == 0) return true;  // flat; Parse() counts
    const auto want = static_cast<std::size_t>(type_.shape[depth]);
    if (n == want) return true;
    return Fail(open,
                cat("the list has ", n, " entries, dimension ", depth, " of ", TypeText(), " needs ", want));
  }

  bool ParseHex() {
    const Token token = Take();
    if (token.text.size() != 2 * count_ * width_) {
      return Fail(token, cat("the literal has ", token.text.size(), " hex digits, ", TypeText(), " needs ",
                             2 * count_ * width_));
    }
    const auto digit = [](char c) -> unsigned {
      return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    };
    bytes_.reserve(count_ * width_);
    for (std::size_t i = 0; i < token.text.size(); i += 2) {
      const unsigned byte = digit(token.text[i]) * 16 + digit(token.text[i + 1]);
      if (type_.dtype == DType::bool_ && byte > 1) return Fail(token, "a bool is 00 or 01");
      bytes_.push_back(static_cast<std::byte>(byte));
    }
    return true;
  }

  const Type& type_;
  LiteralBudget& budget_;
  const std::size_t width_, count_;
  std::vector<std::byte> bytes_;
};

}  // namespace

StatusOr<Literal> parse_literal(Lexer lexer, std::string_view source, const Type& type,
                                LiteralBudget& budget) {
  LiteralParser parser(lexer, source, type, budget);
  if (!parser.Parse()) return parser.error();
  return make_literal(type, parser.elements());
}

}  // namespace leat::ir
