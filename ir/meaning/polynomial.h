// What the functions of ir/meaning share: the concepts Single and Double, constants of the format, Horner's
// rule.
//
//   polynomial(x, 1.0f, 0.5f, 0.25f)   // 1 + x*0.5 + x^2*0.25, one fma a coefficient
//   constant<V>(0.5f, 0.5)             // the constant for V's width
//
// A function is written once for both widths where only coefficients differ, and twice where the method does.
// Coefficients come from Sollya's fpminimax (Brisebarre & Chevillard 2007): the scripts are in coefficients/.
// Pure; any thread.
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

/// What the formulas need to know of binary32 and binary64. kRound is 1.5 * 2^(p-1): adding it rounds to the
/// nearest integer (ties to even), which then stands in the low bits of the sum less kRoundBits.
template <class S>
struct Format;
template <>
struct Format<float> {
  static constexpr int kMantissa = 23;
  static constexpr float kRound = 12582912.0f, kInteger = 0x1p23f, kLeastNormal = 0x1p-126f;
  static constexpr std::uint32_t kRoundBits = 0x4b400000u, kOne = 0x3f800000u, kMantissaBits = 0x007fffffu,
                                 kSign = 0x80000000u;
};
template <>
struct Format<double> {
  static constexpr int kMantissa = 52;
  static constexpr double kRound = 0x1.8p52, kInteger = 0x1p52, kLeastNormal = 0x1p-1022;
  static constexpr std::uint64_t kRoundBits = 0x4338000000000000u, kOne = 0x3ff0000000000000u,
                                 kMantissaBits = 0x000fffffffffffffu, kSign = 0x8000000000000000u;
};
template <class V>
using FormatOf = Format<Scalar<V>>;

template <Real V>
V constant([[maybe_unused]] float single, [[maybe_unused]] double full) {
  if constexpr (kIsDouble<V>) {
    return V(full);
  } else {
    return V(single);
  }
}
template <Real V>
V infinity() {
  return V(std::numeric_limits<Scalar<V>>::infinity());
}
template <Real V>
V nan() {
  return V(std::numeric_limits<Scalar<V>>::quiet_NaN());
}
/// The integer c as unsigned lanes of V's width.
template <Real V>
Unsigned<V> integer(Scalar<Unsigned<V>> c) {
  return Unsigned<V>(c);
}

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
template <Real V>
V copy_sign(V magnitude_of, V sign_of) {
  const Unsigned<V> sign = integer<V>(FormatOf<V>::kSign);
  return flt((bits(magnitude_of) & integer<V>(FormatOf<V>::kSign - 1)) | (bits(sign_of) & sign));
}
template <Real V>
Mask<V> sign_bit(V x) {
  return (bits(x) & integer<V>(FormatOf<V>::kSign)) != integer<V>(0);
}
/// 2^k for k (two's complement) such that it is normal.
template <Real V>
V power_of_two(Unsigned<V> k) {
  return flt((k << FormatOf<V>::kMantissa) + integer<V>(FormatOf<V>::kOne));
}
/// The integer k (two's complement, small) as a float.
template <Real V>
V float_of(Unsigned<V> k) {
  return flt(k + integer<V>(FormatOf<V>::kRoundBits)) - V(FormatOf<V>::kRound);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
