// What the AVX2 and AVX-512 lanes share: f16 conversion and transposes through 256-bit registers.
//
// Included only by micro_kernel_avx2.cpp and micro_kernel_avx512.cpp. Everything is a template over `L`, so
// that code for different instruction sets is never merged.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "leat/dtype.h"
#include "runtime/cpu/micro_kernel_pack.h"

namespace leat::runtime::cpu {

template <class L>
struct HalfConversion {
  static void Widen(const float16* s, float* d, std::int64_t count) {
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
      _mm256_storeu_ps(d + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(s + i))));
    }
    for (; i < count; ++i) d[i] = _cvtsh_ss(read_unaligned(s + i).bits);
  }
  static void Narrow(const float* s, float16* d, std::int64_t count) {
    constexpr int kNearestEven = 0;
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
      const __m128i h = _mm256_cvtps_ph(_mm256_loadu_ps(s + i), kNearestEven);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(d + i), h);
    }
    for (; i < count; ++i) d[i].bits = _cvtss_sh(s[i], kNearestEven);
  }
};

/// d[i * kW + r] = s[r * row_stride + i] for i in [0, done), r < kW, through 8 x 8 squares (4 x 4 of 64
/// bits); returns done. A last square that does not fit begins earlier; where kW is less than the square,
/// stores run over into what is written next, but not beyond the end: other threads pack there.
template <class L>
struct Transpose {
  template <int kW>
  static std::int64_t Run32(const float* s, std::int64_t row_stride, std::int64_t k, float* d) {
    std::int64_t i = 0;
    for (; i + 8 <= k; i += 8) {
      for (int g = 0; g < kW; g += 8) {
        const int first = kW >= 8 && g > kW - 8 ? kW - 8 : g;
        __m256 v[8];
#pragma GCC unroll 8
        for (int r = 0; r < 8; ++r) {
          v[r] = first + r < kW ? _mm256_loadu_ps(s + (first + r) * row_stride + i) : _mm256_setzero_ps();
        }
        __m256 p[8], q[8];
#pragma GCC unroll 4
        for (int r = 0; r < 8; r += 2) {
          p[r] = _mm256_unpacklo_ps(v[r], v[r + 1]);
          p[r + 1] = _mm256_unpackhi_ps(v[r], v[r + 1]);
        }
#pragma GCC unroll 2
        for (int r = 0; r < 8; r += 4) {
          q[r] = _mm256_shuffle_ps(p[r], p[r + 2], 0x44);
          q[r + 1] = _mm256_shuffle_ps(p[r], p[r + 2], 0xee);
          q[r + 2] = _mm256_shuffle_ps(p[r + 1], p[r + 3], 0x44);
          q[r + 3] = _mm256_shuffle_ps(p[r + 1], p[r + 3], 0xee);
        }
        float* to = d + i * kW + first;
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r)
          _mm256_storeu_ps(to + r * kW, _mm256_permute2f128_ps(q[r], q[r + 4], 0x20));
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) {
          const __m256 row = _mm256_permute2f128_ps(q[r], q[r + 4], 0x31);
          if (kW < 8 && r == 3) {
            _mm256_maskstore_ps(
                to + 7 * kW,
                _mm256_cmpgt_epi32(_mm256_set1_epi32(kW), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)), row);
          } else {
            _mm256_storeu_ps(to + (r + 4) * kW, row);
          }
        }
      }
    }
    return i;
  }

  template <int kW>
  static std::int64_t Run64(const double* s, std::int64_t row_stride, std::int64_t k, double* d) {
    static_assert(kW >= 4);
    std::int64_t i = 0;
    for (; i + 4 <= k; i += 4) {
      for (int g = 0; g < kW; g += 4) {
        const int first = g > kW - 4 ? kW - 4 : g;
        const double* from = s + first * row_stride + i;
        const __m256d a = _mm256_loadu_pd(from);
        const __m256d b = _mm256_loadu_pd(from + row_stride);
        const __m256d c = _mm256_loadu_pd(from + 2 * row_stride);
        const __m256d e = _mm256_loadu_pd(from + 3 * row_stride);
        const __m256d ab = _mm256_unpacklo_pd(a, b), ba = _mm256_unpackhi_pd(a, b);
        const __m256d ce = _mm256_unpacklo_pd(c, e), ec = _mm256_unpackhi_pd(c, e);
        double* to = d + i * kW + first;
        _mm256_storeu_pd(to, _mm256_permute2f128_pd(ab, ce, 0x20));
        _mm256_storeu_pd(to + kW, _mm256_permute2f128_pd(ba, ec, 0x20));
        _mm256_storeu_pd(to + 2 * kW, _mm256_permute2f128_pd(ab, ce, 0x31));
        _mm256_storeu_pd(to + 3 * kW, _mm256_permute2f128_pd(ba, ec, 0x31));
      }
    }
    return i;
  }
};

}  // namespace leat::runtime::cpu
