#include "compiler/frontend/format.h"

#include <charconv>

namespace leat::frontend {
namespace {

constexpr std::int64_t kLongest = 8;
constexpr std::int64_t kEnds = 3;

void append_number(std::string& out, DType dtype, const void* elements, std::int64_t i) {
  visit_dtype(dtype, [&](auto tag) {
    using T = decltype(tag);
    const T v = static_cast<const T*>(elements)[i];
    char text[64];
    std::to_chars_result r{text, {}};
    if constexpr (std::is_same_v<T, bool>) {
      out += v ? "true" : "false";
    } else if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>) {
      r = std::to_chars(text, text + sizeof text, static_cast<float>(v));
    } else {
      r = std::to_chars(text, text + sizeof text, v);
    }
    out.append(text, r.ptr);
  });
}

void append_level(std::string& out, DType dtype, const Shape& shape, const void* elements, int level,
                  std::int64_t offset) {
  if (level == shape.rank()) {
    append_number(out, dtype, elements, offset);
    return;
  }
  std::int64_t stride = 1;
  for (int d = level + 1; d < shape.rank(); ++d) stride *= shape[static_cast<std::size_t>(d)];
  const std::int64_t extent = shape[static_cast<std::size_t>(level)];
  out += '{';
  for (std::int64_t i = 0; i < extent; ++i) {
    if (i > 0) out += ", ";
    if (extent > kLongest && i == kEnds) {
      out += "..., ";
      i = extent - kEnds;
    }
    append_level(out, dtype, shape, elements, level + 1, offset + i * stride);
  }
  out += '}';
}

}  // namespace

std::string format_tensor(DType dtype, const Shape& shape, const void* elements) {
  std::string out(name(dtype));
  out += shape.ToString();
  out += ' ';
  if (shape.num_elements() == 0) return out + "{}";
  append_level(out, dtype, shape, elements, 0, 0);
  return out;
}

}  // namespace leat::frontend
