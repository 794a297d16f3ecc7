// erf.
#pragma once

#include "ir/meaning/exponential.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V erf(V x) {
  using I = Unsigned<V>;
  V a = magnitude(x), u = x * x;
  V p = V(0x1.3b818ep-14f);
  p = fmadd(p, u, V(-0x1.9efc0cp-11f));
  p = fmadd(p, u, V(0x1.535d54p-8f));
  p = fmadd(p, u, V(-0x1.b7e52p-6f));
  p = fmadd(p, u, V(0x1.ce2bf6p-4f));
  p = fmadd(p, u, V(-0x1.81273ap-2f));
  p = fmadd(p, u, V(0x1.06eba8p-3f));
  V y = fmadd(a, p, a);                     // |x| <= 1.055
  V t = select(V(3.95f) < a, V(3.95f), a);  // 1 - erf(3.95) < 2^-25.2: rounds to 1
  V q = V(0x1.38c6c6p-19f);                 // log2(erfc(t))
  q = fmadd(q, t, V(-0x1.13dd44p-14f));
  q = fmadd(q, t, V(0x1.c02dfep-11f));
  q = fmadd(q, t, V(-0x1.bff6d6p-8f));
  q = fmadd(q, t, V(0x1.377982p-5f));
  q = fmadd(q, t, V(-0x1.44dfd8p-3f));
  q = fmadd(q, t, V(-0x1.d2cfaep-1f));
  q = fmadd(q, t, V(-0x1.a16536p0f + 2.0f));  // the 2t apart: smaller rounding errors
  q = fmadd(q, t, V(0x1.bf95f4p-12f));
  q = fmadd(t, V(-2.0f), q);
  V m = q + V(kRound);
  V e = exp2_poly(q - (m - V(kRound))) * flt((bits(m) << 23) + I(0x3f800000u));
  return copy_sign(select(a > V(1.055f), V(1.0f) - e, y), x);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
