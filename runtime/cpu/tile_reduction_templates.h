// The reduction loops of the tile tier, in the orders of ir/meaning/reduction.h; see
// tile_loop_templates.h for the linkage.
#pragma once

#include <bit>

#include "ir/meaning/reduction.h"
#include "runtime/cpu/tile_loop_templates.h"

namespace leat::runtime::cpu {
namespace {

template <Op op, class S>
struct ReductionOf {
  using R = meaning::Reduction<op, S>;
  using T = typename R::Accumulator;
  static constexpr std::int64_t kLanes = meaning::kReductionLanes;

  /// R::Join. Of the meaning's maximum and minimum g++ makes four comparisons for AVX-512; here two remain:
  /// the machine's maximum of (a, b) and of (b, a) differ in the sign of a zero only, where both are ordered.
  static T JoinTwo(T a, T b) {
    constexpr bool kMax = op == Op::reduce_max, kMin = op == Op::reduce_min;
    if constexpr (std::is_floating_point_v<T> && (kMax || kMin)) {
      using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
      const auto x = std::bit_cast<Bits>((kMax ? a > b : a < b) ? a : b);
      const auto y = std::bit_cast<Bits>((kMax ? b > a : b < a) ? b : a);
      const T ordered = std::bit_cast<T>(kMax ? x & y : x | y);
      return (a != a) | (b != b) ? a + b : ordered;  // NaN
    } else {
      return R::Join(a, b);
    }
  }

  static void Lanes(void* accumulators, const void* x_bytes, std::int64_t count, std::int64_t position) {
    T* lanes = static_cast<T*>(accumulators);
    const S* x = static_cast<const S*>(x_bytes);
    std::int64_t i = 0;
    if (position == 0) {
      const std::int64_t present = count < kLanes ? count : kLanes;
      for (; i < present; ++i) lanes[i] = meaning::convert<T>(x[i]);
    }
    if (i + kLanes <= count) {
      T kept[kLanes];  // a local copy, so that the compiler knows that it aliases nothing
      for (int l = 0; l < kLanes; ++l) kept[l] = lanes[l];
      for (; i + kLanes <= count; i += kLanes) {
        for (int l = 0; l < kLanes; ++l) kept[l] = JoinTwo(kept[l], meaning::convert<T>(x[i + l]));
      }
      for (int l = 0; l < kLanes; ++l) lanes[l] = kept[l];
    }
    for (std::int64_t l = 0; i < count; ++i, ++l) lanes[l] = JoinTwo(lanes[l], meaning::convert<T>(x[i]));
  }

  static void JoinLanes(void* accumulators, std::int64_t present) {
    T* lanes = static_cast<T*>(accumulators);
    if (present == kLanes) {
      for (int l = 0; l < 32; ++l) lanes[l] = JoinTwo(lanes[l], lanes[l + 32]);
      for (int l = 0; l < 16; ++l) lanes[l] = JoinTwo(lanes[l], lanes[l + 16]);
      for (int l = 0; l < 8; ++l) lanes[l] = JoinTwo(lanes[l], lanes[l + 8]);
      for (int l = 0; l < 4; ++l) lanes[l] = JoinTwo(lanes[l], lanes[l + 4]);
      for (int l = 0; l < 2; ++l) lanes[l] = JoinTwo(lanes[l], lanes[l + 2]);
      lanes[0] = JoinTwo(lanes[0], lanes[1]);
      return;
    }
    // Steps that would find no partner are left out; after the first one every lane below `half` is there.
    std::int64_t left = present;
    for (auto half = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(present))) / 2;
         half > 0; half /= 2) {
      for (std::int64_t l = 0; l + half < left; ++l) lanes[l] = JoinTwo(lanes[l], lanes[l + half]);
      left = half;
    }
  }

  static void WholeRows(void* out_bytes, const void* x_bytes, std::int64_t rows, std::int64_t count) {
    S* out = static_cast<S*>(out_bytes);
    const S* x = static_cast<const S*>(x_bytes);
    T lanes[kLanes];
    if (count == 1) {
      for (std::int64_t r = 0; r < rows; ++r) out[r] = x[r];
      return;
    }
    for (std::int64_t r = 0; r < rows; ++r, x += count) {
      Lanes(lanes, x, count, 0);
      JoinLanes(lanes, count < kLanes ? count : kLanes);
      out[r] = meaning::convert<S>(lanes[0]);
    }
  }

  static void TakeRows(void* accumulators, const void* x_bytes, std::int64_t rows, std::int64_t count) {
    T* a = static_cast<T*>(accumulators);
    const S* x = static_cast<const S*>(x_bytes);
    for (std::int64_t r = 0; r < rows; ++r, x += count) {
#pragma GCC ivdep
      for (std::int64_t i = 0; i < count; ++i) a[i] = JoinTwo(a[i], meaning::convert<T>(x[i]));
    }
  }

  static void StartRow(void* accumulators, const void* x_bytes, std::int64_t count) {
    T* a = static_cast<T*>(accumulators);
    const S* x = static_cast<const S*>(x_bytes);
#pragma GCC ivdep
    for (std::int64_t i = 0; i < count; ++i) a[i] = meaning::convert<T>(x[i]);
  }

  static void Join(void* left, const void* right, std::int64_t count) {
    T* a = static_cast<T*>(left);
    const T* b = static_cast<const T*>(right);
#pragma GCC ivdep
    for (std::int64_t i = 0; i < count; ++i) a[i] = JoinTwo(a[i], b[i]);
  }

  static void Finish(void* out_bytes, const void* accumulators, std::int64_t count) {
    S* out = static_cast<S*>(out_bytes);
    const T* a = static_cast<const T*>(accumulators);
#pragma GCC ivdep
    for (std::int64_t i = 0; i < count; ++i) out[i] = meaning::convert<S>(a[i]);
  }

  static void Empty(void* out_bytes, std::int64_t count) {
    S* out = static_cast<S*>(out_bytes);
    const S value = meaning::convert<S>(R::Empty());
    for (std::int64_t i = 0; i < count; ++i) out[i] = value;
  }
};

/// In what the elements of dtype S are joined: signed integers that wrap have the bits of unsigned ones.
template <Op op, class S>
struct Joined : std::type_identity<S> {};
template <Op op, class S>
requires(std::is_integral_v<S> && !std::is_same_v<S, bool> && op != Op::reduce_max &&
         op != Op::reduce_min) struct Joined<op, S> : std::make_unsigned<S> {
};

template <Op op, TypeRule rule, int t>
constexpr ReductionLoops reduction_loops() {
  if constexpr (takes(rule, static_cast<DType>(t))) {
    using R = ReductionOf<op, typename Joined<op, Storage<t>>::type>;
    return {&R::Lanes,    &R::JoinLanes, &R::WholeRows, &R::TakeRows,
            &R::StartRow, &R::Join,      &R::Finish,    &R::Empty};
  } else {
    return {};
  }
}

template <Op op, TypeRule rule, int... t>
constexpr std::array<ReductionLoops, kDTypeCount> reduction_row(std::integer_sequence<int, t...>) {
  return {reduction_loops<op, rule, t>()...};
}

constexpr ReductionTable reduction_table() {
  return {reduction_row<Op::reduce_sum, TypeRule::numeric>(AllDTypes{}),
          reduction_row<Op::reduce_prod, TypeRule::numeric>(AllDTypes{}),
          reduction_row<Op::reduce_max, TypeRule::any>(AllDTypes{}),
          reduction_row<Op::reduce_min, TypeRule::any>(AllDTypes{}),
          reduction_row<Op::reduce_and, TypeRule::integral>(AllDTypes{}),
          reduction_row<Op::reduce_or, TypeRule::integral>(AllDTypes{})};
}

}  // namespace
}  // namespace leat::runtime::cpu
