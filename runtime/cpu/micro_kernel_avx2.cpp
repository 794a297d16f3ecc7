// The micro-kernel for AVX2 with FMA and F16C: tiles of 6 x 16 (32-bit) and 6 x 8 (64-bit).
//
// 12 accumulators, 2 vectors of y and one broadcast of x fill the 16 registers.
#include <immintrin.h>

#include "runtime/cpu/micro_kernel_avx.h"
#include "runtime/cpu/micro_kernel_block.h"

namespace leat::runtime::cpu {
namespace avx2 {

/// The first n of 8 32-bit (n / 2 of 4 64-bit) lanes.
alignas(64) constexpr std::int32_t kLaneMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

/// A strip of y (16 KB) and one of x (6 or 12 KB) stay in the L1 cache, kMBlock rows of x (96 or 192 KB) in
/// L2. 1000 cubed on Zen 3, one core of a busy machine: f32 1.03 and f64 0.90 of OpenBLAS' speed as one
/// block; k blocks of 192 or 320 and 144 rows were 2 to 5 % slower, no prefetch 6 %, no unrolling 8 %.
struct Blocking {
  static constexpr int kRows = 6, kVectors = 2;
  static constexpr bool kFreeMasks = false;
  static constexpr std::int64_t kMBlock = 96, kNBlock = 1024, kDirectRows = 12, kDirectBytes = 16 << 10;
};

struct F32 : Blocking {
  using T = float;
  using V = __m256;
  using Mask = __m256i;
  static constexpr int kLanes = 8;
  static constexpr bool kGuards = true;
  static constexpr std::int64_t kKBlock = 256;
  static V zero() { return _mm256_setzero_ps(); }
  static V set(T a) { return _mm256_set1_ps(a); }
  static V load(const T* p) { return _mm256_loadu_ps(p); }
  static void store(T* p, V v) { _mm256_storeu_ps(p, v); }
  static V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  static V select(V mask, V yes, V no) { return _mm256_blendv_ps(no, yes, mask); }
  static T lane_mask(bool on) { return on ? -__builtin_nanf("") : 0.0f; }
  static Mask mask(int n) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kLaneMasks + 8 - n)); }
  static V load_masked(const T* p, Mask m) { return _mm256_maskload_ps(p, m); }
  static void store_masked(T* p, V v, Mask m) { _mm256_maskstore_ps(p, m, v); }
  static void widen_f16(const float16* s, T* d, std::int64_t n) { HalfConversion<F32>::Widen(s, d, n); }
  static void narrow_f16(const T* s, float16* d, std::int64_t n) { HalfConversion<F32>::Narrow(s, d, n); }
  template <int kW>
  static std::int64_t transpose(const T* s, std::int64_t row_stride, std::int64_t k, T* d) {
    return Transpose<F32>::Run32<kW>(s, row_stride, k, d);
  }
};

struct F64 : Blocking {
  using T = double;
  using V = __m256d;
  using Mask = __m256i;
  static constexpr int kLanes = 4;
  static constexpr bool kGuards = true;
  static constexpr std::int64_t kKBlock = 256;
  static V zero() { return _mm256_setzero_pd(); }
  static V set(T a) { return _mm256_set1_pd(a); }
  static V load(const T* p) { return _mm256_loadu_pd(p); }
  static void store(T* p, V v) { _mm256_storeu_pd(p, v); }
  static V fma(V a, V b, V c) { return _mm256_fmadd_pd(a, b, c); }
  static V select(V mask, V yes, V no) { return _mm256_blendv_pd(no, yes, mask); }
  static T lane_mask(bool on) { return on ? -__builtin_nan("") : 0.0; }
  static Mask mask(int n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kLaneMasks + 8 - 2 * n));
  }
  static V load_masked(const T* p, Mask m) { return _mm256_maskload_pd(p, m); }
  static void store_masked(T* p, V v, Mask m) { _mm256_maskstore_pd(p, m, v); }
  template <int kW>
  static std::int64_t transpose(const T* s, std::int64_t row_stride, std::int64_t k, T* d) {
    return Transpose<F64>::Run64<kW>(s, row_stride, k, d);
  }
};

struct U32 : Blocking {
  using T = std::uint32_t;
  using V = __m256i;
  using Mask = __m256i;
  static constexpr int kLanes = 8;
  static constexpr bool kGuards = false;
  static constexpr std::int64_t kKBlock = 256;
  static V zero() { return _mm256_setzero_si256(); }
  static V set(T a) { return _mm256_set1_epi32(static_cast<int>(a)); }
  static V load(const T* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static void store(T* p, V v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static V fma(V a, V b, V c) { return _mm256_add_epi32(_mm256_mullo_epi32(a, b), c); }
  static Mask mask(int n) { return F32::mask(n); }
  static V load_masked(const T* p, Mask m) {
    return _mm256_maskload_epi32(reinterpret_cast<const int*>(p), m);
  }
  static void store_masked(T* p, V v, Mask m) { _mm256_maskstore_epi32(reinterpret_cast<int*>(p), m, v); }
  template <int kW>
  static std::int64_t transpose(const T* s, std::int64_t row_stride, std::int64_t k, T* d) {
    return Transpose<U32>::Run32<kW>(reinterpret_cast<const float*>(s), row_stride, k,
                                     reinterpret_cast<float*>(d));
  }
};

struct U64 : Blocking {
  using T = std::uint64_t;
  using V = __m256i;
  using Mask = __m256i;
  static constexpr int kLanes = 4;
  static constexpr bool kGuards = false;
  static constexpr std::int64_t kKBlock = 256;
  static V zero() { return _mm256_setzero_si256(); }
  static V set(T a) { return _mm256_set1_epi64x(static_cast<long long>(a)); }
  static V load(const T* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static void store(T* p, V v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static V fma(V a, V b, V c) {
    // There is no 64-bit multiply: low x low, and the two cross products in the high halves.
    const V cross = _mm256_mullo_epi32(a, _mm256_shuffle_epi32(b, 0xb1));
    const V high = _mm256_slli_epi64(_mm256_add_epi32(cross, _mm256_srli_epi64(cross, 32)), 32);
    return _mm256_add_epi64(c, _mm256_add_epi64(_mm256_mul_epu32(a, b), high));
  }
  static Mask mask(int n) { return F64::mask(n); }
  static V load_masked(const T* p, Mask m) {
    return _mm256_maskload_epi64(reinterpret_cast<const long long*>(p), m);
  }
  static void store_masked(T* p, V v, Mask m) {
    _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), m, v);
  }
  template <int kW>
  static std::int64_t transpose(const T* s, std::int64_t row_stride, std::int64_t k, T* d) {
    return Transpose<U64>::Run64<kW>(reinterpret_cast<const double*>(s), row_stride, k,
                                     reinterpret_cast<double*>(d));
  }
};

}  // namespace avx2

const MicroKernel& micro_kernel_avx2(DType dtype) {
  return kernel_of<avx2::F32, avx2::F64, avx2::U32, avx2::U64>(dtype);
}

}  // namespace leat::runtime::cpu
