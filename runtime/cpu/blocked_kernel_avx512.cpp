// Tiles for AVX-512: 24 sums (4 x 6, 3 x 8, 2 x 12) of the 32 registers; 8 would do for the latency.
#include <immintrin.h>

#include "runtime/cpu/blocked_kernel_templates.h"

namespace leat::runtime::cpu {
namespace avx512 {

struct BlockedLanes {
  using V = __m512;
  static constexpr int kLanes = 16;
  static constexpr int kPositions[BlockedKernel::kMostBlocks] = {12, 12, 8, 6}, kDepthwisePositions = 12;
  static V zero() { return _mm512_setzero_ps(); }
  static V set(float a) { return _mm512_set1_ps(a); }
  static V load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, V v) { _mm512_storeu_ps(p, v); }
  static V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  static V add(V a, V b) { return _mm512_add_ps(a, b); }
  /// The second where one is NaN, and where they are equal.
  static V max(V a, V b) { return _mm512_max_ps(a, b); }
  static V min(V a, V b) { return _mm512_min_ps(a, b); }
};

}  // namespace avx512

const BlockedKernel& blocked_kernel_avx512() {
  static const BlockedKernel kernel = make_blocked_kernel<avx512::BlockedLanes>();
  return kernel;
}

}  // namespace leat::runtime::cpu
