// pow.
#pragma once

#include "ir/meaning/exponential.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V pow(V x, V y) {
  using I = Unsigned<V>;
  V a = magnitude(x);
  // log2|x| as a double-float (lh + ll)
  auto den = a < V(0x1p-126f);
  V a2 = select(den, a * V(0x1p25f), a);
  V e0 = select(den, V(-25.0f), V(0.0f));
  I e = sra(bits(a2) - I(0x3f3504f3u), 23);  // mantissa in [sqrt(1/2), sqrt(2))
  V m = flt(bits(a2) - (e << 23));
  V n = (flt(e + I(kRoundBits)) - V(kRound)) + e0;
  V q = m - V(1.0f), d = m + V(1.0f);  // q exact
  V dl = m - (d - V(1.0f));
  V rc = V(1.0f) / d;
  V s = q * rc;
  V sl = rc * fmadd(-s, dl, fmadd(-s, d, q));
  V u = s * s, ul = fmadd(s + s, sl, fmadd(s, s, -u));
  V t = V(0x1.26d09cp-2f);
  t = fmadd(t, u, V(0x1.474268p-2f));
  t = fmadd(t, u, V(0x1.a61bbp-2f));
  t = fmadd(t, u, V(0x1.2776c2p-1f));
  t = t * u;  // C1 + t
  V ch = V(0x1.ec709ep-1f) + t, cl = (V(0x1.ec709ep-1f) - ch) + t + V(-0x1.e2fe02p-28f);
  V v = u * ch, vl = fmadd(u, ch, -v);
  vl = fmadd(u, cl, vl);
  vl = fmadd(ul, ch, vl);  // s^2 * (C1 + t)
  V wh = V(0x1.715476p1f) + v, wl = (V(0x1.715476p1f) - wh) + v + (vl + V(0x1.4ae0cp-25f));
  V gh = s * wh, gl = fmadd(s, wh, -gh);
  gl = fmadd(s, wl, gl);
  gl = fmadd(sl, wh, gl);                  // log2(m) = gh + gl
  V lh = n + gh, ll = (n - lh) + gh + gl;  // |n| >= 1 > |gh| or n = 0
  V l2 = lh + ll;
  ll = (lh - l2) + ll;
  lh = l2;
  // y * log2|x|
  V ph = y * lh;
  V pl = fmadd(y, ll, fmadd(y, lh, -ph));
  V pc = select(V(130.0f) < ph, V(130.0f), ph);
  pc = select(V(-151.0f) > pc, V(-151.0f), pc);
  pl = select(pc == ph, pl, V(0.0f));
  V tt = pc + V(kRound), nn = tt - V(kRound);
  V f = (pc - nn) + pl;
  V z = scale2(exp2_poly(f), nn, bits(tt) - I(kRoundBits));
  // special cases, C Annex F
  V ya = magnitude(y);
  auto big = ya >= V(0x1p24f);            // even integer (or inf)
  V yr = (ya + V(0x1p23f)) - V(0x1p23f);  // round to integer when ya < 2^23
  auto isint = (ya >= V(0x1p23f)) | (yr == ya);
  V yh = ya * V(0.5f), yhr = (yh + V(0x1p23f)) - V(0x1p23f);
  auto evn = big | (yhr == yh);
  auto odd = isint & !evn;
  auto xneg = (bits(x) & I(0x80000000u)) != I(0u);
  auto yneg = (bits(y) & I(0x80000000u)) != I(0u);
  V sgn = flt(select(xneg & odd, I(0x80000000u), I(0u)));
  auto zero = a == V(0.0f);
  auto xinf = a == V(kInfinity);
  auto yinf = ya == V(kInfinity);
  z = select(zero | xinf, select(zero == yneg, V(kInfinity), V(0.0f)), z);
  auto g1 = a > V(1.0f);
  z = select(yinf, select(a == V(1.0f), V(1.0f), select(g1 == yneg, V(0.0f), V(kInfinity))), z);
  z = flt(bits(z) ^ bits(sgn));
  auto bad = xneg & !isint & (a > V(0.0f)) & (a < V(kInfinity));
  z = select(bad, V(kNan), z);
  z = select((x == x) & (y == y), z, x + y);
  return select((y == V(0.0f)) | (x == V(1.0f)), V(1.0f), z);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
