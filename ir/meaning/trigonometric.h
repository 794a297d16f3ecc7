// sin, cos, tan of any finite argument, in radians; NaN for an infinite one.
//
// Reduced by quarter turns (quarter_turns.h), the far reduction in a lazily taken branch; then minimax
// polynomials that carry the low part of the reduced argument.
#pragma once

#include "ir/meaning/quarter_turns.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V sin_near(V u) {  // (sin r - r) / r^3, u = r^2, |r| <= pi/4
  return polynomial(u, -0x1.555556p-3f, 0x1.111164p-7f, -0x1.a04864p-13f, 0x1.77e104p-19f);
}
template <Double V>
V sin_near(V u) {  // 2^-57.9
  return polynomial(u, -0x1.5555555555548p-3, 0x1.111111110f75dp-7, -0x1.a01a019bf222ep-13,
                    0x1.71de355f05599p-19, -0x1.ae5e5471f5501p-26, 0x1.5d8e3511cdb42p-33);
}
template <Single V>
V cos_near(V u) {  // (cos r - 1) / r^2
  return polynomial(u, -0.5f, 0x1.55554ap-5f, -0x1.6c0c2ep-10f, 0x1.99eac8p-16f);
}
template <Double V>
V cos_near(V u) {  // 2^-64.2
  return polynomial(u, -0.5, 0x1.555555555554cp-5, -0x1.6c16c16c15221p-10, 0x1.a01a019cbfa2cp-16,
                    -0x1.27e4f812e395ep-22, 0x1.1ee9f16cc7818p-29, -0x1.8fb13b550fc5cp-37);
}
template <Single V>
V tan_near(V u) {  // (tan r - r) / r^3, 2^-29.2
  return polynomial(u, 0x1.55556p-2f, 0x1.110dap-3f, 0x1.bad946p-5f, 0x1.5cc664p-6f, 0x1.62ad1cp-7f,
                    0x1.af6e06p-14f, 0x1.1e6b6p-8f);
}
template <Double V>
V tan_near(V u) {  // 2^-59.6
  return polynomial(u, 0x1.555555555555dp-2, 0x1.11111111106dep-3, 0x1.ba1ba1bab2331p-5, 0x1.664f485fc4558p-6,
                    0x1.226e3a2ffaf04p-7, 0x1.d6d2f4961d1d1p-9, 0x1.7db0db73cb49cp-10, 0x1.34c2fe3fb31f5p-11,
                    0x1.fecd718d27559p-13, 0x1.606572d069ec4p-14, 0x1.167a0b06a0c54p-14,
                    -0x1.9ca0db021c166p-16, 0x1.90c1516206b63p-15, -0x1.901ed1c0c76ddp-16,
                    0x1.45a4584cd276cp-17);
}

/// The sine of (j + shift) quarter turns and r + lo.
template <Real V>
V sine_of(QuarterTurns<V> t, unsigned shift) {
  using I = Unsigned<V>;
  const I j = t.j + integer<V>(shift), one = integer<V>(1), two = integer<V>(2);
  const V r = t.r, u = r * r;
  const V s = r + fmadd(sin_near(u), r * u, t.lo);
  const V u_low = fmadd(r, r, -u);
  const V c =
      constant<V>(1.0f, 1.0) + fmadd(cos_near(u), u, fmadd(u_low, constant<V>(-0.5f, -0.5), -(r * t.lo)));
  const V y = select((j & one) == integer<V>(0), s, c);
  return flt(bits(y) ^ ((j & two) << (kWidth<V> - 2)));
}
/// The tangent of j quarter turns and r + lo; for odd j it is -1 / tan(r + lo).
template <Real V>
V tangent_of(QuarterTurns<V> t) {
  const V r = t.r, u = r * r, ru = r * u, one = constant<V>(1.0f, 1.0);
  const V p = tan_near(u), y = fmadd(p, ru, r);
  const V low = fmadd(p, ru, t.lo * fmadd(y, y, one));
  const V h = r + low, l = (r - h) + low;
  const V q = constant<V>(-1.0f, -1.0) / h;
  const V cotangent = fmadd(q, fmadd(q, l, fmadd(q, h, one)), q);
  return select((t.j & integer<V>(1)) == integer<V>(0), h, cotangent);
}

/// eval of a's reduction, near or (lazily) far; NaN for infinity.
template <Real V, class Eval>
V by_quarter_turns(V a, Eval eval) {
  return lazy(a > constant<V>(kQuarterMax, kQuarterMaxD), eval(reduce_near(a)),
              [&] { return select(a < infinity<V>(), eval(reduce_far(a)), nan<V>()); });
}
template <Real V>
V sin(V x) {
  const V y = by_quarter_turns(magnitude(x), [](auto t) { return sine_of(t, 0); });
  return flt(bits(y) ^ (bits(x) & integer<V>(FormatOf<V>::kSign)));
}
template <Real V>
V cos(V x) {
  return by_quarter_turns(magnitude(x), [](auto t) { return sine_of(t, 1); });
}
template <Real V>
V tan(V x) {
  const V y = by_quarter_turns(magnitude(x), [](auto t) { return tangent_of(t); });
  return flt(bits(y) ^ (bits(x) & integer<V>(FormatOf<V>::kSign)));
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
