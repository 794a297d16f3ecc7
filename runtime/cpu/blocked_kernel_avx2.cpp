// Tiles for AVX2 with FMA: 12 sums (4 x 3, 3 x 4, 2 x 6) of the 16 registers; 8 would do for the latency.
#include <immintrin.h>

#include "runtime/cpu/blocked_kernel_templates.h"

namespace leat::runtime::cpu {
namespace avx2 {

struct BlockedLanes {
  using V = __m256;
  static constexpr int kLanes = 8;
  static V zero() { return _mm256_setzero_ps(); }
  static V set(float a) { return _mm256_set1_ps(a); }
  static V load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, V v) { _mm256_storeu_ps(p, v); }
  static V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
};

}  // namespace avx2

const BlockedKernel& blocked_kernel_avx2() {
  using Lanes = avx2::BlockedLanes;
  static const BlockedKernel kernel = [] {
    BlockedKernel k{};
    k.lanes = Lanes::kLanes;
    fill_blocked<Lanes, 1>(k, std::make_integer_sequence<int, 8>());
    fill_blocked<Lanes, 2>(k, std::make_integer_sequence<int, 6>());
    fill_blocked<Lanes, 3>(k, std::make_integer_sequence<int, 4>());
    fill_blocked<Lanes, 4>(k, std::make_integer_sequence<int, 3>());
    fill_depthwise<Lanes>(k, std::make_integer_sequence<int, 8>());
    return k;
  }();
  return kernel;
}

}  // namespace leat::runtime::cpu
