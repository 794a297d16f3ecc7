// Arrays blocked by channels, for the tests of convolutions.
#pragma once

#include <vector>

#include "ir/layout.h"
#include "leat/shape.h"

namespace leat::runtime::cpu::testing {

using Extents = std::vector<std::int64_t>;

inline Shape shape_of(std::int64_t batch, std::int64_t channels, const Extents& spatial) {
  Shape shape{batch, channels};
  for (const std::int64_t e : spatial) shape.push_back(e);
  return shape;
}

inline ir::Layout layout_of(const Shape& shape, std::int64_t block) {
  return *ir::Layout::Parse(ir::Layout::Name(shape.rank(), 1, block));
}

/// The same in blocks of so many channels; 0: as it is.
inline std::vector<float> packed(const std::vector<float>& dense, const Shape& shape, std::int64_t block) {
  if (block == 0) return dense;
  const ir::Layout layout = layout_of(shape, block);
  std::vector<float> blocked(static_cast<std::size_t>(layout.Blocked(shape).num_elements()));
  layout.Pack(shape, dense.data(), blocked.data(), 4);
  return blocked;
}

}  // namespace leat::runtime::cpu::testing
