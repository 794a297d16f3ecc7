// exp, exp2, expm1, sigmoid.
//
// Cody & Waite (1980) argument reduction with fma, a minimax polynomial, scaling by 2^n in two exact steps.
// Greatest error in ulp: tests/ir/ulp_test.cpp states and checks it for every function.
#pragma once

#include "ir/meaning/polynomial.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V exp_poly(V r) {  // e^r for |r| <= 0.3467, 2^-27.6
  return polynomial(r, 1.0f, 1.0f, 0x1.fffff6p-2f, 0x1.55548ep-3f, 0x1.555c5ep-5f, 0x1.123be8p-7f,
                    0x1.681d3p-10f);
}
template <Double V>
V exp_poly(V r) {  // 2^-57.9
  return polynomial(r, 1.0, 1.0, 0x1.000000000000cp-1, 0x1.5555555555561p-3, 0x1.555555554fdf8p-5,
                    0x1.111111110d63bp-7, 0x1.6c16c1860bca9p-10, 0x1.a01a01bae32cdp-13, 0x1.a01995aaf169p-16,
                    0x1.71dddfc7b8be3p-19, 0x1.28b10752f059ep-22, 0x1.af8590b6e2574p-26);
}
template <Single V>
V exp2_poly(V f) {  // 2^f for |f| <= 0.5, 2^-28.2
  return polynomial(f, 1.0f, 0x1.62e43p-1f, 0x1.ebfbep-3f, 0x1.c6af72p-5f, 0x1.3b2a44p-7f, 0x1.5f0dccp-10f,
                    0x1.44292ap-13f);
}
template <Double V>
V exp2_poly(V f) {  // 2^-57.6
  return polynomial(f, 1.0, 0x1.62e42fefa39efp-1, 0x1.ebfbdff82c5a5p-3, 0x1.c6b08d704a189p-5,
                    0x1.3b2ab6fb9ff51p-7, 0x1.5d87fe7887453p-10, 0x1.4309130f304a2p-13, 0x1.ffcbfce32ce3bp-17,
                    0x1.62bfc6cb082c4p-20, 0x1.b52412482d735p-24, 0x1.e61caafffba4bp-28,
                    0x1.eb16d9d8cc048p-32);
}
template <Single V>
V expm1_poly(V r) {  // (e^r - 1 - r) / r^2 for |r| <= 0.4115
  return polynomial(r, 0x1p-1f, 0x1.555552p-3f, 0x1.55548cp-5f, 0x1.111486p-7f, 0x1.6dbeaap-10f,
                    0x1.9da28cp-13f);
}
template <Double V>
V expm1_poly(V r) {  // 2^-58.5
  return polynomial(r, 0x1p-1, 0x1.5555555555569p-3, 0x1.5555555555526p-5, 0x1.111111110a9cap-7,
                    0x1.6c16c16c26b65p-10, 0x1.a01a01cc17bd8p-13, 0x1.a01a016ba0a75p-16,
                    0x1.71ddb796a8c15p-19, 0x1.27e52e1319a44p-22, 0x1.afc4dfbdd4d65p-26,
                    0x1.1f2866a115facp-29);
}

/// x = n ln 2 + r, |r| <= ln 2 / 2; k is n as an integer.
template <Real V>
struct ExpReduction {
  V r, n;
  Unsigned<V> k;
};
template <Real V>
ExpReduction<V> exp_reduce(V x, V t) {  // t = n + kRound
  const V n = t - V(FormatOf<V>::kRound);
  V r = fmadd(n, constant<V>(-0x1.62e43p-1f, -0x1.62e42fefa39efp-1), x);  // exact
  r = fmadd(n, constant<V>(0x1.05c61p-29f, -0x1.abc9e3b39803fp-56), r);
  return {r, n, bits(t) - integer<V>(FormatOf<V>::kRoundBits)};
}
template <Real V>
ExpReduction<V> exp_reduce(V x) {
  return exp_reduce(x, fmadd(x, constant<V>(0x1.715476p0f, 0x1.71547652b82fep0), V(FormatOf<V>::kRound)));
}

/// e^x * 2^shift for x where it may over- or underflow: x is held to [low, high] (NaN passes).
template <Real V>
V exp_scaled(V x, V low, V high, int shift) {
  x = select(high < x, high, x);
  x = select(low > x, low, x);
  const ExpReduction<V> q = exp_reduce(x);
  return scale2(exp_poly(q.r), q.n - V(Scalar<V>(shift)), q.k - integer<V>(static_cast<unsigned>(shift)));
}
template <Real V>
V exp(V x) {  // e^low rounds to 0, e^high to infinity
  return exp_scaled(x, constant<V>(-104.0f, -746.0), constant<V>(89.0f, 710.0), 0);
}
/// e^x for x so small that 2^n is normal.
template <Real V>
V exp_mid(V x) {
  const ExpReduction<V> q = exp_reduce(x);
  return exp_poly(q.r) * power_of_two<V>(q.k);
}

template <Real V>
V exp2(V x) {
  const V high = constant<V>(129.0f, 1025.0), low = constant<V>(-150.0f, -1075.0);  // ties to even: 0
  x = select(high < x, high, x);
  x = select(low > x, low, x);
  const V t = x + V(FormatOf<V>::kRound), n = t - V(FormatOf<V>::kRound);
  return scale2(exp2_poly(x - n), n, bits(t) - integer<V>(FormatOf<V>::kRoundBits));
}

template <Real V>
V expm1(V x0) {
  const V high = constant<V>(89.0f, 710.0), low = constant<V>(-18.0f, -40.0);
  V x = select(high < x0, high, x0);
  x = select(low > x, low, x);
  const V half = constant<V>(0.5f, 0.5), round(FormatOf<V>::kRound);
  V t = fmadd(x, constant<V>(0x1.715476p0f, 0x1.71547652b82fep0), round);
  t = select(magnitude(x) < constant<V>(0.41f, 0.41), round, t);  // n = 0 up to where the result reaches 1/2
  const ExpReduction<V> q = exp_reduce(x, t);
  const V em = fmadd(expm1_poly(q.r) * q.r, q.r, q.r);
  const V s = power_of_two<V>(q.k - integer<V>(1));  // 2^(n-1), which does not overflow
  const V h = s - half, l = (s - h) - half;
  const V y = (fmadd(em, s, l) + h) * constant<V>(2.0f, 2.0);
  return select(magnitude(x0) < constant<V>(0x1p-25f, 0x1p-54), x0, y);
}

template <Real V>
V sigmoid(V x) {
  const V one = constant<V>(1.0f, 1.0), e = exp(-magnitude(x));
  return select(x < constant<V>(0.0f, 0.0), e, one) / (one + e);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
