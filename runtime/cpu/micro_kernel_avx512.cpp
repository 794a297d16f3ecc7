// The micro-kernel for AVX-512 (F, DQ, BW, VL): tiles of 14 x 32 (32-bit) and 14 x 16 (64-bit).
//
// 28 accumulators, 2 vectors of y and one broadcast of x, of 32 registers.
#include <immintrin.h>

#include "runtime/cpu/micro_kernel_avx.h"
#include "runtime/cpu/micro_kernel_block.h"

namespace leat::runtime::cpu {
namespace avx512 {

/// A strip of y (24 KB) and one of x (11 or 21 KB) stay in an L1 cache of 48 KB.
struct Blocking {
  static constexpr int kRows = 14, kVectors = 2;
  static constexpr bool kFreeMasks = true;
  static constexpr std::int64_t kMBlock = 168, kNBlock = 1024, kDirectRows = 14, kDirectBytes = 16 << 10;
};

struct F32 : Blocking {
  using T = float;
  using V = __m512;
  using Mask = __mmask16;
  static constexpr int kLanes = 16;
  static constexpr bool kGuards = true;
  static constexpr std::int64_t kKBlock = 192;
  static V zero() { return _mm512_setzero_ps(); }
  static V set(T a) { return _mm512_set1_ps(a); }
  static V load(const T* p) { return _mm512_loadu_ps(p); }
  static void store(T* p, V v) { _mm512_storeu_ps(p, v); }
  static V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  static V select(V mask, V yes, V no) {
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(mask)), no, yes);
  }
  static T lane_mask(bool on) { return on ? -__builtin_nanf("") : 0.0f; }
  static Mask mask(int n) { return static_cast<Mask>((1u << n) - 1u); }
  static V load_masked(const T* p, Mask m) { return _mm512_maskz_loadu_ps(m, p); }
  static void store_masked(T* p, V v, Mask m) { _mm512_mask_storeu_ps(p, m, v); }
  static void widen_f16(const float16* s, T* d, std::int64_t n) { HalfConversion<F32>::Widen(s, d, n); }
  static void narrow_f16(const T* s, float16* d, std::int64_t n) { HalfConversion<F32>::Narrow(s, d, n); }
  template <int kW>
  static std::int64_t transpose(const T* s, std::int64_t row_stride, std::int64_t k, T* d) {
    return Transpose<F32>::Run32<kW>(s, row_stride, k, d);
  }
};

struct F64 : Blocking {
  using T = double;
  using V = __m512d;
  using Mask = __mmask8;
  static constexpr int kLanes = 8;
  static constexpr bool kGuards = true;
  static constexpr std::int64_t kKBlock = 192;
  static V zero() { return _mm512_setzero_pd(); }
  static V set(T a) { return _mm512_set1_pd(a); }
  static V load(const T* p) { return _mm512_loadu_pd(p); }
  static void store(T* p, V v) { _mm512_storeu_pd(p, v); }
  static V fma(V a, V b, V c) { return _mm512_fmadd_pd(a, b, c); }
  static V select(V mask, V yes, V no) {
    return _mm512_mask_blend_pd(_mm512_movepi64_mask(_mm512_castpd_si512(mask)), no, yes);
  }
  static T lane_mask(bool on) { return on ? -__builtin_nan("") : 0.0; }
  static Mask mask(int n) { return static_cast<Mask>((1u << n) - 1u); }
  static V load_masked(const T* p, Mask m) { return _mm512_maskz_loadu_pd(m, p); }
  static void store_masked(T* p, V v, Mask m) { _mm512_mask_storeu_pd(p, m, v); }
  template <int kW>
  static std::int64_t transpose(const T* s, std::int64_t row_stride, std::int64_t k, T* d) {
    return Transpose<F64>::Run64<kW>(s, row_stride, k, d);
  }
};

struct U32 : Blocking {
  using T = std::uint32_t;
  using V = __m512i;
  using Mask = __mmask16;
  static constexpr int kLanes = 16;
  static constexpr bool kGuards = false;
  static constexpr std::int64_t kKBlock = 192;
  static V zero() { return _mm512_setzero_si512(); }
  static V set(T a) { return _mm512_set1_epi32(static_cast<int>(a)); }
  static V load(const T* p) { return _mm512_loadu_si512(p); }
  static void store(T* p, V v) { _mm512_storeu_si512(p, v); }
  static V fma(V a, V b, V c) { return _mm512_add_epi32(_mm512_mullo_epi32(a, b), c); }
  static Mask mask(int n) { return F32::mask(n); }
  static V load_masked(const T* p, Mask m) { return _mm512_maskz_loadu_epi32(m, p); }
  static void store_masked(T* p, V v, Mask m) { _mm512_mask_storeu_epi32(p, m, v); }
  template <int kW>
  static std::int64_t transpose(const T* s, std::int64_t row_stride, std::int64_t k, T* d) {
    return Transpose<U32>::Run32<kW>(reinterpret_cast<const float*>(s), row_stride, k,
                                     reinterpret_cast<float*>(d));
  }
};

struct U64 : Blocking {
  using T = std::uint64_t;
  using V = __m512i;
  using Mask = __mmask8;
  static constexpr int kLanes = 8;
  static constexpr bool kGuards = false;
  static constexpr std::int64_t kKBlock = 192;
  static V zero() { return _mm512_setzero_si512(); }
  static V set(T a) { return _mm512_set1_epi64(static_cast<long long>(a)); }
  static V load(const T* p) { return _mm512_loadu_si512(p); }
  static void store(T* p, V v) { _mm512_storeu_si512(p, v); }
  static V fma(V a, V b, V c) { return _mm512_add_epi64(_mm512_mullo_epi64(a, b), c); }
  static Mask mask(int n) { return F64::mask(n); }
  static V load_masked(const T* p, Mask m) { return _mm512_maskz_loadu_epi64(m, p); }
  static void store_masked(T* p, V v, Mask m) { _mm512_mask_storeu_epi64(p, m, v); }
  template <int kW>
  static std::int64_t transpose(const T* s, std::int64_t row_stride, std::int64_t k, T* d) {
    return Transpose<U64>::Run64<kW>(reinterpret_cast<const double*>(s), row_stride, k,
                                     reinterpret_cast<double*>(d));
  }
};

}  // namespace avx512

const MicroKernel& micro_kernel_avx512(DType dtype) {
  return kernel_of<avx512::F32, avx512::F64, avx512::U32, avx512::U64>(dtype);
}

}  // namespace leat::runtime::cpu
