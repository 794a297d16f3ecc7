// The number concept: what a type must offer so that the meanings of ir/meaning can be written with it.
//
// A meaning (`meaning::exp`, `meaning::add`, ...) is a template over number types. With the C++ scalars below
// it is the interpreter; with lane vectors of IR values it emits code. One definition, so both give the same
// bits: every operation here is exact or rounds once, to nearest even, and nothing is ever contracted.
//
// For each scalar S in {bool, i8..i64, u8..u64, float16, bfloat16, float, double} there is a number type N<S>
// (here S itself; in an emitter e.g. `Num<S>`). It must provide, findable by argument-dependent lookup:
//
//   all        Lane<N<S>>::Scalar = S, Lane<N<S>>::With<R> = N<R> of as many lanes; copyable
//              select(N<bool>, N<S>, N<S>)
//   but f16s   explicit N<S>(S constant)
//   bool       & | ^ ! == !=                            (N<bool> is what comparisons return and select takes)
//   integers   == != < <= > >= with the signedness of S; wrap_add wrap_sub wrap_mul (modulo 2^width);
//              quotient remainder (truncating; b != 0, and never the least value by -1);
//              bit_and bit_or bit_xor bit_not as operators & | ^ ~;
//              shl(a, k) shr(a, k), k of a's type and < width; shr fills with the sign if S is signed;
//              ones(a), leading_zeros(a) for unsigned S (the width for 0), results of a's type
//   u32, u64   besides: + - * (modulo 2^width), << and >> (logical) by an int constant, sra(a, int)
//   (arithmetic) float,     + - * / and unary -; == < <= > >= (false with NaN), != (true with NaN); fmadd(a,
//   b, c) (one
//    double    rounding); square_root(a); magnitude(a) (clears the sign);
//              round_down round_up round_to_zero round_to_even (to an integral value; -0 and NaN kept);
//              bits(a) -> u32 / u64; flt(u32) -> float, flt(u64) -> double;
//              scale2(p, n, k): p * 2^n, rounded as if twice by exact powers (see below)
//   f16s       bits(a) -> u16; from_bits<float16 or bfloat16>(u16)
//   cast<R>(a) integer -> integer: sign- or zero-extends by the source's signedness, or truncates; bool ->
//              integer, float: 0 or 1; integer -> float: nearest even, once; float -> integer: truncates,
//              only ever called with values in range; float <-> double: nearest even. Never to bool, never
//              f16s (ir/meaning/conversion.h does those).
//   lazy(m, fast, slow)  equals select(m, slow(), fast), where slow() need not run if no lane of m is set
//   repeat(n, v, body)   body applied n times; the default below unrolls
//
// A number type may overload any function of ir/meaning by a more specialised template that gives the same
// values (say `maximum` by llvm.maximum). Pure functions; any thread. LEAT_MEANING_ISA names the inline
// namespace, so that a file compiled for another instruction set gets functions of its own.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "leat/dtype.h"

#ifndef LEAT_MEANING_ISA
#define LEAT_MEANING_ISA baseline
#endif

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

// --- the scalar instance -----------------------------------------------------------------------------------

inline std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }
inline std::uint64_t bits(double x) { return std::bit_cast<std::uint64_t>(x); }
inline std::uint16_t bits(float16 x) { return x.bits; }
inline std::uint16_t bits(bfloat16 x) { return x.bits; }
inline float flt(std::uint32_t u) { return std::bit_cast<float>(u); }
inline double flt(std::uint64_t u) { return std::bit_cast<double>(u); }
template <class H>
inline H from_bits(std::uint16_t u) {
  return std::bit_cast<H>(u);
}

inline float fmadd(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double fmadd(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline float square_root(float a) { return __builtin_sqrtf(a); }
inline double square_root(double a) { return __builtin_sqrt(a); }
inline float magnitude(float a) { return flt(bits(a) & 0x7fffffffu); }
inline double magnitude(double a) { return flt(bits(a) & 0x7fffffffffffffffu); }
inline float round_down(float a) { return __builtin_floorf(a); }
inline double round_down(double a) { return __builtin_floor(a); }
inline float round_up(float a) { return __builtin_ceilf(a); }
inline double round_up(double a) { return __builtin_ceil(a); }
inline float round_to_zero(float a) { return __builtin_truncf(a); }
inline double round_to_zero(double a) { return __builtin_trunc(a); }
inline float round_to_even(float a) { return __builtin_roundevenf(a); }
inline double round_to_even(double a) { return __builtin_roundeven(a); }

template <class S>
inline S wrap_add(S a, S b) {
  return static_cast<S>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
template <class S>
inline S wrap_sub(S a, S b) {
  return static_cast<S>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
template <class S>
inline S wrap_mul(S a, S b) {
  return static_cast<S>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}
template <class S>
inline S quotient(S a, S b) {
  return static_cast<S>(a / b);
}
template <class S>
inline S remainder(S a, S b) {
  return static_cast<S>(a % b);
}
template <class S>
inline S shl(S a, S k) {
  return static_cast<S>(static_cast<std::uint64_t>(a) << k);
}
template <class S>
inline S shr(S a, S k) {
  return static_cast<S>(a >> k);
}
inline std::uint32_t sra(std::uint32_t a, int k) {
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(a) >> k);
}
inline std::uint64_t sra(std::uint64_t a, int k) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(a) >> k);
}
template <class S>
inline S ones(S a) {
  return static_cast<S>(std::popcount(a));
}
template <class S>
inline S leading_zeros(S a) {
  return static_cast<S>(std::countl_zero(a));
}

template <class R, class S>
requires std::is_arithmetic_v<S>
inline R cast(S a) {
  static_assert(std::is_arithmetic_v<R> && !std::is_same_v<R, bool>);
  return static_cast<R>(a);
}

template <class S>
inline S select(bool m, S a, S b) {
  return m ? a : b;
}
template <class V, class F>
requires std::is_arithmetic_v<V>
inline V lazy(bool m, V fast, F slow) { return m ? slow() : fast; }
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
