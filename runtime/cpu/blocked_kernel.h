// Sums of convolutions on arrays blocked by channels: tiles of a few positions times a few blocks of output
// channels, in registers.
//
// Each sum is one chain of fma from +0, over channels and then kernel positions, and absent positions are
// left out: the bits are the interpreter's.
#pragma once

#include <cstdint>
#include <limits>

#include "runtime/cpu/micro_kernel.h"

namespace leat::runtime::cpu {

/// What is done to sums before they are stored, of the blocks of a tile:
/// min(high, max(low, (sum + channel) + (array + array_channel)) + plus). What tile_epilogue.h leaves out is
/// what changes nothing: -0 is added, the bounds are infinite.
struct TileFinish {
  const float* channel = nullptr;  // those of the next block are channel_step elements away
  std::int64_t channel_step = 0;
  /// Where the end has an array: the element that belongs to *out_origin.
  const float *array = nullptr, *out_origin = nullptr;
  const float* array_channel = nullptr;
  std::int64_t array_channel_step = 0;
  /// `plus` is +0 for a low of +0: the maximum of -0 and +0 is +0. Else it is -0.
  float low = -std::numeric_limits<float>::infinity(), plus = -0.0f;
  float high = std::numeric_limits<float>::infinity();
};

/// What is stored. Functions of their own: with a choice inside, sums do not stay in registers.
enum class TileEnd : std::uint8_t { sums, finished, finished_with_array };
inline constexpr std::size_t kTileEnds = 3;

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
  TileFinish finish;    // of the ends that finish
  /// Cache lines that a tile asks for, from the address on, in each round of its loop: over `outer` for
  /// kernels of one position, else over all channels.
  std::uintptr_t ahead = 0;
  std::int64_t lines_ahead = 0;
};

struct BlockedKernel {
  static constexpr int kMostBlocks = 4, kMostPositions = 12;
  using Function = void (*)(const BlockedTiles& tiles);
  using Row = Function[kMostPositions];  // by positions - 1; null where the tile would be larger

  struct Functions {
    /// By blocks - 1. Loops over kernels of one position, over three columns, over any number.
    Row one[kMostBlocks], three[kMostBlocks], many[kMostBlocks];
    /// Each channel with its own weights: `outer` blocks, w_channel apart, one after another.
    Row depthwise_three, depthwise_many;
  };

  std::int64_t lanes;          // channels of a block
  int positions[kMostBlocks];  // of the largest tile of 1, 2, ... blocks
  int depthwise_positions;
  Functions functions[kTileEnds];  // by TileEnd
  /// Between blocks and dense arrays of elements of 4 bytes (transpose_tile.h).
  void (*transpose)(const std::uint32_t* from, std::int64_t from_stride, std::int64_t rows,
                    std::int64_t columns, std::uint32_t* to, std::int64_t to_stride);
};

/// Null where there is none for the instruction set. REQUIRES: the CPU runs it.
const BlockedKernel* blocked_kernel(Isa isa);
const BlockedKernel& blocked_kernel_avx2();
const BlockedKernel& blocked_kernel_avx512();

}  // namespace leat::runtime::cpu
