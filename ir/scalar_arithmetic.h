// The few scalar operations that the interpreter's ordered loops are made of.
//
// Accumulator<T> is what running values of T are kept in: float for f16 and bf16, T itself otherwise.
// Sums and products wrap for integers. Every comparison uses one total order: -0 < +0, and where a
// loop says that NaN is an extremum, all NaNs are equal. Pure functions; any thread.
//
//   Accumulator<float16> a = widen(x[0]);  a = sum(a, widen(x[1]));  y[0] = round_to<float16>(a);
#pragma once

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "leat/dtype.h"

namespace leat::ir {

template <class T>
inline constexpr bool kIsHalf = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;
template <class T>
inline constexpr bool kIsFloat = kIsHalf<T> || std::is_floating_point_v<T>;

template <class T>
using Accumulator = std::conditional_t<kIsHalf<T>, float, T>;

template <class T>
Accumulator<T> widen(T x) {
  return static_cast<Accumulator<T>>(x);
}
/// To T, rounded once.
template <class T>
T round_to(Accumulator<T> x) {
  return static_cast<T>(x);
}

/// On accumulators. Of bools, the sum is or and the product is and.
template <class A>
A sum(A x, A y) {
  if constexpr (std::is_same_v<A, bool>) {
    return x || y;
  } else if constexpr (std::is_integral_v<A>) {
    return static_cast<A>(static_cast<std::uint64_t>(x) + static_cast<std::uint64_t>(y));
  } else {
    return x + y;
  }
}
template <class A>
A multiply(A x, A y) {
  if constexpr (std::is_same_v<A, bool>) {
    return x && y;
  } else if constexpr (std::is_integral_v<A>) {
    return static_cast<A>(static_cast<std::uint64_t>(x) * static_cast<std::uint64_t>(y));
  } else {
    return x * y;
  }
}
/// NaN wins, -0 < +0.
template <class A>
A greater_of(A x, A y) {
  if constexpr (std::is_floating_point_v<A>) {
    if (x != x || y != y) return std::numeric_limits<A>::quiet_NaN();
    if (x == y) return std::signbit(x) ? y : x;
  }
  return x > y ? x : y;
}
template <class A>
A lesser_of(A x, A y) {
  if constexpr (std::is_floating_point_v<A>) {
    if (x != x || y != y) return std::numeric_limits<A>::quiet_NaN();
    if (x == y) return std::signbit(x) ? x : y;
  }
  return x < y ? x : y;
}
/// x * y + a: one rounding for floats, wrapping for integers.
template <class A>
A multiply_add(A x, A y, A a) {
  if constexpr (std::is_same_v<A, float>) {
    return __builtin_fmaf(x, y, a);
  } else if constexpr (std::is_same_v<A, double>) {
    return __builtin_fma(x, y, a);
  } else {
    return sum(a, multiply(x, y));
  }
}

template <class A>
constexpr A least_value() {
  if constexpr (std::is_floating_point_v<A>) return -std::numeric_limits<A>::infinity();
  return std::numeric_limits<A>::lowest();
}
template <class A>
constexpr A greatest_value() {
  if constexpr (std::is_floating_point_v<A>) return std::numeric_limits<A>::infinity();
  return std::numeric_limits<A>::max();
}

/// Whether x is a NaN; false for other dtypes.
template <class T>
bool is_nan(T x) {
  if constexpr (kIsFloat<T>) {
    const auto a = widen(x);
    return a != a;
  } else {
    return false;
  }
}

/// Unsigned integers that compare as the values do: -inf < ... < -0 < +0 < ... < +inf. NaNs are not
/// covered: callers decide where those go.
template <class T>
std::uint64_t order_key(T x) {
  if constexpr (kIsFloat<T>) {
    using U = std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                 std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;
    const U u = std::bit_cast<U>(x);
    constexpr U kSign = static_cast<U>(U{1} << (8 * sizeof(T) - 1));
    return static_cast<U>((u & kSign) != 0 ? ~u : u | kSign);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(x)) ^ (std::uint64_t{1} << 63);
  } else {
    return static_cast<std::uint64_t>(x);
  }
}

}  // namespace leat::ir
