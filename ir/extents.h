// Arithmetic on extents, where no product can overflow any more (leat/shape.h checks them).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace leat::ir {

/// The product of dims[begin, end).
inline std::int64_t product(std::span<const std::int64_t> dims, std::size_t begin, std::size_t end) {
  std::int64_t n = 1;
  for (std::size_t d = begin; d < end; ++d) n *= dims[d];
  return n;
}
inline std::int64_t product(std::span<const std::int64_t> dims) { return product(dims, 0, dims.size()); }

/// a / b, rounded up. REQUIRES: a >= 0, b > 0.
inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace leat::ir
