// neg to fma, comparisons, classification: the elementwise ops that need no more than a line or two.
//
// Integers wrap. minimum and maximum: a NaN wins, and -0 is less than +0. Comparisons give a Mask; on bool,
// false is less than true. Pure functions over the number concept; any thread.
#pragma once

#include "ir/meaning/integer.h"
#include "ir/meaning/rounding.h"

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

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
