// convert: every dtype to every other, rounded once.
//
//   convert<float16>(x)   x a number of any dtype; also what rounds the f16 and bf16 results of every op
//
// Float to integer truncates and saturates, NaN is 0. To bool is x != 0. Integer to integer wraps. Where a
// result of 11 or 8 bits would come through float or double, that step rounds to odd, so that the last one is
// the only rounding (Boldo & Melquiond 2008). f32 -> bf16 is done on integers: the instruction that some
// machines have flushes denormals. Pure functions over the number concept (number.h); any thread.
#pragma once

#include "ir/meaning/number.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <class F>  // float number -> u16 bits of its nearest f16
With<F, std::uint16_t> f16_bits(F x) {
  using I = With<F, std::uint32_t>;
  const I u = bits(x), sign = (u >> 16) & I(0x8000u), a = u & I(0x7fffffffu);
  const I r = a - I(0x38000000u);
  const I normal = (r + I(0xfffu) + ((r >> 13) & I(1u))) >> 13;
  const I subnormal = bits(flt(a) + F(0.5f)) - I(0x3f000000u);  // 0.5 has the ulp of f16's subnormals
  I h = select(a < I(0x38800000u), subnormal, normal);
  h = select(a >= I(0x47800000u), I(0x7c00u), h);
  h = select(a > I(0x7f800000u), I(0x7e00u), h);
  return cast<std::uint16_t>(h | sign);
}

template <class F>  // float number -> u16 bits of its nearest bf16
With<F, std::uint16_t> bf16_bits(F x) {
  using I = With<F, std::uint32_t>;
  const I u = bits(x);
  const I r = (u + I(0x7fffu) + ((u >> 16) & I(1u))) >> 16;
  return cast<std::uint16_t>(select((u & I(0x7fffffffu)) > I(0x7f800000u), I(0x7fc0u), r));
}

template <class H>
With<H, float> f32_of_f16(H x) {
  using F = With<H, float>;
  using I = With<H, std::uint32_t>;
  const I h = cast<std::uint32_t>(bits(x));
  const I sign = (h & I(0x8000u)) << 16, a = (h & I(0x7fffu)) << 13;
  const I normal = a + select(a >= I(0x7c00u << 13), I(0x70000000u), I(0x38000000u));
  const F subnormal = flt(a + I(0x38800000u)) - F(0x1p-14f);
  return flt(select(a < I(0x400u << 13), bits(subnormal), normal) | sign);
}

template <class H>
With<H, float> f32_of_bf16(H x) {
  return flt(cast<std::uint32_t>(bits(x)) << 16);
}

/// f64 -> f32, rounded to odd: exact, or the neighbour with an odd last bit.
template <class D>
With<D, float> round_to_odd(D x) {
  using I = With<D, std::uint32_t>;
  const With<D, float> y = cast<float>(x);
  const D back = cast<double>(y);
  I u = bits(y);
  u = select(magnitude(back) > magnitude(x), u - I(1u), u);
  return flt(select(back != x, u | I(1u), u));
}

/// i64 or u64 -> f64 such that a later rounding to 11 bits or fewer is the only one.
template <class V>
With<V, double> sticky_double(V x) {
  const auto round = [](auto magnitude) {
    using U = decltype(magnitude);
    const U low = magnitude & U(Scalar<U>(0x7ff));
    const U odd = (magnitude & ~U(Scalar<U>(0x7ff))) |
                  select(low == U(Scalar<U>(0)), U(Scalar<U>(0)), U(Scalar<U>(0x800)));
    return select(magnitude < U(Scalar<U>(1) << 53), magnitude, odd);
  };
  if constexpr (kIsSigned<V>) {
    const Mask<V> negative = x < V(Scalar<V>(0));
    const Wide<V> u = cast<std::uint64_t>(x);
    const Wide<V> zero(std::uint64_t{0});
    const With<V, double> d = cast<double>(round(select(negative, zero - u, u)));
    return select(negative, -d, d);
  } else {
    return cast<double>(round(x));
  }
}

/// float or double number -> integer S: truncates, saturates, NaN is 0.
template <class S, class F>
With<F, S> saturate(F x) {
  using R = With<F, S>;
  using Limits = std::numeric_limits<S>;
  using T = Scalar<F>;
  const F least(static_cast<T>(Limits::min()));                             // exact: 0 or a power of two
  const F past(static_cast<T>(Limits::max() / 2 + 1) * static_cast<T>(2));  // exact: greatest + 1
  const F safe = select((x > least) & (x < past), x, F(T(0)));
  R r = cast<S>(safe);
  r = select(x <= least, R(Limits::min()), r);
  return select(x >= past, R(Limits::max()), r);
}

template <class S, class V>
With<V, S> convert(V x) {
  using T = Scalar<V>;
  constexpr bool kHalf = std::is_same_v<S, float16> || std::is_same_v<S, bfloat16>;
  if constexpr (std::is_same_v<S, T>) {
    return x;
  } else if constexpr (std::is_same_v<T, float16>) {
    return convert<S>(f32_of_f16(x));
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    return convert<S>(f32_of_bf16(x));
  } else if constexpr (std::is_same_v<S, bool>) {
    return x != V(T(0));
  } else if constexpr (kHalf) {
    if constexpr (std::is_same_v<T, float>) {
      if constexpr (std::is_same_v<S, float16>) {
        return from_bits<S>(f16_bits(x));
      } else {
        return from_bits<S>(bf16_bits(x));
      }
    } else if constexpr (std::is_same_v<T, double>) {
      return convert<S>(round_to_odd(x));
    } else if constexpr (sizeof(T) <= 2) {
      return convert<S>(cast<float>(x));
    } else if constexpr (sizeof(T) == 4) {
      return convert<S>(cast<double>(x));
    } else {
      return convert<S>(sticky_double(x));
    }
  } else if constexpr (std::is_floating_point_v<T> && std::is_integral_v<S>) {
    return saturate<S>(x);
  } else {
    return cast<S>(x);
  }
}

/// The bits of x as an S of the same width; a NaN gives the bits of the positive quiet NaN.
template <class S, class V>
With<V, S> bitcast(V x) {
  using T = Scalar<V>;
  static_assert(sizeof(S) == sizeof(T));
  constexpr bool kFloatTarget = !std::is_integral_v<S>;
  if constexpr (std::is_same_v<S, T>) {
    return x;
  } else if constexpr (kIsBool<V> || std::is_same_v<S, bool>) {
    return convert<S>(x);
  } else if constexpr (!std::is_integral_v<T>) {
    const auto u = bits(x);
    using U = std::remove_const_t<decltype(u)>;
    using W = Scalar<U>;
    constexpr W kInfinity = std::is_same_v<T, float16>    ? W(0x7c00)
                            : std::is_same_v<T, bfloat16> ? W(0x7f80)
                            : std::is_same_v<T, float>    ? W(0x7f800000)
                                                          : W(0x7ff0000000000000 >> (64 - 8 * sizeof(W)));
    constexpr W kNan = std::is_same_v<T, float16>    ? W(0x7e00)
                       : std::is_same_v<T, bfloat16> ? W(0x7fc0)
                       : std::is_same_v<T, float>    ? W(0x7fc00000)
                                                     : W(0x7ff8000000000000 >> (64 - 8 * sizeof(W)));
    const U magnitude = U(u & U(W(std::numeric_limits<W>::max() >> 1)));
    return bitcast<S>(select(magnitude > U(kInfinity), U(kNan), u));
  } else if constexpr (kFloatTarget) {
    const auto u = cast<UnsignedOf<sizeof(S)>>(x);
    if constexpr (sizeof(S) == 2) {
      return from_bits<S>(u);
    } else {
      return flt(u);
    }
  } else {
    return cast<S>(x);
  }
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
