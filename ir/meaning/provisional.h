// Rough first definitions of the functions that still await their own: replaced family by family.
#pragma once

#include "ir/meaning/error_function.h"
#include "ir/meaning/hyperbolic.h"
#include "ir/meaning/logarithm.h"
#include "ir/meaning/power.h"
#include "ir/meaning/trigonometric.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V log2(V x) {
  return log(x) * V(1.44269504f);
}
template <Single V>
V cbrt(V x) {
  return copy_sign(pow(magnitude(x), V(1.0f / 3)), x);
}
template <Single V>
V tan(V x) {
  return sin(x) / cos(x);
}
template <Single V>
V atan(V x) {
  const V a = magnitude(x);
  const Mask<V> big = a > V(1.0f);
  const V t = select(big, V(1.0f) / a, a), u = t * t;
  const V p =
      t * polynomial(u, 0.99997726f, -0.33262347f, 0.19354346f, -0.11643287f, 0.05265332f, -0.01172120f);
  return copy_sign(select(big, V(1.5707963f) - p, p), x);
}
template <Single V>
V asin(V x) {
  return atan(x / square_root(V(1.0f) - x * x));
}
template <Single V>
V acos(V x) {
  return V(1.5707963f) - asin(x);
}
template <Single V>
V atan2(V y, V x) {
  const V a = atan(y / x);
  return select(x < V(0.0f), a + copy_sign(V(3.1415926f), y), a);
}
template <Single V>
V sinh(V x) {
  return (exp(x) - exp(-x)) * V(0.5f);
}
template <Single V>
V cosh(V x) {
  return (exp(x) + exp(-x)) * V(0.5f);
}
template <Single V>
V asinh(V x) {
  const V a = magnitude(x);
  return copy_sign(log(a + square_root(fmadd(a, a, V(1.0f)))), x);
}
template <Single V>
V acosh(V x) {
  return log(x + square_root(fmadd(x, x, V(-1.0f))));
}
template <Single V>
V atanh(V x) {
  return V(0.5f) * (log1p(x) - log1p(-x));
}
template <Single V>
V erfinv(V x) {
  const V w = log1p(-(x * x)), b = fmadd(w, V(0.5f), V(4.3307467f));
  return copy_sign(square_root(square_root(fmadd(b, b, w * V(-6.802721f))) - b), x);
}

#define LEAT_THROUGH_SINGLE(f)              \
  template <Double V>                       \
  V f(V x) {                                \
    return cast<double>(f(cast<float>(x))); \
  }
LEAT_THROUGH_SINGLE(exp)
LEAT_THROUGH_SINGLE(exp2)
LEAT_THROUGH_SINGLE(expm1)
LEAT_THROUGH_SINGLE(sigmoid)
LEAT_THROUGH_SINGLE(log)
LEAT_THROUGH_SINGLE(log2)
LEAT_THROUGH_SINGLE(log1p)
LEAT_THROUGH_SINGLE(cbrt)
LEAT_THROUGH_SINGLE(sin)
LEAT_THROUGH_SINGLE(cos)
LEAT_THROUGH_SINGLE(tan)
LEAT_THROUGH_SINGLE(asin)
LEAT_THROUGH_SINGLE(acos)
LEAT_THROUGH_SINGLE(atan)
LEAT_THROUGH_SINGLE(sinh)
LEAT_THROUGH_SINGLE(cosh)
LEAT_THROUGH_SINGLE(tanh)
LEAT_THROUGH_SINGLE(asinh)
LEAT_THROUGH_SINGLE(acosh)
LEAT_THROUGH_SINGLE(atanh)
LEAT_THROUGH_SINGLE(erf)
LEAT_THROUGH_SINGLE(erfinv)
#undef LEAT_THROUGH_SINGLE
template <Double V>
V pow(V x, V y) {
  return cast<double>(pow(cast<float>(x), cast<float>(y)));
}
template <Double V>
V atan2(V x, V y) {
  return cast<double>(atan2(cast<float>(x), cast<float>(y)));
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
