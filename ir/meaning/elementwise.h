// The meaning of every elementwise row of ir/ops.def, one template each, over the number concept (number.h).
//
//   meaning::maximum(a, b)                     a function per op, for numbers of f32, f64, integers and bool
//   meaning::apply<Op::maximum>(a, b)          the same by op, for every dtype that the row accepts
//   meaning::apply_convert<Op::convert, S>(a)  convert and bitcast, which name their result
//   meaning::faults<Op::div>(a, b)             Mask: the elements for which the op faults
//
// f16 and bf16: computed by the f32 meaning and rounded once to the dtype; add, sub, mul, div and sqrt are
// thus correctly rounded (24 >= 2 * 11 + 2). fma is computed in f64, rounded to odd, then rounded: one
// rounding. An element that faults has the value 0. The least integer / -1 is itself, its remainder 0. An op
// of ops.def without a meaning does not compile. Pure functions; any thread.
#pragma once

#include "ir/meaning/arithmetic.h"
#include "ir/meaning/conversion.h"
#include "ir/meaning/error_function.h"
#include "ir/meaning/hyperbolic.h"
#include "ir/meaning/inverse_trigonometric.h"
#include "ir/meaning/power.h"
#include "ir/meaning/trigonometric.h"
#include "ir/ops.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

/// f16 and bf16: x * y + z in f64 (the product is exact there), the sum rounded to odd, then to the dtype.
template <class H>
H half_fma(H x, H y, H z) {
  using D = With<H, double>;
  using I = Unsigned<D>;
  const D p = convert<double>(x) * convert<double>(y), c = convert<double>(z);
  const D s = p + c, t = s - p, error = (p - (s - t)) + (c - t);  // exact (Knuth's two-sum)
  const Mask<D> outward = (error > D(0.0)) == (s > D(0.0));
  const I u = bits(s), odd = u & I(std::uint64_t{1});
  const I nudged = select(outward, u + I(std::uint64_t{1}), u - I(std::uint64_t{1}));
  const Mask<D> inexact = (magnitude(error) > D(0.0)) & (odd == I(std::uint64_t{0}));  // false for NaN
  return convert<Scalar<H>>(flt(select(inexact, nudged, u)));
}

template <ir::Op op, class V, class... W>
auto apply_wide(V x, W... rest) {
  using ir::Op;
  if constexpr (op == Op::select) {
    return select(x, rest...);
  }
#define LEAT_UNARY(name, ...)          \
  else if constexpr (op == Op::name) { \
    return name(x, rest...);           \
  }
#define LEAT_BINARY LEAT_UNARY
#define LEAT_TERNARY LEAT_UNARY
#define LEAT_COMPARE LEAT_UNARY
#define LEAT_OP(name, ...)
#include "ir/ops.def"
  else if constexpr (op == Op::is_finite) {
    return is_finite(x);
  } else if constexpr (op == Op::is_nan) {
    return is_nan(x);
  } else {
    static_assert(op == Op::select, "this op has no elementwise meaning");
  }
}

/// The op on numbers of one dtype (select: a bool, then two of one dtype). The result is a number of that
/// dtype, or a Mask for comparisons and classifications.
template <ir::Op op, class V, class... W>
auto apply(V x, W... rest) {
  if constexpr (!kIsHalf<V>) {
    return apply_wide<op>(x, rest...);
  } else if constexpr (op == ir::Op::fma) {
    return half_fma(x, rest...);
  } else {
    const auto r = apply_wide<op>(convert<float>(x), convert<float>(rest)...);
    using R = std::remove_const_t<decltype(r)>;
    if constexpr (kIsBool<R>) {
      return r;
    } else {
      return convert<Scalar<V>>(r);
    }
  }
}

template <ir::Op op, class S, class V>
auto apply_convert(V x) {
  static_assert(op == ir::Op::convert || op == ir::Op::bitcast);
  if constexpr (op == ir::Op::bitcast) {
    return bitcast<S>(x);
  } else {
    return convert<S>(x);
  }
}

template <ir::Op op, class V, class... W>
Mask<V> faults([[maybe_unused]] V x, [[maybe_unused]] W... rest) {
  if constexpr ((op == ir::Op::div || op == ir::Op::rem) && kIsInteger<V>) {
    return (rest == ...) == V(Scalar<V>(0));
  } else {
    return Mask<V>(false);
  }
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
