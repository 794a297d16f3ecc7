// The integer ops of ops.def: division, shifts, bits. On bool the bit ops are logical.
//
// Division truncates. x / 0 and x % 0 are 0 here, and faults (elementwise.h) reports them; the least / -1
// wraps to itself. Shift amounts are of the operand's type; one that is negative or >= the width shifts
// everything out. Pure functions over the number concept; any thread.
#pragma once

#include "ir/meaning/number.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

/// A divisor that cannot trap: 1 in place of 0, and in place of -1 under the least value.
template <class V>
V safe_divisor(V a, V b) {
  using S = Scalar<V>;
  Mask<V> trap = b == V(S(0));
  if constexpr (kIsSigned<V>) {
    trap = trap | ((a == V(std::numeric_limits<S>::min())) & (b == V(S(-1))));
  }
  return select(trap, V(S(1)), b);
}

template <class V>
V integer_div(V a, V b) {
  const V zero(Scalar<V>(0));
  return select(b == zero, zero, quotient(a, safe_divisor(a, b)));
}

template <class V>
V integer_rem(V a, V b) {
  return remainder(a, safe_divisor(a, b));  // x % 1 is 0 for both traps
}

template <class V>
V bit_and(V a, V b) {
  return V(a & b);
}
template <class V>
V bit_or(V a, V b) {
  return V(a | b);
}
template <class V>
V bit_xor(V a, V b) {
  return V(a ^ b);
}
template <class V>
V bit_not(V a) {
  if constexpr (kIsBool<V>) {
    return !a;
  } else {
    return V(~a);
  }
}

/// Whether the shift amount k is in [0, width).
template <class V>
Mask<V> shift_fits(V k) {
  return cast<Scalar<Unsigned<V>>>(k) < Unsigned<V>(Scalar<Unsigned<V>>(kWidth<V>));
}

template <class V>
V shift_left(V x, V k) {
  const V zero(Scalar<V>(0));
  const Mask<V> fits = shift_fits(k);
  return select(fits, shl(x, select(fits, k, zero)), zero);
}

template <class V>
V shift_right(V x, V k) {
  const V zero(Scalar<V>(0));
  const Mask<V> fits = shift_fits(k);
  if constexpr (kIsSigned<V>) {
    return shr(x, select(fits, k, V(Scalar<V>(kWidth<V> - 1))));
  } else {
    return select(fits, shr(x, select(fits, k, zero)), zero);
  }
}

template <class V>
V popcount(V x) {
  return cast<Scalar<V>>(ones(cast<Scalar<Unsigned<V>>>(x)));
}

template <class V>
V count_leading_zeros(V x) {
  return cast<Scalar<V>>(leading_zeros(cast<Scalar<Unsigned<V>>>(x)));
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
