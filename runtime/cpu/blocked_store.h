// The last part of the tiles of blocked_kernel.h, over vectors `L`: sums are finished and stored. Included
// only by blocked_kernel_*.cpp.
#pragma once

#include "runtime/cpu/blocked_kernel.h"

namespace leat::runtime::cpu {

/// Stores the sums of a tile at `out`, finished, one after another. `bounds` are read again for each tile: in
/// registers they would drive out sums of the loops before.
template <class L, bool kArray, int kBlocks, int kPositions>
[[gnu::always_inline]] inline void store_finished(const BlockedTiles& t, const TileFinish* bounds, float* out,
                                                  const typename L::V (&sums)[kBlocks][kPositions]) {
  using V = typename L::V;
  asm volatile("" : "+r"(bounds));
  const V low = L::set(bounds->low), plus = L::set(bounds->plus), high = L::set(bounds->high);
  const TileFinish& f = t.finish;
  const float* const array = kArray ? f.array + (out - f.out_origin) : nullptr;
#pragma GCC unroll 4
  for (int b = 0; b < kBlocks; ++b) {
    const float* const channel = f.channel + b * f.channel_step;
    const float* const array_channel = kArray ? f.array_channel + b * f.array_channel_step : nullptr;
#pragma GCC unroll 12
    for (int p = 0; p < kPositions; ++p) {
      const std::int64_t at = b * t.out_block + p * t.out_step;
      V v = L::add(sums[b][p], L::load(channel));
      if constexpr (kArray) v = L::add(v, L::add(L::load(array + at), L::load(array_channel)));
      L::store(out + at, L::min(high, L::add(L::max(low, v), plus)));
    }
  }
}

template <class L, TileEnd kEnd, int kBlocks, int kPositions>
[[gnu::always_inline]] inline void store_sums(const BlockedTiles& t, const BlockedTiles& given, float* out,
                                              const typename L::V (&sums)[kBlocks][kPositions]) {
  if constexpr (kEnd != TileEnd::sums) {
    store_finished<L, kEnd == TileEnd::finished_with_array>(t, &given.finish, out, sums);
    return;
  }
#pragma GCC unroll 4
  for (int b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 12
    for (int p = 0; p < kPositions; ++p) L::store(out + b * t.out_block + p * t.out_step, sums[b][p]);
  }
}

}  // namespace leat::runtime::cpu
