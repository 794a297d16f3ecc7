// asin, acos, atan, atan2.
//
// asin and acos: a polynomial up to 1/2, and asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)) beyond. atan: the
// quotient is reduced to |t| <= 1/2 by one of 0, pi/4, pi/2 (and their complements to pi), added with its low
// part.
#pragma once

#include "ir/meaning/polynomial.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V asin_near(V u) {  // (asin x - x) / x^3, |x| <= 1/2, 2^-31.7
  return polynomial(u, 0x1.55554cp-3f, 0x1.3338ap-4f, 0x1.6caa42p-5f, 0x1.04b3c8p-5f, 0x1.d74498p-7f,
                    0x1.33f1bep-5f);
}
template <Double V>
V asin_near(V u) {  // 2^-59.8
  return polynomial(u, 0x1.5555555555577p-3, 0x1.333333332e11p-4, 0x1.6db6db7214efbp-5, 0x1.f1c71a93b97ebp-6,
                    0x1.6e8bdf08f8533p-6, 0x1.1c49ed235bd3ap-6, 0x1.ca1fe269710cep-7, 0x1.75829a89540f3p-7,
                    0x1.614e1abb11af1p-7, 0x1.e4dcd1b54bd1fp-9, 0x1.63f6350c87351p-6, -0x1.58825b44f11c5p-6,
                    0x1.0b7205b2b2198p-5);
}

template <Real V>
struct Angle {
  V high, low;
};
template <Real V>
Angle<V> angle(float h, float l, double dh, double dl) {
  return {constant<V>(h, dh), constant<V>(l, dl)};
}
template <Real V>
Angle<V> pi() {
  return angle<V>(0x1.921fb6p1f, -0x1.777a5cp-24f, 0x1.921fb54442d18p1, 0x1.1a62633145c07p-53);
}
template <Real V>
Angle<V> half_pi() {
  return angle<V>(0x1.921fb6p0f, -0x1.777a5cp-25f, 0x1.921fb54442d18p0, 0x1.1a62633145c07p-54);
}
template <Real V>
Angle<V> no_angle() {
  return {constant<V>(0.0f, 0.0), constant<V>(0.0f, 0.0)};
}
template <Real V>
Angle<V> select_angle(Mask<V> m, Angle<V> a, Angle<V> b) {
  return {select(m, a.high, b.high), select(m, a.low, b.low)};
}
/// base + (v + low), where base is 0 or at least |v|.
template <Real V>
V add_angle(Angle<V> base, V v, V low) {
  const V h = base.high + v;
  return h + (((base.high - h) + v) + (base.low + low));
}

template <Real V>
V asin(V x) {
  const V a = magnitude(x), half = constant<V>(0.5f, 0.5), one = constant<V>(1.0f, 1.0);
  const Mask<V> far = a > half;
  const V z = select(far, fmadd(a, -half, half), a * a), s = select(far, square_root(z), a);
  const V scale = select(far, constant<V>(-2.0f, -2.0), one), p = (s * z) * asin_near(z);
  return copy_sign(add_angle(select_angle(far, half_pi<V>(), no_angle<V>()), scale * s, scale * p), x);
}

template <Real V>
V acos(V x) {
  const V a = magnitude(x), half = constant<V>(0.5f, 0.5), two = constant<V>(2.0f, 2.0);
  const Mask<V> far = a > half, left = x < constant<V>(0.0f, 0.0);
  const V z = select(far, fmadd(a, -half, half), a * a), s = select(far, square_root(z), x);
  const V scale = select(far, select(left, -two, two), constant<V>(-1.0f, -1.0)), p = (s * z) * asin_near(z);
  const Angle<V> outer = select_angle(left, pi<V>(), no_angle<V>());
  return add_angle(select_angle(far, outer, half_pi<V>()), scale * s, scale * p);
}

template <Single V>
V atan_near(V u) {  // (atan t - t) / t^3, |t| <= 1/2, 2^-31.8
  return polynomial(u, -0x1.555552p-2f, 0x1.999744p-3f, -0x1.24502ep-3f, 0x1.c0721ap-4f, -0x1.480b66p-4f,
                    0x1.3fce3p-5f);
}
template <Double V>
V atan_near(V u) {  // 2^-57.8
  return polynomial(u, -0x1.5555555555516p-2, 0x1.9999999991119p-3, -0x1.249249215c8e8p-3,
                    0x1.c71c70905d7a6p-4, -0x1.745cf4bc09e8dp-4, 0x1.3b113cc251431p-4, -0x1.10f3146ed9e5fp-4,
                    0x1.dfe8e1e404159p-5, -0x1.a395b7e53b4bfp-5, 0x1.56ee12fbab891p-5, -0x1.c1669bcfb5bedp-6,
                    0x1.4b602a288b5eap-7);
}

/// The angle of the point (b, a), a and b >= 0; of (-b, a) where `left`. NaN gives NaN.
template <Real V>
V angle_of(V a, V b, Mask<V> left) {
  const V half = constant<V>(0.5f, 0.5), one = constant<V>(1.0f, 1.0), zero = constant<V>(0.0f, 0.0);
  const Mask<V> low = (a < b * half) | (a == zero), high = (b < a * half) | (b == zero);
  const V scale = select(a > one, half, one);  // a + b does not overflow
  const V as = a * scale, bs = b * scale;
  const V numerator = select(low, a, select(high, -b, as - bs));
  const V denominator = select(low, b, select(high, a, as + bs));
  V t = select(a == b, zero, numerator / denominator);  // 0 / 0, inf / inf
  t = select(left, -t, t);
  const Angle<V> quarter =
      angle<V>(0x1.921fb6p-1f, -0x1.777a5cp-26f, 0x1.921fb54442d18p-1, 0x1.1a62633145c07p-55);
  const Angle<V> three =
      angle<V>(0x1.2d97c8p1f, -0x1.99bc5cp-28f, 0x1.2d97c7f3321d2p1, 0x1.a79394c9e8a0ap-54);
  const Angle<V> flat = select_angle(left, pi<V>(), no_angle<V>());
  const Angle<V> diagonal = select_angle(left, three, quarter);
  const Angle<V> base = select_angle(low, flat, select_angle(high, half_pi<V>(), diagonal));
  const V u = t * t;
  return add_angle(base, t, (t * u) * atan_near(u));
}

template <Real V>
V atan(V x) {
  return copy_sign(angle_of(magnitude(x), constant<V>(1.0f, 1.0), Mask<V>(false)), x);
}
template <Real V>
V atan2(V y, V x) {
  const V r = copy_sign(angle_of(magnitude(y), magnitude(x), sign_bit(x)), y);
  return select((x == x) & (y == y), r, nan<V>());
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
