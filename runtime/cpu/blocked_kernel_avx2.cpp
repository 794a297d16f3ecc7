// Tiles for AVX2 with FMA: 12 sums (4 x 3, 3 x 4, 2 x 6) of the 16 registers; 8 would do for the latency.
#include <immintrin.h>

#include "runtime/cpu/blocked_kernel_templates.h"

namespace leat::runtime::cpu {
namespace avx2 {

struct BlockedLanes {
  using V = __m256;
  static constexpr int kLanes = 8;
  static constexpr int kPositions[BlockedKernel::kMostBlocks] = {8, 6, 4, 3}, kDepthwisePositions = 8;
  static V zero() { return _mm256_setzero_ps(); }
  static V set(float a) { return _mm256_set1_ps(a); }
  static V load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, V v) { _mm256_storeu_ps(p, v); }
  static V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  static V add(V a, V b) { return _mm256_add_ps(a, b); }
  /// The second where one is NaN, and where they are equal.
  static V max(V a, V b) { return _mm256_max_ps(a, b); }
  static V min(V a, V b) { return _mm256_min_ps(a, b); }
};

}  // namespace avx2

const BlockedKernel& blocked_kernel_avx2() {
  static const BlockedKernel kernel = make_blocked_kernel<avx2::BlockedLanes>();
  return kernel;
}

}  // namespace leat::runtime::cpu
