// Small matrices transposed in registers of kBytes: 16 is what every x86-64 has, wider ones are for files
// that are compiled for them. `Isa` is a type of the instruction set's own, so that no other file gets its
// functions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

namespace leat::runtime::cpu {

template <class U, std::size_t kBytes>
struct VectorOf {
  typedef U type __attribute__((vector_size(kBytes)));
  static constexpr std::size_t kLanes = kBytes / sizeof(U);
};
struct AnyX86 {};

/// The elements of a and b in turn: the lower half of each, or the upper.
template <class Isa, bool kUpper, class V, std::size_t... I>
V interleave(V a, V b, std::index_sequence<I...>) {
  constexpr std::size_t n = sizeof...(I), first = kUpper ? n / 2 : 0;
  return __builtin_shufflevector(a, b, (first + I / 2 + (I % 2) * n)...);
}

/// to[j][i] = from[i][j] for i, j below the lanes of a vector; strides in elements.
template <class Isa, std::size_t kBytes, class U>
inline void transpose_tile(const U* from, std::int64_t from_stride, U* to, std::int64_t to_stride) {
  using V = typename VectorOf<U, kBytes>::type;
  constexpr std::size_t n = VectorOf<U, kBytes>::kLanes;
  V rows[n], next[n];
#pragma GCC unroll 16
  for (std::size_t i = 0; i < n; ++i) {
    std::memcpy(&rows[i], from + static_cast<std::int64_t>(i) * from_stride, sizeof(V));
  }
  // Rows i and i + n / 2 shuffled together: after as many rounds as n has bits, columns.
#pragma GCC unroll 4
  for (std::size_t round = 1; round < n; round *= 2) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < n / 2; ++i) {
      next[2 * i] = interleave<Isa, false>(rows[i], rows[i + n / 2], std::make_index_sequence<n>());
      next[2 * i + 1] = interleave<Isa, true>(rows[i], rows[i + n / 2], std::make_index_sequence<n>());
    }
#pragma GCC unroll 16
    for (std::size_t i = 0; i < n; ++i) rows[i] = next[i];
  }
#pragma GCC unroll 16
  for (std::size_t i = 0; i < n; ++i) {
    std::memcpy(to + static_cast<std::int64_t>(i) * to_stride, &rows[i], sizeof(V));
  }
}

/// to[j][i] = from[i][j] for i < rows, j < columns. Some elements may be written twice.
template <class Isa, std::size_t kBytes, class U>
inline void transpose(const U* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns, U* to,
                      std::int64_t to_stride) {
  constexpr auto n = static_cast<std::int64_t>(VectorOf<U, kBytes>::kLanes);
  if (rows < n || columns < n) {
    if constexpr (kBytes > 16) {
      transpose<Isa, kBytes / 2>(from, from_stride, rows, columns, to, to_stride);
    } else {
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j)
          std::memcpy(to + j * to_stride + i, from + i * from_stride + j, sizeof(U));
      }
    }
    return;
  }
  const bool tall = rows > columns;  // along the longer side, so that few lines are open at once
  const std::int64_t outer = tall ? rows : columns, inner = tall ? columns : rows;
  for (std::int64_t a = 0; a < outer; a += n) {
    for (std::int64_t b = 0; b < inner; b += n) {
      const std::int64_t p = std::min(a, outer - n),
                         q = std::min(b, inner - n);  // the last tile begins earlier
      const std::int64_t i = tall ? p : q, j = tall ? q : p;
      transpose_tile<Isa, kBytes>(from + i * from_stride + j, from_stride, to + j * to_stride + i, to_stride);
    }
  }
}

}  // namespace leat::runtime::cpu
