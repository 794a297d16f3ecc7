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

#include "ir/meaning/conversion.h"
#include "ir/meaning/error_function.h"
#include "ir/meaning/hyperbolic.h"
#include "ir/meaning/integer.h"
#include "ir/meaning/inverse_trigonometric.h"
#include "ir/meaning/power.h"
#include "ir/meaning/rounding.h"
#include "ir/meaning/trigonometric.h"
#include "ir/ops.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <class V>
V neg(V x) {
  if constexpr (kIsInteger<V>) {
    return wrap_sub(V(Scalar<V>(0)), x);
  } else {
    return -x;
  }
}

template <class V>
V abs(V x) {
  if constexpr (!kIsInteger<V>) {
    return magnitude(x);
  } else if constexpr (kIsSigned<V>) {
    return select(x < V(Scalar<V>(0)), neg(x), x);
  } else {
    return x;
  }
}

template <class V>
V sign(V x) {
  using S = Scalar<V>;
  const V zero(S(0)), one(S(1));
  if constexpr (kIsSigned<V>) x = select(x < zero, V(S(-1)), x);
  return select(x > zero, one, x);
}

template <class V>
V add(V a, V b) {
  if constexpr (kIsInteger<V>) {
    return wrap_add(a, b);
  } else {
    return a + b;
  }
}

template <class V>
V sub(V a, V b) {
  if constexpr (kIsInteger<V>) {
    return wrap_sub(a, b);
  } else {
    return a - b;
  }
}

template <class V>
V mul(V a, V b) {
  if constexpr (kIsInteger<V>) {
    return wrap_mul(a, b);
  } else {
    return a * b;
  }
}

template <class V>
V div(V a, V b) {
  if constexpr (kIsInteger<V>) {
    return integer_div(a, b);
  } else {
    return a / b;
  }
}

template <class V>
V rem(V a, V b) {
  if constexpr (kIsInteger<V>) {
    return integer_rem(a, b);
  } else {
    return float_rem(a, b);
  }
}

template <class V>
V maximum(V a, V b) {
  if constexpr (kIsBool<V>) {
    return V(a | b);
  } else if constexpr (kIsInteger<V>) {
    return select(a > b, a, b);
  } else {
    V r = select(a > b, a, b);                      // a NaN in b stays
    r = select(a == b, flt(bits(a) & bits(b)), r);  // -0 < +0
    return select(a != a, a, r);
  }
}

template <class V>
V minimum(V a, V b) {
  if constexpr (kIsBool<V>) {
    return V(a & b);
  } else if constexpr (kIsInteger<V>) {
    return select(a < b, a, b);
  } else {
    V r = select(a < b, a, b);
    r = select(a == b, flt(bits(a) | bits(b)), r);
    return select(a != a, a, r);
  }
}

template <class V>
V clamp(V lo, V x, V hi) {
  return minimum(maximum(lo, x), hi);
}

template <class V>
V fma(V a, V b, V c) {
  return fmadd(a, b, c);
}

template <class V>
V sqrt(V x) {
  return square_root(x);
}

template <class V>
V rsqrt(V x) {
  return V(Scalar<V>(1)) / square_root(x);
}

template <class V>
Mask<V> equal(V a, V b) {
  return a == b;
}
template <class V>
Mask<V> not_equal(V a, V b) {
  return a != b;
}
template <class V>
Mask<V> less(V a, V b) {
  if constexpr (kIsBool<V>) {
    return Mask<V>((!a) & b);
  } else {
    return a < b;
  }
}
template <class V>
Mask<V> less_equal(V a, V b) {
  if constexpr (kIsBool<V>) {
    return Mask<V>((!a) | b);
  } else {
    return a <= b;
  }
}
template <class V>
Mask<V> greater(V a, V b) {
  return less(b, a);
}
template <class V>
Mask<V> greater_equal(V a, V b) {
  return less_equal(b, a);
}

template <class V>
Mask<V> is_finite(V x) {
  return magnitude(x) < V(std::numeric_limits<Scalar<V>>::infinity());
}
template <class V>
Mask<V> is_nan(V x) {
  return x != x;
}

// --- by op -------------------------------------------------------------------------------------------------

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
