#include "compiler/frontend/attribute_words.h"

#include <bit>
#include <cstring>

#include "ir/printer.h"

namespace leat::frontend {
namespace {

void append_bytes(const void* bytes, std::size_t count, std::vector<std::uint64_t>& words) {
  words.push_back(count);
  const auto* p = static_cast<const char*>(bytes);
  for (std::size_t i = 0; i < count; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p + i, std::min<std::size_t>(8, count - i));
    words.push_back(word);
  }
}

struct Append {
  std::vector<std::uint64_t>& words;
  void operator()(bool v) const { words.push_back(v); }
  void operator()(std::int64_t v) const { words.push_back(static_cast<std::uint64_t>(v)); }
  void operator()(double v) const { words.push_back(std::bit_cast<std::uint64_t>(v)); }
  void operator()(const std::vector<std::int64_t>& v) const {
    append_bytes(v.data(), v.size() * sizeof(std::int64_t), words);
  }
  void operator()(const std::string& v) const { append_bytes(v.data(), v.size(), words); }
  void operator()(DType v) const { words.push_back(static_cast<std::uint64_t>(v)); }
  void operator()(const ir::Literal& v) const {
    append_words(v.type, words);
    append_bytes(v.bytes.get(), v.byte_count(), words);
  }
  void operator()(const std::shared_ptr<const ir::Graph>& v) const {
    const std::string text = ir::print(*v, {.locations = false});
    append_bytes(text.data(), text.size(), words);
  }
};

}  // namespace

void append_words(const Shape& shape, std::vector<std::uint64_t>& words) {
  words.push_back(shape.size());
  for (std::int64_t d : shape) words.push_back(static_cast<std::uint64_t>(d));
}

void append_words(const ir::Type& type, std::vector<std::uint64_t>& words) {
  words.push_back(static_cast<std::uint64_t>(type.dtype));
  append_words(type.shape, words);
}

void append_words(const ir::Attributes& attributes, std::vector<std::uint64_t>& words) {
  for (const auto& [attr, value] : attributes.list()) {
    words.push_back(static_cast<std::uint64_t>(attr) << 8 | value.index());
    std::visit(Append{words}, value);
  }
}

}  // namespace leat::frontend
