// The number concept (number.h) at the C++ scalars: what the interpreter and the tile tier compute with.
//
// Each function is one correctly rounded IEEE operation, an exact one, or integer arithmetic modulo 2^width;
// the integer types go through u64 because C++ would promote, and overflow, the short ones. Needs the default
// floating-point environment (nearest even, no flushing). Included by number.h. Pure functions; any thread.
#pragma once

#include <bit>

#include "ir/meaning/number.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

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

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
