// pow and cbrt.
//
// pow: 2^(y log2|x|) with log2 as an unevaluated sum of two numbers (after Muller et al., Handbook of
// Floating-Point Arithmetic); special cases as C Annex F. cbrt: a polynomial, then Newton steps of which the
// last uses the exact residual.
#pragma once

#include "ir/meaning/exponential.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V log2_series(V u) {  // C2 + u C3 + ...: log2((1+s)/(1-s)) = s (C0 + u (C1 + u ...)), u = s^2
  return polynomial(u, 0x1.2776c2p-1f, 0x1.a61bbp-2f, 0x1.474268p-2f, 0x1.26d09cp-2f);
}
template <Double V>
V log2_series(V u) {  // 2^-74
  return polynomial(u, 0x1.2776c50ef9bffp-1, 0x1.a61762a7adc2dp-2, 0x1.484b13d7ebc7dp-2, 0x1.0c9a84816c279p-2,
                    0x1.c68f661151124p-3, 0x1.89f08eab9e909p-3, 0x1.5bff5d845e0bap-3, 0x1.2f8dfa743d7c9p-3,
                    0x1.633bff7197e77p-3);
}

template <Real V>
struct Pair {
  V high, low;
};

/// log2 of a positive a, to about one and a half times the precision.
template <Real V>
Pair<V> log2_pair(V a) {
  using I = Unsigned<V>;
  const V one = constant<V>(1.0f, 1.0);
  const Mask<V> tiny = a < V(FormatOf<V>::kLeastNormal);
  const V a2 = select(tiny, a * constant<V>(0x1p25f, 0x1p54), a);
  const V e0 = select(tiny, constant<V>(-25.0f, -54.0), constant<V>(0.0f, 0.0));
  const I root = bits(constant<V>(0x1.6a09e6p-1f, 0x1.6a09e667f3bcdp-1));
  const I e = sra(bits(a2) - root, FormatOf<V>::kMantissa);  // mantissa in [sqrt(1/2), sqrt(2))
  const V m = flt(bits(a2) - (e << FormatOf<V>::kMantissa)), n = float_of<V>(e) + e0;
  const V q = m - one, d = m + one, d_low = m - (d - one);  // q is exact
  const V rc = one / d, s = q * rc;
  const V s_low = rc * fmadd(-s, d_low, fmadd(-s, d, q));
  const V u = s * s, u_low = fmadd(s + s, s_low, fmadd(s, s, -u));
  const V t = log2_series(u) * u;
  const V c0 = constant<V>(0x1.715476p1f, 0x1.71547652b82fep1),
          c1 = constant<V>(0x1.ec709ep-1f, 0x1.ec709dc3a03fdp-1);
  const V c0_low = constant<V>(0x1.4ae0cp-25f, 0x1.777d0ffda0d24p-55);
  const V c1_low = constant<V>(-0x1.e2fe02p-28f, 0x1.d27f05548af0cp-55);
  const V ch = c1 + t, cl = (c1 - ch) + t + c1_low;
  const V v = u * ch, v_low = fmadd(u_low, ch, fmadd(u, cl, fmadd(u, ch, -v)));  // s^2 (C1 + t)
  const V wh = c0 + v, wl = (c0 - wh) + v + (v_low + c0_low);
  const V gh = s * wh, gl = fmadd(s_low, wh, fmadd(s, wl, fmadd(s, wh, -gh)));  // log2(m)
  const V lh = n + gh, ll = (n - lh) + gh + gl;                                 // |n| >= 1 > |gh|, or n = 0
  const V high = lh + ll;
  return {high, (lh - high) + ll};
}

template <Real V>
V pow(V x, V y) {
  const V a = magnitude(x), one = constant<V>(1.0f, 1.0), zero = constant<V>(0.0f, 0.0);
  const Pair<V> l = log2_pair(a);
  const V ph = y * l.high, pl = fmadd(y, l.low, fmadd(y, l.high, -ph));
  const V high = constant<V>(130.0f, 1026.0), low = constant<V>(-151.0f, -1076.0);
  V pc = select(high < ph, high, ph);
  pc = select(low > pc, low, pc);
  const V t = pc + V(FormatOf<V>::kRound), n = t - V(FormatOf<V>::kRound);
  const V f = (pc - n) + select(pc == ph, pl, zero);
  V z = scale2(exp2_poly(f), n, bits(t) - integer<V>(FormatOf<V>::kRoundBits));
  // Special cases. From kInteger on every number is an integer, from twice that an even one.
  const V whole(FormatOf<V>::kInteger), ya = magnitude(y), half_y = ya * constant<V>(0.5f, 0.5);
  const Mask<V> is_integer = (ya >= whole) | (((ya + whole) - whole) == ya);
  const Mask<V> is_even = (ya >= whole + whole) | (((half_y + whole) - whole) == half_y);
  const Mask<V> x_negative = sign_bit(x), y_negative = sign_bit(y),
                negate = x_negative & is_integer & !is_even;
  const Mask<V> is_zero = a == zero, is_infinite = a == infinity<V>();
  z = select(is_zero | is_infinite, select(is_zero == y_negative, infinity<V>(), zero), z);
  const V at_infinity = select((a > one) == y_negative, zero, infinity<V>());
  z = select(ya == infinity<V>(), select(a == one, one, at_infinity), z);
  z = select(negate, -z, z);
  z = select(x_negative & !is_integer & (a > zero) & (a < infinity<V>()), nan<V>(), z);
  z = select((x == x) & (y == y), z, x + y);
  return select((y == zero) | (x == one), one, z);
}

template <Real V>
V cbrt(V x) {
  using I = Unsigned<V>;
  constexpr int kMantissa = FormatOf<V>::kMantissa;
  const V a = magnitude(x), one = constant<V>(1.0f, 1.0);
  const Mask<V> tiny = a < V(FormatOf<V>::kLeastNormal);
  const I b = bits(select(tiny, a * constant<V>(0x1p24f, 0x1p54), a));
  // a = m 2^r 2^(3 q), m in [1, 2), r in {0, 1, 2}; z counts from a multiple of 3 (129 or 1023 stands for 0)
  const I z = (b >> kMantissa) + integer<V>(kIsDouble<V> ? 0 : 2);
  const I third = (z * integer<V>(43691)) >> 17, r = z - third * integer<V>(3);
  const V m = flt((b & integer<V>(FormatOf<V>::kMantissaBits)) | integer<V>(FormatOf<V>::kOne));
  const V c = flt(bits(m) + (r << kMantissa));
  const V root = select(r == integer<V>(0), one,
                        select(r == integer<V>(1), constant<V>(0x1.428a3p0f, 0x1.428a2f98d728bp0),
                               constant<V>(0x1.965feap0f, 0x1.965fea53d6e3dp0)));
  const auto start = [&] {  // m^(1/3), 2^-16.4
    return polynomial(m, 0x1.0392dap-1f, 0x1.6fb1bap-1f, -0x1.33d334p-2f, 0x1.60a0bcp-4f, -0x1.5b772p-7f);
  };
  V t = start() * root;
  const V three = constant<V>(3.0f, 3.0);
  if constexpr (kIsDouble<V>) t = t + fmadd(-(t * t), t, c) / (three * (t * t));
  const V t2 = t * t, t2_low = fmadd(t, t, -t2);
  const V residual = fmadd(-t2_low, t, fmadd(-t2, t, c));  // c - t^3
  t = t + residual / (three * t2);
  V y = flt(bits(t) + ((third - integer<V>(kIsDouble<V> ? 341 : 43)) << kMantissa));
  y = y * select(tiny, constant<V>(0x1p-8f, 0x1p-18), one);
  y = select((a > constant<V>(0.0f, 0.0)) & (a < infinity<V>()), y, a);
  return copy_sign(y, x);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
