// log, log1p.
#pragma once

#include "ir/meaning/polynomial.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V log(V x) {
  using I = Unsigned<V>;
  auto den = x < V(0x1p-126f);
  V x2 = select(den, x * V(0x1p25f), x);
  V e0 = select(den, V(-25.0f), V(0.0f));
  I e = sra(bits(x2) - I(0x3f2aaaabu), 23);
  V f = flt(bits(x2) - (e << 23)) - V(1.0f);  // mantissa in [2/3,4/3)
  V n = (flt(e + I(kRoundBits)) - V(kRound)) + e0;
  V p = V(-0x1.115be6p-3f);
  p = fmadd(p, f, V(0x1.21e95ep-3f));
  p = fmadd(p, f, V(-0x1.ee8a26p-4f));
  p = fmadd(p, f, V(0x1.1e0d86p-3f));
  p = fmadd(p, f, V(-0x1.55ca8p-3f));
  p = fmadd(p, f, V(0x1.99de1ap-3f));
  p = fmadd(p, f, V(-0x1.fffddcp-3f));
  p = fmadd(p, f, V(0x1.5554e2p-2f));
  p = fmadd(p, f, V(-0.5f));
  V g = fmadd(n, V(-0x1.05c61p-29f), (f * f) * p);
  V y = fmadd(n, V(0x1.62e43p-1f), f + g);
  y = select(x < V(kInfinity), y, x);  // +inf, NaN
  y = select(x == V(0.0f), V(-kInfinity), y);
  return select(x < V(0.0f), V(kNan), y);
}
template <Single V>
V log1p(V x) {
  using I = Unsigned<V>;
  V u = x + V(1.0f);
  I e = (bits(u) - I(0x3f400000u)) & I(0xff800000u);       // u*2^-e in [0.75,1.5)
  V s4 = flt(I(0x40800000u) - e);                          // 4*2^-e, normal for e in [-24,128]
  V f = flt(bits(x) - e) + fmadd(s4, V(0.25f), V(-1.0f));  // x*2^-e + (2^-e - 1)
  V n = flt(sra(e, 23) + I(kRoundBits)) - V(kRound);
  V p = V(-0x1.6412bap-5f);
  p = fmadd(p, f, V(0x1.a79492p-4f));
  p = fmadd(p, f, V(-0x1.0e06f6p-3f));
  p = fmadd(p, f, V(0x1.292414p-3f));
  p = fmadd(p, f, V(-0x1.54f1f2p-3f));
  p = fmadd(p, f, V(0x1.995e22p-3f));
  p = fmadd(p, f, V(-0x1.00001p-2f));
  p = fmadd(p, f, V(0x1.5555c4p-2f));
  p = fmadd(p, f, V(-0.5f));
  V g = fmadd(n, V(-0x1.05c61p-29f), (f * f) * p);
  V y = fmadd(n, V(0x1.62e43p-1f), f + g);
  y = select(magnitude(x) < V(0x1p-25f), x, y);  // keeps -0 and denormals
  y = select(x < V(kInfinity), y, x);
  y = select(x == V(-1.0f), V(-kInfinity), y);
  return select(x < V(-1.0f), V(kNan), y);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
