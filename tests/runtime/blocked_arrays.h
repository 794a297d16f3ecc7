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

/// The instruction sets of this CPU that have tiles.
inline std::vector<Isa> isas_of_tiles() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (isa <= host_isa()) isas.push_back(isa);
  }
  return isas;
}

struct ConvolutionCase {
  std::int64_t batch, channels, features, groups;
  Extents input, kernel, strides, low, high, dilation;
  bool x_blocked = true, out_blocked = true;
};

/// The same in as many blocks of `lanes` channels as it has of 8; dense arrays keep their channels.
inline ConvolutionCase in_blocks_of(std::int64_t lanes, ConvolutionCase c) {
  if (c.x_blocked) c.channels *= lanes / 8;
  if (c.out_blocked || c.groups > 1) c.features *= lanes / 8;
  if (c.groups > 1) c.groups *= lanes / 8;
  return c;
}

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
