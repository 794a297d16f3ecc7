// The tiles of blocked_kernel.h, over vectors `L`. Included only by blocked_kernel_*.cpp.
#pragma once

#include <algorithm>
#include <iterator>
#include <utility>

#include "runtime/cpu/blocked_store.h"
#include "runtime/cpu/transpose_tile.h"

namespace leat::runtime::cpu {

/// tile(x, out) of each.
template <class L, int kPositions, class Tile>
[[gnu::always_inline]] inline void for_each_tile(const BlockedTiles& t, const Tile& tile) {
  for (std::int64_t line = 0; line < t.lines; ++line) {
    const float* x = t.x + line * t.x_line;
    float* out = t.out + line * t.out_line;
    for (std::int64_t k = 0; k < t.count; ++k, x += kPositions * t.x_step, out += kPositions * t.out_step) {
      tile(x, out);
    }
  }
}

/// kBlocks x kPositions sums. kColumns: of the kernel; 1: of one position at all, 0: any.
template <class L, TileEnd kEnd, int kBlocks, int kPositions, int kColumns>
struct BlockedTile {
  using V = typename L::V;
  static constexpr int kLinePositions = 2;  // in a cache line
  static constexpr std::uintptr_t kCacheLine = 64;

  static void Run(const BlockedTiles& tiles) {
    const BlockedTiles t = tiles;  // nothing that is stored changes it
    std::uintptr_t ahead = t.ahead;
    for_each_tile<L, kPositions>(t, [&](const float* x, float* out) { Tile(t, tiles, x, out, ahead); });
  }

 private:
  struct Sums {
    V at[kBlocks][kPositions];
  };

  [[gnu::always_inline]] static inline void Tile(const BlockedTiles& t, const BlockedTiles& given,
                                                 const float* x, float* out, std::uintptr_t& ahead) {
    const float* from[kPositions];
#pragma GCC unroll 12
    for (int p = 0; p < kPositions; ++p) from[p] = x + p * t.x_step;
    Sums sums;
    if (t.resume) {
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 12
        for (int p = 0; p < kPositions; ++p) {
          sums.at[b][p] = L::load(out + b * t.out_block + p * t.out_step);
        }
      }
    } else {
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 12
        for (int p = 0; p < kPositions; ++p) sums.at[b][p] = L::zero();
      }
    }
    if constexpr (kColumns == 1) {
      One(t, from, sums, ahead);
    } else {
      Many(t, from, sums, ahead);
    }
    store_sums<L, kEnd>(t, given, out, sums.at);
  }

  /// A few lines at a time: as many as the first-level cache waits for at once would keep loads waiting.
  [[gnu::always_inline]] static inline void Ask(const BlockedTiles& t, std::uintptr_t& ahead) {
    for (std::int64_t k = 0; k < t.lines_ahead; ++k, ahead += kCacheLine) {
      __builtin_prefetch(reinterpret_cast<const void*>(ahead), 0, 2);  // to the second-level cache
    }
  }

  [[gnu::always_inline]] static inline void One(const BlockedTiles& t, const float* const* from, Sums& sums,
                                                std::uintptr_t& ahead) {
    const float* w = t.w;
    std::int64_t at = 0;
    if (t.inner == L::kLanes && t.x_inner == 1) {
      for (std::int64_t o = 0; o < t.outer; ++o, at += t.x_outer) {
        Ask(t, ahead);
#pragma GCC unroll 12
        for (int p = 0; p < kPositions;
             p += kLinePositions) {  // of the next tile: another plane a channel block
          __builtin_prefetch(from[p] + at + kPositions * t.x_step);
        }
#pragma GCC unroll 16
        for (int i = 0; i < L::kLanes; ++i, w += kBlocks * L::kLanes) Add(from, at + i, w, sums);
      }
      return;
    }
    for (std::int64_t o = 0; o < t.outer; ++o, at += t.x_outer) {
      Ask(t, ahead);
      for (std::int64_t i = 0; i < t.inner; ++i, w += kBlocks * L::kLanes) {
        Add(from, at + i * t.x_inner, w, sums);
      }
    }
  }

  [[gnu::always_inline]] static inline void Many(const BlockedTiles& t, const float* const* from, Sums& sums,
                                                 std::uintptr_t& ahead) {
    const float* channel = t.w;
    for (std::int64_t o = 0; o < t.outer; ++o) {
      for (std::int64_t i = 0; i < t.inner; ++i, channel += t.w_channel) {
        Ask(t, ahead);
        std::int64_t row = o * t.x_outer + i * t.x_inner;
        const float* w_row = channel;
        for (std::int64_t r = 0; r < t.rows; ++r, row += t.x_row, w_row += t.w_row) {
          if constexpr (kColumns > 0) {
#pragma GCC unroll 4
            for (int c = 0; c < kColumns; ++c) {
              Add(from, row + c * t.x_column, w_row + c * kBlocks * L::kLanes, sums);
            }
          } else {
            std::int64_t at = row;
            const float* w = w_row;
            for (std::int64_t c = 0; c < t.columns; ++c, at += t.x_column, w += kBlocks * L::kLanes) {
              Add(from, at, w, sums);
            }
          }
        }
      }
    }
  }

  [[gnu::always_inline]] static inline void Add(const float* const* from, std::int64_t at, const float* w,
                                                Sums& sums) {
    if constexpr (kBlocks <= 3) {  // the weights stay in registers, else the positions
      V weight[kBlocks];
#pragma GCC unroll 3
      for (int b = 0; b < kBlocks; ++b) weight[b] = L::load(w + b * L::kLanes);
#pragma GCC unroll 12
      for (int p = 0; p < kPositions; ++p) {
        const V x = L::set(from[p][at]);
#pragma GCC unroll 3
        for (int b = 0; b < kBlocks; ++b) sums.at[b][p] = L::fma(x, weight[b], sums.at[b][p]);
      }
    } else {
      V x[kPositions];
#pragma GCC unroll 12
      for (int p = 0; p < kPositions; ++p) x[p] = L::set(from[p][at]);
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) {
        const V weight = L::load(w + b * L::kLanes);
#pragma GCC unroll 12
        for (int p = 0; p < kPositions; ++p) sums.at[b][p] = L::fma(x[p], weight, sums.at[b][p]);
      }
    }
  }
};

template <class L, TileEnd kEnd, int kPositions, int kColumns>
struct DepthwiseTile {
  static void Run(const BlockedTiles& tiles) {
    BlockedTiles t = tiles;
    for (std::int64_t o = 0; o < tiles.outer;
         ++o, t.x += t.x_outer, t.w += t.w_channel, t.out += t.out_block) {
      Block(t, tiles);
      t.finish.channel += t.finish.channel_step;
      t.finish.array_channel += t.finish.array_channel_step;
    }
  }

 private:
  [[gnu::always_inline]] static inline void Block(const BlockedTiles& t, const BlockedTiles& given) {
    for_each_tile<L, kPositions>(t, [&](const float* x, float* out) {
      typename L::V of_block[1][kPositions];
      auto& sums = of_block[0];
#pragma GCC unroll 12
      for (int p = 0; p < kPositions; ++p) sums[p] = L::zero();
      const float *row = x, *w_row = t.w;
      for (std::int64_t r = 0; r < t.rows; ++r, row += t.x_row, w_row += t.w_row) {
        const std::int64_t columns = kColumns > 0 ? kColumns : t.columns;
#pragma GCC unroll 3
        for (std::int64_t c = 0; c < columns; ++c) {
          const typename L::V weight = L::load(w_row + c * L::kLanes);
          const float* const at = row + c * t.x_column;
#pragma GCC unroll 12
          for (int p = 0; p < kPositions; ++p) sums[p] = L::fma(L::load(at + p * t.x_step), weight, sums[p]);
        }
      }
      store_sums<L, kEnd>(t, given, out, of_block);
    });
  }
};

template <class L, TileEnd kEnd, int kBlocks, int... kPositions>
void fill_blocked(BlockedKernel& kernel, std::integer_sequence<int, kPositions...>) {
  constexpr int kRow = kBlocks - 1;
  BlockedKernel::Functions& f = kernel.functions[static_cast<std::size_t>(kEnd)];
  ((f.one[kRow][kPositions] = BlockedTile<L, kEnd, kBlocks, kPositions + 1, 1>::Run), ...);
  ((f.three[kRow][kPositions] = BlockedTile<L, kEnd, kBlocks, kPositions + 1, 3>::Run), ...);
  ((f.many[kRow][kPositions] = BlockedTile<L, kEnd, kBlocks, kPositions + 1, 0>::Run), ...);
}

template <class L, TileEnd kEnd, int... kPositions>
void fill_depthwise(BlockedKernel& kernel, std::integer_sequence<int, kPositions...>) {
  BlockedKernel::Functions& f = kernel.functions[static_cast<std::size_t>(kEnd)];
  ((f.depthwise_three[kPositions] = DepthwiseTile<L, kEnd, kPositions + 1, 3>::Run), ...);
  ((f.depthwise_many[kPositions] = DepthwiseTile<L, kEnd, kPositions + 1, 0>::Run), ...);
}

template <class L, TileEnd kEnd>
void fill_end(BlockedKernel& kernel) {
  fill_blocked<L, kEnd, 1>(kernel, std::make_integer_sequence<int, L::kPositions[0]>());
  fill_blocked<L, kEnd, 2>(kernel, std::make_integer_sequence<int, L::kPositions[1]>());
  fill_blocked<L, kEnd, 3>(kernel, std::make_integer_sequence<int, L::kPositions[2]>());
  fill_blocked<L, kEnd, 4>(kernel, std::make_integer_sequence<int, L::kPositions[3]>());
  fill_depthwise<L, kEnd>(kernel, std::make_integer_sequence<int, L::kDepthwisePositions>());
}

/// The kernel over L, which says how many positions the largest tile of 1, 2, 3, 4 blocks has.
template <class L>
BlockedKernel make_blocked_kernel() {
  BlockedKernel kernel{};
  kernel.lanes = L::kLanes;
  std::copy(std::begin(L::kPositions), std::end(L::kPositions), kernel.positions);
  kernel.depthwise_positions = L::kDepthwisePositions;
  kernel.transpose = &transpose<L, sizeof(typename L::V), std::uint32_t>;
  fill_end<L, TileEnd::sums>(kernel);
  fill_end<L, TileEnd::finished>(kernel);
  fill_end<L, TileEnd::finished_with_array>(kernel);
  return kernel;
}

}  // namespace leat::runtime::cpu
