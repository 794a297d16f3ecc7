// sin, cos.
#pragma once

#include "ir/meaning/polynomial.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
struct Trig {
  V r, lo;
  Unsigned<V> j;
};
constexpr float kTrigMax = 65536.f;
template <Single V>
Trig<V> trig_fast(V a) {  // 0 <= a <= kTrigMax
  using I = Unsigned<V>;
  V t = fmadd(a, V(0x1.45f306p-1f), V(kRound)), j = t - V(kRound);
  V r0 = fmadd(j, V(-0x1.921fb6p0f), a);     // exact
  V r1 = fmadd(j, V(0x1.78p-25f), r0);       // C2, C3 are short: when these cancel they are exact,
  V l1 = fmadd(j, V(0x1.78p-25f), r0 - r1);  // when they do not, the rounding error is exact
  V r2 = fmadd(j, V(-0x1.0cp-34f), r1);
  V l2 = fmadd(j, V(-0x1.0cp-34f), r1 - r2);
  V lo = fmadd(j, V(0x1.73dcb4p-43f), l1 + l2);
  return {r2, lo, bits(t) - I(kRoundBits)};
}
// Payne-Hanek: a = m * 2^(E-150), 96-bit window of 2/pi, all integer, no table (selects of constants)
template <Single V>
Trig<V> trig_slow(V a) {
  using I = Unsigned<V>;
  using L = Wide<V>;
  I b = bits(a), m = ((b & I(0x007fffffu)) | I(0x00800000u)) << 8;
  I E = (b >> 23) - I(128u);  // window starts at bit E of 0.W1W2..; E in [15,126]
  const std::uint32_t W[7] = {0u,          0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
                              0xf534ddc0u, 0xdb629599u, 0x3c439041u};
  auto b0 = (E & I(32u)) == I(0u);
  auto b1 = (E & I(64u)) == I(0u);
  I e = E & I(31u);
  I s1[6], w[4];
  for (int k = 0; k < 6; ++k) s1[k] = select(b0, I(W[k]), I(W[k + 1]));
  for (int k = 0; k < 4; ++k) w[k] = select(b1, s1[k], s1[k + 2]);
  auto fun = [&](I h, I l) { return shl(h, e) | shr(shr(l, I(1u)), I(31u) - e); };
  I h = fun(w[0], w[1]), mi = fun(w[1], w[2]), l = fun(w[2], w[3]);
  L p = cast<std::uint64_t>(m) * cast<std::uint64_t>(l);  // keep 64 bits below 2^2 of the product
  p = cast<std::uint64_t>(m) * cast<std::uint64_t>(mi) + (p >> 32);
  p = p + (cast<std::uint64_t>(m * h) << 32);
  // p = a*2/pi mod 4, scaled by 2^62
  I j = cast<std::uint32_t>(p >> 62);
  L f = (p << 2);                          // fraction of a quarter turn, scaled 2^64
  auto up = cast<std::uint32_t>(f >> 63);  // round to nearest quarter
  j = j + up;
  L g = sra(f, 1);                            // signed fraction in [-1/2,1/2), scaled 2^63
  V fh = cast<float>(cast<std::int64_t>(g));  // two floats
  V fl = cast<float>(cast<std::int64_t>(g - cast<std::uint64_t>(cast<std::int64_t>(fh))));
  const float CH = 0x1.921fb6p0f, CL = -0x1.777a5cp-25f;
  V S = V(0x1p-63f);
  fh = fh * S;
  fl = fl * S;
  V r = fh * V(CH);
  V rl = fmadd(fh, V(CH), -r);
  rl = fmadd(fh, V(CL), rl);
  rl = fmadd(fl, V(CH), rl);
  V rs = r + rl;
  V lo = (r - rs) + rl;
  return {rs, lo, j};
}
template <Single V>
V trig_eval(Trig<V> t, Unsigned<V> shift) {
  using I = Unsigned<V>;
  I j = t.j + shift;
  V r = t.r, u = r * r;
  V s = V(0x1.77e104p-19f);
  s = fmadd(s, u, V(-0x1.a04864p-13f));
  s = fmadd(s, u, V(0x1.111164p-7f));
  s = fmadd(s, u, V(-0x1.555556p-3f));
  s = r + fmadd(s, r * u, t.lo);
  V c = V(0x1.99eac8p-16f);
  c = fmadd(c, u, V(-0x1.6c0c2ep-10f));
  c = fmadd(c, u, V(0x1.55554ap-5f));
  c = fmadd(c, u, V(-0.5f));
  V ul = fmadd(r, r, -u);  // r*r = u + ul
  c = V(1.0f) + fmadd(c, u, fmadd(ul, V(-0.5f), -(r * t.lo)));
  V y = select((j & I(1u)) == I(0u), s, c);
  return flt(bits(y) ^ ((j & I(2u)) << 30));
}
template <Single V>
V trig(V x, bool cosine) {
  using I = Unsigned<V>;
  V a = magnitude(x);
  I shift = I(cosine ? 1u : 0u);
  V y = lazy(a > V(kTrigMax), trig_eval(trig_fast(a), shift), [&] {
    V z = trig_eval(trig_slow(a), shift);
    return select(a < V(kInfinity), z, V(kNan));
  });
  if (cosine) return y;
  return flt(bits(y) ^ (bits(x) & I(0x80000000u)));
}
template <Single V>
V sin(V x) {
  return trig(x, false);
}
template <Single V>
V cos(V x) {
  return trig(x, true);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
