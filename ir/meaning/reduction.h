// The order of a reduction: a function of the operand's logical shape and the reduced dimensions only.
//
// The reduced elements of one result are numbered 0..n-1, row-major over the reduced dimensions. Then:
//
//   rows     where the minor-most dimension is reduced: element i of a 4096-chunk joins lane i mod 64, in
//   order;
//            lanes join pairwise by halving (l with l + 32, then l + 16, ...); chunk results join pairwise
//   columns  where it is not: blocks of 64 elements are joined in order; block results join pairwise
//
// "Pairwise": neighbours (0,1), (2,3), ... join, an odd last one passes up, until one is left. Absent lanes
// are skipped (for a sum, starting each lane at -0 is the same). f16 and bf16 accumulate in f32 and round
// once, at the end; integers wrap. Of nothing: sum 0, prod 1, max the least value (-inf), min the greatest
// (+inf), and all ones, or 0.
//
//   float s = reduce<Op::reduce_sum, float>(reduction_order(rank, dims), n, [&](std::int64_t i) { return
//   x[i]; });
//
// Plain loops for the interpreter and the tile tier; whatever emits code keeps the same order. Any thread.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "ir/meaning/elementwise.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

enum class ReductionOrder : std::uint8_t { rows, columns };
inline constexpr std::int64_t kReductionChunk = 4096, kReductionLanes = 64, kReductionBlock = 64;

/// The order for an operand of `rank`, reduced over `dims`.
inline ReductionOrder reduction_order(int rank, std::span<const std::int64_t> dims) {
  const bool minor = std::find(dims.begin(), dims.end(), rank - 1) != dims.end();
  return minor ? ReductionOrder::rows : ReductionOrder::columns;
}

/// Joins values pairwise as they come: slot k holds the result of 2^k neighbours. Push up to 2^62, then
/// Finish.
template <class T, class Join>
class PairwiseTree {
 public:
  explicit PairwiseTree(Join join) : join_(join) {}
  void Push(T value) {
    int k = 0;
    for (std::uint64_t n = count_++; n & 1; n >>= 1, ++k) value = join_(slots_[k], value);
    slots_[k] = value;
  }
  /// REQUIRES: at least one Push. The leftovers join from the right: just what passing them up gives.
  T Finish() const {
    int k = std::countr_zero(count_);
    T value = slots_[k];
    for (++k; count_ >> k; ++k) {
      if (count_ >> k & 1) value = join_(slots_[k], value);
    }
    return value;
  }

 private:
  Join join_;
  std::uint64_t count_ = 0;
  std::array<T, 63> slots_{};
};

/// What at(0..n-1) reduce to in rows order. REQUIRES: n > 0.
template <class T, class At, class Join>
T reduce_rows(std::int64_t n, At at, Join join) {
  PairwiseTree<T, Join> chunks(join);
  for (std::int64_t begin = 0; begin < n; begin += kReductionChunk) {
    const std::int64_t size = std::min(kReductionChunk, n - begin);
    const std::int64_t present = std::min(kReductionLanes, size);
    std::array<T, kReductionLanes> lanes{};
    for (std::int64_t l = 0; l < present; ++l) lanes[l] = at(begin + l);
    for (std::int64_t i = kReductionLanes; i < size; ++i) {
      lanes[i % kReductionLanes] = join(lanes[i % kReductionLanes], at(begin + i));
    }
    for (std::int64_t half = kReductionLanes / 2; half > 0; half /= 2) {
      for (std::int64_t l = 0; l < half && l + half < present; ++l)
        lanes[l] = join(lanes[l], lanes[l + half]);
    }
    chunks.Push(lanes[0]);
  }
  return chunks.Finish();
}

/// What at(0..n-1) reduce to in columns order. REQUIRES: n > 0.
template <class T, class At, class Join>
T reduce_columns(std::int64_t n, At at, Join join) {
  PairwiseTree<T, Join> blocks(join);
  for (std::int64_t begin = 0; begin < n; begin += kReductionBlock) {
    const std::int64_t end = std::min(begin + kReductionBlock, n);
    T value = at(begin);
    for (std::int64_t i = begin + 1; i < end; ++i) value = join(value, at(i));
    blocks.Push(value);
  }
  return blocks.Finish();
}

/// What one reduction op does to elements of dtype S: in what type, how two join, and what nothing gives.
template <ir::Op op, class S>
struct Reduction {
  using Accumulator = std::conditional_t<kIsHalf<S>, float, S>;

  template <class V>
  static V Join(V a, V b) {
    using ir::Op;
    if constexpr (op == Op::reduce_sum) {
      return add(a, b);
    } else if constexpr (op == Op::reduce_prod) {
      return mul(a, b);
    } else if constexpr (op == Op::reduce_max) {
      return maximum(a, b);
    } else if constexpr (op == Op::reduce_min) {
      return minimum(a, b);
    } else if constexpr (op == Op::reduce_and) {
      return bit_and(a, b);
    } else {
      static_assert(op == Op::reduce_or);
      return bit_or(a, b);
    }
  }

  /// The result over no elements, and a neutral start for every op but reduce_sum on floats (-0 is).
  static constexpr Accumulator Empty() {
    using ir::Op;
    using Limits = std::numeric_limits<Accumulator>;
    if constexpr (op == Op::reduce_prod) {
      return Accumulator(1);
    } else if constexpr (op == Op::reduce_max) {
      return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    } else if constexpr (op == Op::reduce_min) {
      return Limits::has_infinity ? Limits::infinity() : Limits::max();
    } else if constexpr (op == Op::reduce_and) {
      return static_cast<Accumulator>(~Accumulator(0));
    } else {
      return Accumulator(0);
    }
  }
};
template <>
constexpr bool Reduction<ir::Op::reduce_and, bool>::Empty() {
  return true;
}

/// Reduces the elements at(0..n-1) of dtype S to one S; n may be 0.
template <ir::Op op, class S, class At>
S reduce(ReductionOrder order, std::int64_t n, At at) {
  using R = Reduction<op, S>;
  using T = typename R::Accumulator;
  if (n == 0) return convert<S>(R::Empty());
  const auto load = [&](std::int64_t i) { return convert<T>(static_cast<S>(at(i))); };
  const auto join = [](T a, T b) { return R::Join(a, b); };
  return convert<S>(order == ReductionOrder::rows ? reduce_rows<T>(n, load, join)
                                                  : reduce_columns<T>(n, load, join));
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
