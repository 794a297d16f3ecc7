// Many quotients by one divisor, without a division each: the bits of x / y for a product, two fmas and a
// check.
//
//   N r = reciprocal_for(y);            // once
//   N quotient = divide_by(x, y, r);    // for each x
//
// q = x r is off by at most one and a half units in its last place; x - q y is exact; and q + (x - q y) r,
// rounded once, is the quotient rounded once (Brisebarre, Muller, Raina: "Accelerating correctly rounded
// floating-point division when the divisor is known in advance", 2004, after Markstein), as long as nothing
// overflows or goes below the normal numbers. What may do so takes a division. Templates over the number
// concept (ir/meaning/number.h).
#pragma once

#include <limits>

#include "ir/meaning/number.h"

namespace leat::compiler::codegen {

/// Where nothing can go below the normal numbers: y in [kLeastDivisor, kGreatestDivisor] and |x| at least
/// kLeastDividend. The lowest bit of x - q y is at most 47 (f32) or 105 (f64) places below the highest of x,
/// and |q| at least kLeastDividend / kGreatestDivisor.
template <class S>
struct DivideRange;
template <>
struct DivideRange<float> {
  static constexpr float kLeastDivisor = 0x1p-100f, kGreatestDivisor = 0x1p30f, kLeastDividend = 0x1p-95f;
};
template <>
struct DivideRange<double> {
  static constexpr double kLeastDivisor = 0x1p-900, kGreatestDivisor = 0x1p100, kLeastDividend = 0x1p-900;
};

/// 1 / y, or NaN where divide_by cannot do without a division.
template <class N>
N reciprocal_for(N y) {
  using meaning::select;
  using S = meaning::Scalar<N>;
  using Range = DivideRange<S>;
  return select((y >= N(Range::kLeastDivisor)) & (y <= N(Range::kGreatestDivisor)), N(S{1}) / y,
                N(std::numeric_limits<S>::quiet_NaN()));
}

/// x / y. REQUIRES: reciprocal == reciprocal_for(y).
template <class N>
N divide_by(N x, N y, N reciprocal) {
  using meaning::bits, meaning::fmadd, meaning::lazy, meaning::magnitude;
  using S = meaning::Scalar<N>;
  const N q = x * reciprocal;
  const N excess = fmadd(q, y, -x);  // in this order zeros keep their sign
  const N corrected = fmadd(-excess, reciprocal, q);
  // NaN: the divisor is out of range, q overflows, or x is not finite. One less than the bits of |x| is less
  // than what it is held against for small numbers but not for zeros.
  using I = meaning::Unsigned<N>;
  const I one(meaning::Scalar<I>{1});
  const auto fine =
      (bits(magnitude(x)) - one >= bits(N(DivideRange<S>::kLeastDividend)) - one) & (corrected == corrected);
  return lazy(!fine, corrected, [&] { return x / y; });
}

}  // namespace leat::compiler::codegen
