// exp, exp2, expm1, sigmoid.
#pragma once

#include "ir/meaning/polynomial.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V exp_poly(V r) {  // e^r, |r| <= 0.3467, deg 6, 2^-27.6
  V p = V(0x1.681d3p-10f);
  p = fmadd(p, r, V(0x1.123be8p-7f));
  p = fmadd(p, r, V(0x1.555c5ep-5f));
  p = fmadd(p, r, V(0x1.55548ep-3f));
  p = fmadd(p, r, V(0x1.fffff6p-2f));
  p = fmadd(p, r, V(1.0f));
  return fmadd(p, r, V(1.0f));
}
template <Single V>
struct Red {
  V r, n;
  Unsigned<V> k;
};
template <Single V>
Red<V> exp_red(V x) {
  V t = fmadd(x, V(0x1.715476p0f), V(kRound));
  V n = t - V(kRound);
  V r = fmadd(n, V(-0x1.62e43p-1f), x);  // exact
  r = fmadd(n, V(0x1.05c61p-29f), r);
  return {r, n, bits(t) - Unsigned<V>(kRoundBits)};
}
template <Single V>
V exp(V x) {
  x = select(V(89.0f) < x, V(89.0f), x);      // NaN passes; e^89 = inf
  x = select(V(-104.0f) > x, V(-104.0f), x);  // e^-104 rounds to 0
  Red<V> q = exp_red(x);
  return scale2(exp_poly(q.r), q.n, q.k);
}
// e^x for |x| small enough that 2^n is normal and no clamp is needed
template <Single V>
V exp_mid(V x) {
  using I = Unsigned<V>;
  Red<V> q = exp_red(x);
  return exp_poly(q.r) * flt((q.k << 23) + I(0x3f800000u));
}
template <Single V>
V exp2_poly(V f) {  // 2^f, |f| <= 0.5, deg 6
  V p = V(0x1.44292ap-13f);
  p = fmadd(p, f, V(0x1.5f0dccp-10f));
  p = fmadd(p, f, V(0x1.3b2a44p-7f));
  p = fmadd(p, f, V(0x1.c6af72p-5f));
  p = fmadd(p, f, V(0x1.ebfbep-3f));
  p = fmadd(p, f, V(0x1.62e43p-1f));
  return fmadd(p, f, V(1.0f));
}
template <Single V>
V exp2(V x) {
  using I = Unsigned<V>;
  x = select(V(129.0f) < x, V(129.0f), x);
  x = select(V(-150.0f) > x, V(-150.0f), x);  // 2^-150 ties to even = 0
  V t = x + V(kRound), n = t - V(kRound);
  return scale2(exp2_poly(x - n), n, bits(t) - I(kRoundBits));
}
template <Single V>
V expm1(V x0) {
  using I = Unsigned<V>;
  V x = select(V(89.0f) < x0, V(89.0f), x0);
  x = select(V(-18.0f) > x, V(-18.0f), x);
  V t = fmadd(x, V(0x1.715476p0f), V(kRound));
  t = select(magnitude(x) < V(0.41f), V(kRound), t);  // n = 0 up to where the result reaches 1/2
  V n = t - V(kRound);
  V r = fmadd(n, V(-0x1.62e43p-1f), x);
  r = fmadd(n, V(0x1.05c61p-29f), r);
  I k = bits(t) - I(kRoundBits);
  V p = V(0x1.9da28cp-13f);
  p = fmadd(p, r, V(0x1.6dbeaap-10f));
  p = fmadd(p, r, V(0x1.111486p-7f));
  p = fmadd(p, r, V(0x1.55548cp-5f));
  p = fmadd(p, r, V(0x1.555552p-3f));
  p = fmadd(p, r, V(0x1p-1f));
  V em = fmadd(p * r, r, r);
  V s = flt((k << 23) + I(0x3f000000u));     // 2^(n-1)
  V h = s - V(0.5f), l = (s - h) - V(0.5f);  // h + l = 2^(n-1) - 1/2
  V y = (fmadd(em, s, l) + h) * V(2.0f);
  return select(magnitude(x0) < V(0x1p-25f), x0, y);
}
template <Single V>
V sigmoid(V x) {
  V e = exp(-magnitude(x));
  return select(x < V(0.0f), e, V(1.0f)) / (V(1.0f) + e);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
