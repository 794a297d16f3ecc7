// A fused kernel that reads the result of a convolution, read as what the convolution may do itself while its
// sums are in registers: then neither the kernel nor the array between the two is needed.
//
// The bits are the same (runtime/cpu/tile_epilogue.h). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/cpu/tile_epilogue.h"
#include "runtime/program/program.h"

namespace leat::compiler {

struct MatchedTileEpilogue {
  runtime::cpu::TileEpilogue epilogue;
  std::vector<std::uint32_t> reads;  // the buffers of its uses, in order
  std::uint32_t out = 0;             // the buffer that the kernel writes
};

/// Nothing where the kernel does anything else. REQUIRES: `step` is a kernel on the CPU that walks the buffer
/// `sums`, the result of the convolution, in order.
std::optional<MatchedTileEpilogue> match_tile_epilogue(
    const runtime::Program& program, const runtime::Step& step, std::uint32_t sums,
    const runtime::cpu::ConvolutionDescriptor& convolution);

}  // namespace leat::compiler
