// Small matrices transposed in registers of 16 bytes: what every x86-64 has.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace leat::runtime::cpu {

template <class U>
struct VectorOf {
  typedef U type __attribute__((vector_size(16)));
  static constexpr std::size_t kLanes = 16 / sizeof(U);
};

/// The elements of a and b in turn: the lower half of each, or the upper.
template <bool kUpper, class V, std::size_t... I>
V interleave(V a, V b, std::index_sequence<I...>) {
  constexpr std::size_t n = sizeof...(I), first = kUpper ? n / 2 : 0;
  return __builtin_shufflevector(a, b, (first + I / 2 + (I % 2) * n)...);
}

/// to[j][i] = from[i][j] for i, j below the lanes of a vector; strides in elements.
template <class U>
inline void transpose_tile(const U* from, std::int64_t from_stride, U* to, std::int64_t to_stride) {
  using V = typename VectorOf<U>::type;
  constexpr std::size_t n = VectorOf<U>::kLanes;
  V rows[n], next[n];
  for (std::size_t i = 0; i < n; ++i) {
    std::memcpy(&rows[i], from + static_cast<std::int64_t>(i) * from_stride, sizeof(V));
  }
  // Rows i and i + n / 2 shuffled together: after as many rounds as n has bits, columns.
#pragma GCC unroll 4
  for (std::size_t round = 1; round < n; round *= 2) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < n / 2; ++i) {
      next[2 * i] = interleave<false>(rows[i], rows[i + n / 2], std::make_index_sequence<n>());
      next[2 * i + 1] = interleave<true>(rows[i], rows[i + n / 2], std::make_index_sequence<n>());
    }
#pragma GCC unroll 16
    for (std::size_t i = 0; i < n; ++i) rows[i] = next[i];
  }
  for (std::size_t i = 0; i < n; ++i) {
    std::memcpy(to + static_cast<std::int64_t>(i) * to_stride, &rows[i], sizeof(V));
  }
}

/// to[j][i] = from[i][j] for i < rows, j < columns.
template <class U>
inline void transpose(const U* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns, U* to,
                      std::int64_t to_stride) {
  constexpr auto n = static_cast<std::int64_t>(VectorOf<U>::kLanes);
  const std::int64_t whole_rows = rows / n * n, whole_columns = columns / n * n;
  const bool tall = rows > columns;  // along the longer side, so that few lines are open at once
  const std::int64_t outer = tall ? whole_rows : whole_columns, inner = tall ? whole_columns : whole_rows;
  for (std::int64_t a = 0; a < outer; a += n) {
    for (std::int64_t b = 0; b < inner; b += n) {
      const std::int64_t i = tall ? a : b, j = tall ? b : a;
      transpose_tile(from + i * from_stride + j, from_stride, to + j * to_stride + i, to_stride);
    }
  }
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j) {
      to[j * to_stride + i] = from[i * from_stride + j];
    }
  }
}

}  // namespace leat::runtime::cpu
