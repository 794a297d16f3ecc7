// sinh, cosh, tanh and their inverses.
//
// Near 0 odd polynomials; elsewhere exp, or log with the low part of its argument carried along, so that each
// is within 2 ulp.
#pragma once

#include "ir/meaning/exponential.h"
#include "ir/meaning/logarithm.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V tanh_near(V u) {  // (tanh x - x) / x^3, u = x^2, |x| < 0.98
  return polynomial(u, -0x1.55554p-2f, 0x1.110ca4p-3f, -0x1.b978f2p-5f, 0x1.60a3dcp-6f, -0x1.06690cp-7f,
                    0x1.345202p-9f, -0x1.88e22ap-12f);
}
template <Double V>
V tanh_near(V u) {  // |x| < 0.55, 2^-60.6
  return polynomial(u, -0x1.555555555554fp-2, 0x1.1111111110792p-3, -0x1.ba1ba1b97cdep-5,
                    0x1.664f48594bb39p-6, -0x1.226e2f0fd2cb6p-7, 0x1.d6d29adb8b7ebp-9, -0x1.7d8fca3a55237p-10,
                    0x1.34836040ad85bp-11, -0x1.e96ca0cc2d246p-13, 0x1.5d6b3a51962e7p-14,
                    -0x1.46fa3489d9a6fp-16);
}
template <Real V>
V tanh(V x) {
  const V a = magnitude(x), u = x * x;
  const V y = fmadd(a * u, tanh_near(u), a);
  const V limit = constant<V>(9.1f, 20.0);  // beyond, 1
  const V b = select(limit < a, limit, a);  // NaN passes
  const V e = exp_mid(b + b), one = constant<V>(1.0f, 1.0);
  const V z = one - constant<V>(2.0f, 2.0) / (e + one);
  return copy_sign(select(a > constant<V>(0.98f, 0.55), z, y), x);
}

/// e^|x| / 2, infinite only where sinh and cosh are.
template <Real V>
V half_exp(V a) {
  return exp_scaled(a, constant<V>(0.0f, 0.0), constant<V>(90.0f, 711.0), 1);
}
template <Single V>
V sinh_near(V u) {  // (sinh x - x) / x^3, |x| < 1, 2^-31.3
  return polynomial(u, 0x1.555556p-3f, 0x1.1110eap-7f, 0x1.a01c22p-13f, 0x1.767726p-19f);
}
template <Double V>
V sinh_near(V u) {  // 2^-61.5
  return polynomial(u, 0x1.5555555555556p-3, 0x1.111111111104p-7, 0x1.a01a01a0318dap-13,
                    0x1.71de3a4056263p-19, 0x1.ae646b4da3e83p-26, 0x1.6118df4db15cep-33,
                    0x1.b52ecb43c38dp-41);
}
template <Real V>
V sinh(V x) {
  const V a = magnitude(x), u = x * x, h = half_exp(a);
  const V near = fmadd(a * u, sinh_near(u), a), far = h - constant<V>(0.25f, 0.25) / h;
  return copy_sign(select(a > constant<V>(1.0f, 1.0), far, near), x);
}
template <Real V>
V cosh(V x) {
  const V h = half_exp(magnitude(x));
  return h + constant<V>(0.25f, 0.25) / h;
}

template <Single V>
V asinh_near(V u) {  // (asinh x - x) / x^3, |x| <= 1/2, 2^-33.9
  return polynomial(u, -0x1.555554p-3f, 0x1.33323ap-4f, -0x1.6d7ebap-5f, 0x1.ec11ap-6f, -0x1.487c4ap-6f,
                    0x1.2f4b8ep-7f);
}
template <Double V>
V asinh_near(V u) {  // 2^-60.4
  return polynomial(u, -0x1.5555555555541p-3, 0x1.3333333330749p-4, -0x1.6db6db6ba54fap-5,
                    0x1.f1c71ba94b106p-6, -0x1.6e8b8c9bc5efdp-6, 0x1.1c4d2ef735cb4p-6, -0x1.c972dc7fdbe8bp-7,
                    0x1.7941870d92868p-7, -0x1.38686f65e370ap-7, 0x1.e939ee1cb71fcp-8, -0x1.371192557fd6p-8,
                    0x1.c233b417f7511p-10);
}
template <Real V>
V asinh(V x) {  // log(a + sqrt(a^2 + 1)), the sum as h + l
  const V a = magnitude(x), u = x * x, one = constant<V>(1.0f, 1.0), zero = constant<V>(0.0f, 0.0);
  const V near = fmadd(a * u, asinh_near(u), a);
  const Mask<V> huge = a > constant<V>(0x1p30f, 0x1p60);  // there sqrt(a^2 + 1) is a
  const V t = fmadd(a, a, one), t_low = select(a < one, fmadd(a, a, one - t), fmadd(a, a, -t) + one);
  const V s = square_root(t), s_low = (fmadd(-s, s, t) + t_low) / (s + s);
  const V h = s + a, l = ((s - h) + a) + s_low;
  LogParts<V> p = log_parts(select(huge, a, h));
  p.n = p.n + select(huge, one, zero);
  const V far = log_join(p, select(huge, zero, l / h));
  const V y = select(a > constant<V>(0.5f, 0.5), far, near);
  return copy_sign(select(a < infinity<V>(), y, a), x);
}

template <Real V>
V acosh(V x) {  // log1p(t + sqrt(2 t + t^2)), t = x - 1, the sum as q + l
  const V one = constant<V>(1.0f, 1.0), zero = constant<V>(0.0f, 0.0);
  const Mask<V> huge = x > constant<V>(0x1p30f, 0x1p60);
  const V t = x - one, two_t = t + t;
  const V w = fmadd(t, t, two_t), w_low = fmadd(t, t, two_t - w);
  const V s = square_root(w), s_low = select(s > zero, (fmadd(-s, s, w) + w_low) / (s + s), zero);
  const V q = s + t, l = ((s - q) + t) + s_low;
  LogParts<V> p = log1p_parts(select(huge, x, q));
  p.n = p.n + select(huge, one, zero);
  const V y = log_join(p, select(huge, zero, l / (one + q)));
  return select(x >= one, select(x < infinity<V>(), y, x), nan<V>());
}

template <Single V>
V atanh_near(V u) {  // (atanh x - x) / x^3, |x| <= 1/2, 2^-32.7
  return polynomial(u, 0x1.555558p-2f, 0x1.9997c4p-3f, 0x1.24cb4cp-3f, 0x1.c073aep-4f, 0x1.a97036p-4f,
                    0x1.623ac6p-6f, 0x1.6ee428p-3f);
}
template <Double V>
V atanh_near(V u) {  // 2^-60.8
  return polynomial(u, 0x1.555555555554cp-2, 0x1.999999999b396p-3, 0x1.24924923c72e2p-3, 0x1.c71c722b619b3p-4,
                    0x1.745d089e22b7p-4, 0x1.3b15134f4b2e4p-4, 0x1.10fa59083510ep-4, 0x1.e3ecd5ea9867ep-5,
                    0x1.9e708296a28aep-5, 0x1.e77ebe7173cb3p-5, -0x1.504aafbf5b564p-8, 0x1.654c28425172ap-3,
                    -0x1.904e3d7b925dbp-3, 0x1.ed029f35a4fcfp-3);
}
template <Real V>
V atanh(V x) {  // log((1 + a) / (1 - a)) / 2, the quotient with its rounding error
  const V a = magnitude(x), u = x * x, one = constant<V>(1.0f, 1.0);
  const V near = fmadd(a * u, atanh_near(u), a);
  const V up = one + a, up_low = a - (up - one), down = one - a;  // down is exact for a >= 1/2
  const V q = up / down, low = (fmadd(-q, down, up) + up_low) / up;
  const V far = constant<V>(0.5f, 0.5) * log_join(log_parts(q), low);
  V y = select(a > constant<V>(0.5f, 0.5), far, near);
  y = select(a == one, infinity<V>(), y);
  return copy_sign(select(a > one, nan<V>(), y), x);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
