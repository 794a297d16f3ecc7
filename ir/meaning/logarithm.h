// log, log2, log1p, and what the inverse hyperbolic functions need of them.
//
// x = 2^n (1 + f), log x = n ln 2 + f + g with g = O(f^2). For f32 a polynomial in f; for f64, where that
// would be long, one in s = f / (2 + f), as log(1 + f) = 2 atanh(s).
#pragma once

#include "ir/meaning/polynomial.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

/// log x = n ln 2 + f + g; f is exact.
template <Real V>
struct LogParts {
  V n, f, g;
};

template <Double V, class Series>
V log_tail(V f, Series series) {  // log(1 + f) - f; series(s^2) = (2 atanh(s) - 2 s) / s^3
  const V s = f / (V(2.0) + f), z = s * s, half = V(0.5) * (f * f);
  return s * fmadd(z, series(z), half) - half;
}

/// For a normal x > 0.
template <Single V>
LogParts<V> log_parts(V x) {
  const Unsigned<V> e = sra(bits(x) - integer<V>(0x3f2aaaabu), 23);  // mantissa in [2/3, 4/3)
  const V f = flt(bits(x) - (e << 23)) - V(1.0f);
  const V p = polynomial(f, -0.5f, 0x1.5554e2p-2f, -0x1.fffddcp-3f, 0x1.99de1ap-3f, -0x1.55ca8p-3f,
                         0x1.1e0d86p-3f, -0x1.ee8a26p-4f, 0x1.21e95ep-3f, -0x1.115be6p-3f);
  return {float_of<V>(e), f, (f * f) * p};
}
template <Double V>
LogParts<V> log_parts(V x) {
  const Unsigned<V> e = sra(bits(x) - integer<V>(0x3fe6a09e667f3bcdu), 52);  // in [sqrt(1/2), sqrt(2))
  const V f = flt(bits(x) - (e << 52)) - V(1.0);
  return {float_of<V>(e), f, log_tail(f, [](V z) {  // 2^-58.5
            return polynomial(z, 0x1.5555555555593p-1, 0x1.999999997fa39p-2, 0x1.2492494224e8ap-2,
                              0x1.c71c51dcf77b9p-3, 0x1.74664887e7c18p-3, 0x1.39a0b4d928d51p-3,
                              0x1.2f103ae91c983p-3);
          })};
}

/// n ln 2 + f + g + extra, where extra is small.
template <Real V>
V log_join(LogParts<V> p, V extra) {
  const V low = fmadd(p.n, constant<V>(-0x1.05c61p-29f, 0x1.abc9e3b39803fp-56), p.g + extra);
  return fmadd(p.n, constant<V>(0x1.62e43p-1f, 0x1.62e42fefa39efp-1), p.f + low);
}
template <Real V>
V log_join(LogParts<V> p) {
  const V low = fmadd(p.n, constant<V>(-0x1.05c61p-29f, 0x1.abc9e3b39803fp-56), p.g);
  return fmadd(p.n, constant<V>(0x1.62e43p-1f, 0x1.62e42fefa39efp-1), p.f + low);
}

/// Parts for any x > 0 (subnormals are scaled up).
template <Real V>
LogParts<V> log_parts_any(V x) {
  const Mask<V> tiny = x < V(FormatOf<V>::kLeastNormal);
  LogParts<V> p = log_parts(select(tiny, x * constant<V>(0x1p25f, 0x1p54), x));
  p.n = p.n + select(tiny, constant<V>(-25.0f, -54.0), constant<V>(0.0f, 0.0));
  return p;
}
/// The special cases of a logarithm of x whose value for finite x > 0 is y.
template <Real V>
V log_edges(V x, V y) {
  const V zero = constant<V>(0.0f, 0.0);
  y = select(x < infinity<V>(), y, x);  // +inf, NaN
  y = select(x == zero, -infinity<V>(), y);
  return select(x < zero, nan<V>(), y);
}

template <Real V>
V log(V x) {
  return log_edges(x, log_join(log_parts_any(x)));
}

template <Real V>
V log2(V x) {
  const LogParts<V> p = log_parts_any(x);
  const V high = constant<V>(0x1.715476p0f, 0x1.71547652b82fep0);
  const V low = constant<V>(0x1.4ae0cp-26f, 0x1.777d0ffda0d24p-56);
  const V m = p.f * high, rest = fmadd(p.f, high, -m) + fmadd(p.f, low, p.g * high);
  const V h = p.n + m;  // |n| >= 1 > |m|, or n = 0
  return log_edges(x, h + (((p.n - h) + m) + rest));
}

template <Single V>
V log1p_tail(V f) {  // log(1 + f) - f for f in [-1/4, 1/2]
  return (f * f) * polynomial(f, -0.5f, 0x1.5555c4p-2f, -0x1.00001p-2f, 0x1.995e22p-3f, -0x1.54f1f2p-3f,
                              0x1.292414p-3f, -0x1.0e06f6p-3f, 0x1.a79492p-4f, -0x1.6412bap-5f);
}
template <Double V>
V log1p_tail(V f) {  // 2^-61.7
  return log_tail(f, [](V z) {
    return polynomial(z, 0x1.555555555554fp-1, 0x1.999999999c15bp-2, 0x1.24924921e6fe5p-2,
                      0x1.c71c748ce6f3fp-3, 0x1.745c4b977115fp-3, 0x1.3b35a76777094p-3, 0x1.0dcd50a6c0f7cp-3,
                      0x1.1b75928799d54p-3);
  });
}

/// Parts of log(1 + x) for x > -1: 1 + x = 2^n (1 + f) with f in [-1/4, 1/2], f = x itself where n is 0.
template <Real V>
LogParts<V> log1p_parts(V x) {
  const V u = x + constant<V>(1.0f, 1.0);
  const Unsigned<V> e = (bits(u) - bits(constant<V>(0.75f, 0.75))) & ~integer<V>(FormatOf<V>::kMantissaBits);
  const V four = flt(bits(constant<V>(4.0f, 4.0)) - e);  // 4 * 2^-n is normal
  const V f = flt(bits(x) - e) + fmadd(four, constant<V>(0.25f, 0.25), constant<V>(-1.0f, -1.0));
  return {float_of<V>(sra(e, FormatOf<V>::kMantissa)), f, log1p_tail(f)};
}

template <Real V>
V log1p(V x) {
  const V minus_one = constant<V>(-1.0f, -1.0);
  V y = log_join(log1p_parts(x));
  y = select(magnitude(x) < constant<V>(0x1p-25f, 0x1p-54), x, y);  // keeps -0 and subnormals
  y = select(x < infinity<V>(), y, x);
  y = select(x == minus_one, -infinity<V>(), y);
  return select(x < minus_one, nan<V>(), y);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
