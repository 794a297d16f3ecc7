// The register tiles of the micro-kernel: rows x vectors of accumulators, k innermost and in order.
//
// Included only by micro_kernel*.cpp, which instantiate it for `L`, the lanes of one compute type and one
// instruction set: T, V (a vector), Mask, kLanes, kRows and kVectors (the tile), and load, store, set, fma.
// `L` is part of every template's name, so that code for different instruction sets is never merged.
#pragma once

#include <cstdint>

namespace leat::runtime::cpu {

template <class L>
inline constexpr int kTileColumns = L::kVectors* L::kLanes;

/// A tile over packed operands: a is [k][kRows], b is [k][tile columns]. With `guarded`, b is followed
/// at `mask` by a mask of the same layout: where it is 0 the accumulator stays as it is.
template <class L, int kR, bool kGuarded>
void packed_tile(std::int64_t k, const typename L::T* a, const typename L::T* b, const typename L::T* mask,
                 typename L::T* c, std::int64_t c_stride, bool load) {
  using V = typename L::V;
  constexpr int kC = L::kVectors;
  V acc[kR][kC];
#pragma GCC unroll 16
  for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kC; ++j) acc[r][j] = load ? L::load(c + r * c_stride + j * L::kLanes) : L::zero();
  }
#pragma GCC unroll 4
  for (std::int64_t i = 0; i < k; ++i) {
    __builtin_prefetch(a + 16 * L::kRows);
    V bv[kC];
#pragma GCC unroll 4
    for (int j = 0; j < kC; ++j) bv[j] = L::load(b + j * L::kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kR; ++r) {
      const V av = L::set(a[r]);
#pragma GCC unroll 4
      for (int j = 0; j < kC; ++j) {
        const V next = L::fma(av, bv[j], acc[r][j]);
        if constexpr (kGuarded) {
          acc[r][j] = L::select(L::load(mask + j * L::kLanes), next, acc[r][j]);
        } else {
          acc[r][j] = next;
        }
      }
    }
    a += L::kRows;
    b += kTileColumns<L>;
    if constexpr (kGuarded) mask += kTileColumns<L>;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kC; ++j) L::store(c + r * c_stride + j * L::kLanes, acc[r][j]);
  }
}

/// Few rows over kS adjacent strips of b at once: one strip has too few accumulators to hide the latency of
/// an fma. The columns of c are adjacent.
template <class L, int kR, int kS>
void strips_tile(std::int64_t k, const typename L::T* a, const typename L::T* b, std::int64_t strip,
                 typename L::T* c, std::int64_t c_stride, bool load) {
  using V = typename L::V;
  constexpr int kC = L::kVectors * kS;
  V acc[kR][kC];
#pragma GCC unroll 4
  for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 16
    for (int j = 0; j < kC; ++j) acc[r][j] = load ? L::load(c + r * c_stride + j * L::kLanes) : L::zero();
  }
  for (std::int64_t i = 0; i < k; ++i) {
    V av[kR];
#pragma GCC unroll 4
    for (int r = 0; r < kR; ++r) av[r] = L::set(a[r]);
#pragma GCC unroll 16
    for (int j = 0; j < kC; ++j) {
      const V bv = L::load(b + j / L::kVectors * strip + j % L::kVectors * L::kLanes);
#pragma GCC unroll 4
      for (int r = 0; r < kR; ++r) acc[r][j] = L::fma(av[r], bv, acc[r][j]);
    }
    a += L::kRows;
    b += kTileColumns<L>;
  }
#pragma GCC unroll 4
  for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 16
    for (int j = 0; j < kC; ++j) L::store(c + r * c_stride + j * L::kLanes, acc[r][j]);
  }
}

template <class T>
struct DirectArguments {
  std::int64_t k;
  const T* a;
  std::int64_t a_row, a_k;
  const T* b;
  std::int64_t b_k;
  T* c;
  std::int64_t c_stride;
  int last;   // elements of the last vector of a row, 1 to kLanes
  bool load;  // start from c, not from zero
};

/// A tile over operands where they stand; the columns of b are adjacent.
template <class L, int kR, int kC, bool kMasked>
void direct_tile(const DirectArguments<typename L::T>& g) {
  using V = typename L::V;
  [[maybe_unused]] const typename L::Mask mask = L::mask(g.last);
  const auto load = [&](const typename L::T* p, int j) {
    if constexpr (kMasked) {
      if (j == kC - 1) return L::load_masked(p + j * L::kLanes, mask);
    }
    return L::load(p + j * L::kLanes);
  };
  V acc[kR][kC];
#pragma GCC unroll 16
  for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 8
    for (int j = 0; j < kC; ++j) acc[r][j] = g.load ? load(g.c + r * g.c_stride, j) : L::zero();
  }
  const typename L::T* a = g.a;
  const typename L::T* b = g.b;
  for (std::int64_t i = 0; i < g.k; ++i) {
    V bv[kC];
#pragma GCC unroll 8
    for (int j = 0; j < kC; ++j) bv[j] = load(b, j);
#pragma GCC unroll 16
    for (int r = 0; r < kR; ++r) {
      const V av = L::set(a[r * g.a_row]);
#pragma GCC unroll 8
      for (int j = 0; j < kC; ++j) acc[r][j] = L::fma(av, bv[j], acc[r][j]);
    }
    a += g.a_k;
    b += g.b_k;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 8
    for (int j = 0; j < kC; ++j) {
      typename L::T* p = g.c + r * g.c_stride + j * L::kLanes;
      if (kMasked && j == kC - 1) {
        L::store_masked(p, acc[r][j], mask);
      } else {
        L::store(p, acc[r][j]);
      }
    }
  }
}

/// The tiles by number of rows. Wider direct tiles have fewer rows: at most 12 accumulators (AVX2 has 16
/// registers), so 8 vectors of one row, 4 of up to three, 2 of up to kRows, 1 of up to 8.
template <class L>
struct Tiles {
  using T = typename L::T;
  using Packed = void (*)(std::int64_t, const T*, const T*, const T*, T*, std::int64_t, bool);
  using Direct = void (*)(const DirectArguments<T>&);
  static constexpr int kWideRows = 3;  // of 4 vectors
  static constexpr int kPairRows = L::kRows < 8 ? L::kRows : 8;
  static constexpr int kSingleRows = 8;

  template <bool kGuarded>
  static Packed packed(int rows) {
    static constexpr Packed kTable[] = {
        packed_row<1, kGuarded>(),  packed_row<2, kGuarded>(),  packed_row<3, kGuarded>(),
        packed_row<4, kGuarded>(),  packed_row<5, kGuarded>(),  packed_row<6, kGuarded>(),
        packed_row<7, kGuarded>(),  packed_row<8, kGuarded>(),  packed_row<9, kGuarded>(),
        packed_row<10, kGuarded>(), packed_row<11, kGuarded>(), packed_row<12, kGuarded>(),
        packed_row<13, kGuarded>(), packed_row<14, kGuarded>()};
    return kTable[rows - 1];
  }
  /// REQUIRES: vectors is 1, 2, 4 or 8, and rows within the bound above.
  static Direct direct(int rows, int vectors, bool masked) {
    if constexpr (L::kFreeMasks) masked = true;
    static constexpr Direct kOne[2][8] = {
        {direct_row<1, 1, 0>(), direct_row<2, 1, 0>(), direct_row<3, 1, 0>(), direct_row<4, 1, 0>(),
         direct_row<5, 1, 0>(), direct_row<6, 1, 0>(), direct_row<7, 1, 0>(), direct_row<8, 1, 0>()},
        {direct_row<1, 1, 1>(), direct_row<2, 1, 1>(), direct_row<3, 1, 1>(), direct_row<4, 1, 1>(),
         direct_row<5, 1, 1>(), direct_row<6, 1, 1>(), direct_row<7, 1, 1>(), direct_row<8, 1, 1>()}};
    static constexpr Direct kTwo[2][8] = {
        {direct_row<1, 2, 0>(), direct_row<2, 2, 0>(), direct_row<3, 2, 0>(), direct_row<4, 2, 0>(),
         direct_row<5, 2, 0>(), direct_row<6, 2, 0>(), direct_row<7, 2, 0>(), direct_row<8, 2, 0>()},
        {direct_row<1, 2, 1>(), direct_row<2, 2, 1>(), direct_row<3, 2, 1>(), direct_row<4, 2, 1>(),
         direct_row<5, 2, 1>(), direct_row<6, 2, 1>(), direct_row<7, 2, 1>(), direct_row<8, 2, 1>()}};
    static constexpr Direct kFour[2][3] = {
        {direct_row<1, 4, 0>(), direct_row<2, 4, 0>(), direct_row<3, 4, 0>()},
        {direct_row<1, 4, 1>(), direct_row<2, 4, 1>(), direct_row<3, 4, 1>()}};
    static constexpr Direct kEight[2] = {direct_row<1, 8, 0>(), direct_row<1, 8, 1>()};
    if (vectors == 1) return kOne[masked][rows - 1];
    if (vectors == 2) return kTwo[masked][rows - 1];
    return vectors == 4 ? kFour[masked][rows - 1] : kEight[masked];
  }

 private:
  template <int kR, bool kGuarded>
  static constexpr Packed packed_row() {
    if constexpr (kR <= L::kRows && (!kGuarded || L::kGuards)) {
      return &packed_tile<L, kR, kGuarded>;
    } else {
      return nullptr;
    }
  }
  template <int kR, int kC, bool kMasked>
  static constexpr Direct direct_row() {
    if constexpr ((kC == 2 && kR > kPairRows) || (!kMasked && L::kFreeMasks)) {
      return nullptr;
    } else {
      return &direct_tile<L, kR, kC, kMasked>;
    }
  }
};

}  // namespace leat::runtime::cpu
