// Packing for the micro-kernel: strips of W rows (or columns), each [k][W], converted to the compute type.
//
// Included only by micro_kernel*.cpp; see micro_kernel_tile.h about `L`. A strip is written a little
// past its end (at most 64 bytes): buffers have that much room, and strips are packed in ascending order.
#pragma once

#include <cstdint>
#include <type_traits>

#include "leat/dtype.h"

namespace leat::runtime::cpu {

inline constexpr std::int64_t kPackSlack = 64;  // bytes

/// Operands that are packed may be at any address. Never a function of its own: it would be shared by files
/// for different instruction sets.
template <class S>
[[gnu::always_inline]] inline S read_unaligned(const S* p) {
  S value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

/// d[i] = s[i], converted. Bytes and 16-bit integers are zero-extended whatever their sign: only the
/// low bits of wrapping sums and products are kept.
template <class L, class S>
inline void widen(const S* s, typename L::T* d, std::int64_t count) {
  using T = typename L::T;
  if constexpr (std::is_same_v<S, float16>) {
    L::widen_f16(s, d, count);
  } else if constexpr (std::is_same_v<S, bfloat16>) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint32_t bits = static_cast<std::uint32_t>(read_unaligned(s + i).bits) << 16;
      __builtin_memcpy(d + i, &bits, 4);
    }
  } else {
    for (std::int64_t i = 0; i < count; ++i) d[i] = static_cast<T>(read_unaligned(s + i));
  }
}

template <class L, class S>
inline void narrow(const typename L::T* s, S* d, std::int64_t count) {
  if constexpr (std::is_same_v<S, float16>) {
    L::narrow_f16(s, d, count);
  } else if constexpr (std::is_same_v<S, bfloat16>) {
    for (std::int64_t i = 0; i < count; ++i) {  // to nearest even, as bfloat16::FromFloat
      std::uint32_t u;
      __builtin_memcpy(&u, s + i, 4);
      const std::uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
      const std::uint32_t quiet = (u >> 16) | 0x0040u;
      d[i].bits = static_cast<std::uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
    }
  } else {
    for (std::int64_t i = 0; i < count; ++i) d[i] = static_cast<S>(s[i]);
  }
}

/// One strip of `rows` <= W rows: d[i * W + r] = s[r * row_stride + i * k_stride], zero for r >= rows.
template <class L, int kW, class S>
void pack_strip(const S* s, std::int64_t row_stride, std::int64_t k_stride, int rows, std::int64_t k,
                typename L::T* d) {
  using T = typename L::T;
  if (row_stride == 1 && rows == kW) {
    for (std::int64_t i = 0; i < k; ++i) widen<L>(s + i * k_stride, d + i * kW, kW);
    return;
  }
  std::int64_t begin = 0;
  if (k_stride == 1 && rows == kW) {
    // Columns come together eight (or four) at a time through registers.
    constexpr std::int64_t kChunk = 64;
    if constexpr (std::is_same_v<S, T>) {
      begin = L::template transpose<kW>(s, row_stride, k, d);
    } else {
      alignas(64) T chunk[kW * kChunk];
      for (; begin + kChunk <= k; begin += kChunk) {
        for (int r = 0; r < kW; ++r) widen<L>(s + r * row_stride + begin, chunk + r * kChunk, kChunk);
        L::template transpose<kW>(chunk, kChunk, kChunk, d + begin * kW);  // all of it: a multiple of 8
      }
    }
  }
  T* to = d + begin * kW;
  for (std::int64_t i = begin; i < k; ++i, to += kW) {
    const S* from = s + i * k_stride;
    for (int r = 0; r < rows; ++r) widen<L>(from + r * row_stride, to + r, 1);
    if (rows < kW)
      __builtin_memset(static_cast<void*>(to + rows), 0, static_cast<std::size_t>(kW - rows) * sizeof(T));
  }
}

/// Strips of all `rows`, one after another, each `depth` (at least k) deep; the first k of each are written.
template <class L, int kW, class S>
void pack_strips(const S* s, std::int64_t row_stride, std::int64_t k_stride, std::int64_t rows,
                 std::int64_t k, typename L::T* d, std::int64_t depth) {
  std::int64_t begin = 0;
  if (row_stride == 1) {
    // A few k at a time over all full strips: adjacent elements are read in long runs, where one strip after
    // another would touch a page for each k (2048 squared, f32, on Zen 3: 3.3 and 2.5 ms).
    constexpr std::int64_t kTogether = 8;
    begin = rows / kW * kW;
    for (std::int64_t i = 0; i < k; i += kTogether) {
      const std::int64_t end = k - i < kTogether ? k : i + kTogether;
      for (std::int64_t r = 0; r < begin; r += kW) {
        for (std::int64_t j = i; j < end; ++j) {
          widen<L>(s + r + j * k_stride, d + r * depth + j * kW, kW);
        }
      }
    }
  }
  for (std::int64_t r = begin; r < rows; r += kW) {
    const int count = static_cast<int>(rows - r < kW ? rows - r : kW);
    pack_strip<L, kW>(s + r * row_stride, row_stride, k_stride, count, k, d + r * depth);
  }
}

}  // namespace leat::runtime::cpu
