// The number concept: what a type must offer so that the meanings of ir/meaning can be written with it.
//
// A meaning (`meaning::exp`, `meaning::add`, ...) is a template over number types. With the C++ scalars
// (scalar_number.h) it is the interpreter; with lane vectors of IR values it emits code. One definition, so
// both give the same bits: every operation is exact or rounds once, to nearest even, and nothing is ever
// contracted. The surface that a number type must have is listed below the includes;
// tests/ir/number_concept_test.cpp is a type with just that. A number type may overload any function of
// ir/meaning by a more specialised template that gives the same values (say `maximum` by llvm.maximum).
// LEAT_MEANING_ISA names the inline namespace, so that a file compiled for another instruction set gets
// functions of its own. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "leat/dtype.h"

#ifndef LEAT_MEANING_ISA
#define LEAT_MEANING_ISA baseline
#endif

// For each scalar S in {bool, i8..i64, u8..u64, float16, bfloat16, float, double} there is a number type N<S>
// (S itself, or in an emitter e.g. `Num<S>`). It must provide, findable by argument-dependent lookup:
//
//   all        Lane<N<S>>::Scalar = S, Lane<N<S>>::With<R> = N<R> of as many lanes; copyable
//              select(N<bool>, N<S>, N<S>)
//   not f16s   explicit N<S>(S constant)
//   bool       & | ^ ! == !=                            (N<bool> is what comparisons return and select takes)
//   integers   == != < <= > >= with the signedness of S; wrap_add wrap_sub wrap_mul (modulo 2^width);
//              quotient remainder (truncating; b != 0, and never the least value by -1);
//              bit_and bit_or bit_xor bit_not as operators & | ^ ~;
//              shl(a, k) shr(a, k), k of a's type and < width; shr fills with the sign if S is signed;
//              ones(a), leading_zeros(a) for unsigned S (the width for 0), results of a's type
//   u32, u64   besides: + - * (modulo 2^width), << >> (logical) by an int constant, sra(a, int) (arithmetic)
//   floats     float and double: + - * / unary -; == < <= > >= (false with NaN), != (true with NaN);
//              fmadd(a, b, c) (one rounding); square_root(a); magnitude(a) (clears the sign);
//              round_down round_up round_to_zero round_to_even (to an integral value; -0 and NaN kept);
//              bits(a) -> u32 / u64; flt(u32) -> float, flt(u64) -> double;
//   f16s       bits(a) -> u16; from_bits<float16 or bfloat16>(u16)
//   cast<R>(a) integer -> integer: sign- or zero-extends by the source's signedness, or truncates; bool ->
//              integer, float: 0 or 1; integer -> float: nearest even, once; float -> integer: truncates,
//              only ever called with values in range; float <-> double: nearest even. Never to bool, never
//              f16s (ir/meaning/conversion.h does those).
//   lazy(m, fast, slow)  equals select(m, slow(), fast), where slow() need not run if no lane of m is set
//   repeat(n, v, body)   body applied n times; the default below unrolls
//   scale2(p, n, k)      p * 2^n; the default below multiplies twice

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <class V>
struct Lane;
template <class S>
requires std::is_arithmetic_v<S> || std::is_same_v<S, float16> || std::is_same_v<S, bfloat16>
struct Lane<S> {
  using Scalar = S;
  template <class R>
  using With = R;
};

template <class V>
using Scalar = typename Lane<V>::Scalar;
template <class V, class S>
using With = typename Lane<V>::template With<S>;
template <class V>
using Mask = With<V, bool>;

template <int kBytes>
using UnsignedOf =
    std::conditional_t<kBytes == 1, std::uint8_t,
                       std::conditional_t<kBytes == 2, std::uint16_t,
                                          std::conditional_t<kBytes == 4, std::uint32_t, std::uint64_t>>>;
/// Unsigned lanes as wide as V's.
template <class V>
using Unsigned = With<V, UnsignedOf<sizeof(Scalar<V>)>>;
template <class V>
using Wide = With<V, std::uint64_t>;

template <class V>
inline constexpr bool kIsHalf = std::is_same_v<Scalar<V>, float16> || std::is_same_v<Scalar<V>, bfloat16>;
template <class V>
inline constexpr bool kIsBool = std::is_same_v<Scalar<V>, bool>;
template <class V>
inline constexpr bool kIsInteger = std::is_integral_v<Scalar<V>> && !kIsBool<V>;
template <class V>
inline constexpr bool kIsSigned = std::is_signed_v<Scalar<V>>;
template <class V>
inline constexpr bool kIsSingle = std::is_same_v<Scalar<V>, float>;
template <class V>
inline constexpr bool kIsDouble = std::is_same_v<Scalar<V>, double>;
template <class V>
inline constexpr int kWidth = 8 * static_cast<int>(sizeof(Scalar<V>));

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning

#include "ir/meaning/scalar_number.h"  // IWYU pragma: export

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <class V, class F>
inline V repeat(int n, V v, F body) {
  for (int i = 0; i < n; ++i) v = body(v);
  return v;
}

/// p * 2^n, where k is the integer n as unsigned bits and |n| < 2 * the greatest exponent. Two
/// multiplications by powers of two, of which only the second can round (p is near 1).
template <class V>
inline V scale2(V p, V, Unsigned<V> k) {
  using I = Unsigned<V>;
  const I half = sra(k, 1);
  if constexpr (kIsDouble<V>) {
    const I one(std::uint64_t{0x3ff0000000000000});
    return (p * flt((half << 52) + one)) * flt(((k - half) << 52) + one);
  } else {
    const I one(std::uint32_t{0x3f800000});
    return (p * flt((half << 23) + one)) * flt(((k - half) << 23) + one);
  }
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
