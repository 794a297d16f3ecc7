// floor, ceil, trunc, round_even, and the floating-point remainder. All exact.
//
// rem(x, y) is x - y * trunc(x / y) without any rounding (C's fmod): sign of x; NaN for y = 0 or x infinite;
// x for y infinite. While |x / y| < 2^(p-1) one step does; beyond that a lazily taken loop subtracts
// multiples of y * 2^k, which stays exact because every partial remainder is a multiple of y's last bit. Pure
// functions over the number concept; any thread.
#pragma once

#include "ir/meaning/polynomial.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Real V>
V floor(V x) {
  return round_down(x);
}
template <Real V>
V ceil(V x) {
  return round_up(x);
}
template <Real V>
V trunc(V x) {
  return round_to_zero(x);
}
template <Real V>
V round_even(V x) {
  return round_to_even(x);
}

/// a mod b for 0 <= a < 2^(p-1) * b: the quotient may come out one too great, never otherwise wrong.
template <Real V>
V rem_step(V a, V b) {
  const V q = round_to_zero(a / b);
  const V r = fmadd(-q, b, a);
  return select(r < V(Scalar<V>(0)), r + b, r);
}

/// a mod b for finite a >= 0, b > 0, in `steps` steps of at least 49 bits each.
template <Double V>
V rem_steps(V a, V b, int steps) {
  using I = Unsigned<V>;
  const auto one = [](I e) { return (e + I(std::uint64_t{1023})) << 52; };
  const Mask<V> tiny = b < V(0x1p-1022);
  const I eb =
      (bits(select(tiny, b * V(0x1p54), b)) >> 52) - select(tiny, I(std::uint64_t{54}), I(std::uint64_t{0}));
  return repeat(steps, a, [&](V r) {
    // b * 2^k with k = max(0, e(r) - e(b) - 51): the quotient stays below 2^52.
    const I gap = (bits(r) >> 52) - eb - I(std::uint64_t{51});
    const I k = select((gap >> 63) == I(std::uint64_t{0}), gap, I(std::uint64_t{0}));
    const I half = k >> 1;
    return rem_step(r, (b * flt(one(half))) * flt(one(k - half)));
  });
}

template <Double V>
V float_rem(V x, V y) {
  const V a = magnitude(x), b = magnitude(y);
  const Mask<V> far = a >= b * V(0x1p49);
  V r = lazy(far, rem_step(a, b), [&] { return rem_steps(a, b, 44); });
  r = select(a < b, a, r);
  r = select((a < infinity<V>()) & (b > V(0.0)) & (b == b), r, nan<V>());
  return copy_sign(r, x);
}

template <Single V>
V float_rem(V x, V y) {
  const V a = magnitude(x), b = magnitude(y);
  const Mask<V> far = a >= b * V(0x1p21f);
  V r =
      lazy(far, rem_step(a, b), [&] { return cast<float>(rem_steps(cast<double>(a), cast<double>(b), 7)); });
  r = select(a < b, a, r);
  r = select((a < infinity<V>()) & (b > V(0.0f)) & (b == b), r, nan<V>());
  return copy_sign(r, x);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
