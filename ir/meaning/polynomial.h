// What the functions of ir/meaning share: the concepts Single and Double, constants, Horner's rule.
//
//   polynomial(x, 1.0f, 0.5f, 0.25f)   // 1 + x*0.5 + x^2*0.25, one fma a coefficient
//
// kRound is 1.5 * 2^(p-1): adding it rounds to the nearest integer (ties to even), which then stands in the
// low bits; subtracting it again gives that integer as a float. Pure; any thread.
#pragma once

#include "ir/meaning/number.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <class V>
concept Single = kIsSingle<V>;
template <class V>
concept Double = kIsDouble<V>;
template <class V>
concept Real = Single<V> || Double<V>;

inline constexpr float kRound = 12582912.0f;
inline constexpr std::uint32_t kRoundBits = 0x4b400000u;
inline constexpr double kRoundD = 0x1.8p52;
inline constexpr std::uint64_t kRoundBitsD = 0x4338000000000000u;
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// c0 + x * (c1 + x * (c2 + ...)).
template <Real V>
V polynomial(V, Scalar<V> c0) {
  return V(c0);
}
template <Real V, class... C>
V polynomial(V x, Scalar<V> c0, Scalar<V> c1, C... rest) {
  return fmadd(polynomial(x, c1, rest...), x, V(c0));
}

/// The magnitude of one, the sign of the other.
template <Single V>
V copy_sign(V magnitude_of, V sign_of) {
  using I = Unsigned<V>;
  return flt((bits(magnitude_of) & I(0x7fffffffu)) | (bits(sign_of) & I(0x80000000u)));
}
template <Double V>
V copy_sign(V magnitude_of, V sign_of) {
  using I = Unsigned<V>;
  constexpr std::uint64_t kSign = 0x8000000000000000u;
  return flt((bits(magnitude_of) & I(~kSign)) | (bits(sign_of) & I(kSign)));
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
