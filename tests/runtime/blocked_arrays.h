// Arrays blocked by channels, for the tests of convolutions.
#pragma once

#include <vector>

#include "ir/layout.h"
#include "leat/shape.h"
#include "runtime/cpu/contraction.h"
#include "runtime/cpu/micro_kernel.h"

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

/// The widest instruction set of this CPU that has tiles, or the baseline.
inline Isa isa_of_tiles() { return host_isa() == Isa::baseline ? Isa::baseline : Isa::avx2; }

struct ConvolutionCase {
  std::int64_t batch, channels, features, groups;
  Extents input, kernel, strides, low, high, dilation;
  bool x_blocked = true, out_blocked = true;
};

inline ConvolutionDescriptor describe_convolution(const ConvolutionCase& c) {
  ConvolutionDescriptor d;
  d.batch = c.batch;
  d.channels = c.channels;
  d.out_channels = c.features;
  d.groups = c.groups;
  d.input = c.input;
  d.kernel = c.kernel;
  d.strides = c.strides;
  d.low = c.low;
  d.high = c.high;
  d.dilation = c.dilation;
  d.input_dilation.assign(c.input.size(), 1);
  for (std::size_t i = 0; i < c.input.size(); ++i) {
    const std::int64_t window = (c.kernel[i] - 1) * c.dilation[i] + 1;
    d.output.push_back((c.input[i] + c.low[i] + c.high[i] - window) / c.strides[i] + 1);
  }
  d.w_is_constant = true;
  return d;
}

}  // namespace leat::runtime::cpu::testing
