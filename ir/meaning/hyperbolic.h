// tanh.
#pragma once

#include "ir/meaning/exponential.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V tanh(V x) {
  V a = magnitude(x), u = x * x;
  V p = V(-0x1.88e22ap-12f);
  p = fmadd(p, u, V(0x1.345202p-9f));
  p = fmadd(p, u, V(-0x1.06690cp-7f));
  p = fmadd(p, u, V(0x1.60a3dcp-6f));
  p = fmadd(p, u, V(-0x1.b978f2p-5f));
  p = fmadd(p, u, V(0x1.110ca4p-3f));
  p = fmadd(p, u, V(-0x1.55554p-2f));
  V y = fmadd(a * u, p, a);               // |x| < 0.98
  V b = select(V(9.1f) < a, V(9.1f), a);  // NaN passes
  V e = exp_mid(b + b);
  V z = V(1.0f) - V(2.0f) / (e + V(1.0f));
  return copy_sign(select(a > V(0.98f), z, y), x);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
