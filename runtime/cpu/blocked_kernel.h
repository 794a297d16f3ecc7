// Sums of convolutions on arrays blocked by channels: tiles of a few positions times a few blocks of output
// channels, in registers.
//
// Each sum is one chain of fma from +0, over channels and then kernel positions, and absent positions are
// left out: the bits are the interpreter's.
#pragma once

#include <cstdint>

#include "runtime/cpu/micro_kernel.h"

namespace leat::runtime::cpu {

/// A rectangle of tiles of the same size: `lines` times `count` of them, one after another. Strides are in
/// elements. The kernel positions are those that are present at every position of the tiles.
struct BlockedTiles {
  std::int64_t lines = 1, x_line = 0, out_line = 0;
  std::int64_t count = 1;
  const float* x = nullptr;  // at the first channel, position and kernel position
  std::int64_t x_step = 0;   // from one position to the next
  std::int64_t outer = 1, x_outer = 0, inner = 1, x_inner = 0;  // channels: outer * inner
  std::int64_t rows = 1, x_row = 0, columns = 1, x_column = 0;  // of the kernel
  /// Packed: a vector for each block of the tile, of each channel and kernel position.
  const float* w = nullptr;
  std::int64_t w_channel = 0, w_row = 0;
  float* out = nullptr;
  std::int64_t out_step = 0, out_block = 0;
  bool resume = false;  // the sums go on from what is in out
};

struct BlockedKernel {
  static constexpr int kMostBlocks = 4, kMostPositions = 8;
  using Function = void (*)(const BlockedTiles& tiles);
  using Row = Function[kMostPositions];  // by positions - 1; null where the tile would be larger

  std::int64_t lanes;          // channels of a block
  int positions[kMostBlocks];  // of the largest tile of 1, 2, ... blocks
  int depthwise_positions;
  /// By blocks - 1. Loops over kernels of one position, over three columns, over any number.
  Row one[kMostBlocks], three[kMostBlocks], many[kMostBlocks];
  /// Each channel with its own weights: `outer` blocks, w_channel apart, one after another.
  Row depthwise_three, depthwise_many;
};

/// Null where there is none for the instruction set. REQUIRES: the CPU runs it.
const BlockedKernel* blocked_kernel(Isa isa);
const BlockedKernel& blocked_kernel_avx2();

}  // namespace leat::runtime::cpu
