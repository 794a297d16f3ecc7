// Argument reduction of sin, cos and tan: a = j pi/2 + r + lo, |r| <= pi/4, for every finite a >= 0.
//
// Up to kQuarterMax: Cody & Waite with fma, in pieces of pi/2. Beyond: Payne & Hanek (1983), all in integers,
// over a window of the bits of 2/pi that selects of constants pick (no table in memory); callers run it
// lazily.
#pragma once

#include "ir/meaning/polynomial.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Real V>
struct QuarterTurns {
  V r, lo;
  Unsigned<V> j;  // modulo 4
};
inline constexpr float kQuarterMax = 65536.0f;
inline constexpr double kQuarterMaxD = 0x1p24;

template <Single V>
QuarterTurns<V> reduce_near(V a) {  // 0 <= a <= kQuarterMax
  const V t = fmadd(a, V(0x1.45f306p-1f), V(Format<float>::kRound)), j = t - V(Format<float>::kRound);
  const V r0 = fmadd(j, V(-0x1.921fb6p0f), a);  // exact
  // The next two pieces are short: when these steps cancel they are exact, and when they do not, their
  // rounding error is.
  const V r1 = fmadd(j, V(0x1.78p-25f), r0);
  const V l1 = fmadd(j, V(0x1.78p-25f), r0 - r1);
  const V r2 = fmadd(j, V(-0x1.0cp-34f), r1);
  const V l2 = fmadd(j, V(-0x1.0cp-34f), r1 - r2);
  const V lo = fmadd(j, V(0x1.73dcb4p-43f), l1 + l2);
  return {r2, lo, bits(t) - integer<V>(Format<float>::kRoundBits)};
}

template <Double V>
QuarterTurns<V> reduce_near(V a) {  // 0 <= a <= kQuarterMaxD
  const V t = fmadd(a, V(0x1.45f306dc9c883p-1), V(Format<double>::kRound)), j = t - V(Format<double>::kRound);
  const V r0 = fmadd(j, V(-0x1.921fb54442d18p0), a);  // exact
  const V p = j * V(0x1.1a62633145c07p-54), p_low = fmadd(j, V(0x1.1a62633145c07p-54), -p);
  const V r1 = r0 - p, back = r1 - r0, error = (r0 - (r1 - back)) - (p + back);  // two-sum: r1 may cancel
  const V lo = fmadd(j, V(0x1.f1976b7ed8fbcp-110), error - p_low);
  const V r = r1 + lo;
  return {r, (r1 - r) + lo, bits(t) - integer<V>(Format<double>::kRoundBits)};
}

template <Single V>
QuarterTurns<V> reduce_far(V a) {  // a = m 2^(E-150); a 96-bit window of 2/pi
  using I = Unsigned<V>;
  using L = Wide<V>;
  const I b = bits(a), m = ((b & I(0x007fffffu)) | I(0x00800000u)) << 8;
  const I E = (b >> 23) - I(128u);  // the window starts at bit E of 0.W1W2...; E in [15, 126]
  constexpr std::uint32_t kWords[7] = {0u,          0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
                                       0xf534ddc0u, 0xdb629599u, 0x3c439041u};
  const Mask<V> b0 = (E & I(32u)) == I(0u), b1 = (E & I(64u)) == I(0u);
  const I e = E & I(31u);
  const auto word = [&](int k) {
    const auto odd = [&](int i) { return select(b0, I(kWords[i]), I(kWords[i + 1])); };
    return select(b1, odd(k), odd(k + 2));
  };
  const auto funnel = [&](I high, I low) { return shl(high, e) | shr(low >> 1, I(31u) - e); };
  const I w0 = word(0), w1 = word(1), w2 = word(2), w3 = word(3);
  const I h = funnel(w0, w1), mid = funnel(w1, w2), l = funnel(w2, w3);
  const auto wide = [](I x) { return cast<std::uint64_t>(x); };
  L p = wide(m) * wide(l);  // keep the 64 bits below 2^2 of the product: a 2/pi mod 4, scaled by 2^62
  p = wide(m) * wide(mid) + (p >> 32);
  p = p + (wide(m * h) << 32);
  const L f = p << 2;  // the fraction of a quarter turn, scaled by 2^64
  const I j = cast<std::uint32_t>(p >> 62) + cast<std::uint32_t>(f >> 63);
  const L g = sra(f, 1);  // signed, in [-1/2, 1/2), scaled by 2^63
  const auto to_float = [](L x) { return cast<float>(cast<std::int64_t>(x)); };
  V fh = to_float(g);
  V fl = to_float(g - cast<std::uint64_t>(cast<std::int64_t>(fh)));
  fh = fh * V(0x1p-63f);
  fl = fl * V(0x1p-63f);
  const V high(0x1.921fb6p0f), low(-0x1.777a5cp-25f);  // pi/2
  const V r = fh * high;
  V rl = fmadd(fh, high, -r);
  rl = fmadd(fl, high, fmadd(fh, low, rl));
  const V rs = r + rl;
  return {rs, (r - rs) + rl, j};
}

/// The upper half of a 64 x 64 bit product.
template <class L>
L multiply_high(L a, L b) {
  const L mask(std::uint64_t{0xffffffff});
  const L a0 = a & mask, a1 = a >> 32, b0 = b & mask, b1 = b >> 32;
  const L p01 = a0 * b1, p10 = a1 * b0;
  const L mid = ((a0 * b0) >> 32) + (p01 & mask) + (p10 & mask);
  return a1 * b1 + (p01 >> 32) + (p10 >> 32) + (mid >> 32);
}

template <Double V>
QuarterTurns<V> reduce_far(V a) {  // as for f32, with a 192-bit window
  using I = Unsigned<V>;
  constexpr std::uint64_t kWords[19] = {0,
                                        0xa2f9836e4e441529,
                                        0xfc2757d1f534ddc0,
                                        0xdb6295993c439041,
                                        0xfe5163abdebbc561,
                                        0xb7246e3a424dd2e0,
                                        0x06492eea09d1921c,
                                        0xfe1deb1cb129a73e,
                                        0xe88235f52ebb4484,
                                        0xe99c7026b45f7e41,
                                        0x3991d639835339f4,
                                        0x9c845f8bbdf9283b,
                                        0x1ff897ffde05980f,
                                        0xef2f118b5a0a6d1f,
                                        0x6d367ecf27cb09b7,
                                        0x4f463f669e5fea2d,
                                        0x7527bac7ebe5f17b,
                                        0x3d0739f78a5292ea,
                                        0x6bfb5fb11f8d5d08};
  const I b = bits(a), zero(std::uint64_t{0});
  const I m = ((b & I(Format<double>::kMantissaBits)) | I(std::uint64_t{1} << 52)) << 11;
  const I E = (b >> 52) - I(std::uint64_t{1024});  // in [23, 1022]
  // Four words from word E / 64 on, by halving steps of 8, 4, 2 and 1 words.
  I s[19];
  for (int k = 0; k < 19; ++k) s[k] = I(kWords[k]);
  for (int step = 8; step > 0; step /= 2) {
    const Mask<V> stay = (E & I(static_cast<std::uint64_t>(64 * step))) == zero;
    for (int k = 0; k < 3 + step; ++k) s[k] = select(stay, s[k], s[k + step]);
  }
  const I e = E & I(std::uint64_t{63});
  const auto funnel = [&](I high, I low) { return shl(high, e) | shr(low >> 1, I(std::uint64_t{63}) - e); };
  const I w0 = funnel(s[0], s[1]), w1 = funnel(s[1], s[2]), w2 = funnel(s[2], s[3]);
  // a 2/pi mod 4, scaled by 2^126, as (high, low)
  const I carry_in = multiply_high(m, w2), low = m * w1 + carry_in;
  const I high = m * w0 + multiply_high(m, w1) + select(low < carry_in, I(std::uint64_t{1}), zero);
  const I f = (high << 2) | (low >> 62), f_low = low << 2;  // the fraction of a quarter turn, scaled by 2^128
  const I j = (high >> 62) + (f >> 63);
  const I g = sra(f, 1), g_low = (f << 63) | (f_low >> 1);  // signed, scaled by 2^127
  const auto to_double = [](I x) { return cast<double>(cast<std::int64_t>(x)); };
  V fh = to_double(g);
  V fl = to_double(g - cast<std::uint64_t>(cast<std::int64_t>(fh)));
  fl = fmadd(cast<double>(g_low), V(0x1p-64), fl) * V(0x1p-63);
  fh = fh * V(0x1p-63);
  const V pi_high(0x1.921fb54442d18p0), pi_low(0x1.1a62633145c07p-54);  // pi/2
  const V r = fh * pi_high;
  V rl = fmadd(fh, pi_high, -r);
  rl = fmadd(fl, pi_high, fmadd(fh, pi_low, rl));
  const V rs = r + rl;
  return {rs, (r - rs) + rl, j};
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
