#include "tools/bench/loops.h"

#include <immintrin.h>
#include <omp.h>

#include <algorithm>

namespace leat::bench {
namespace {

/// What the hand-written loops need; on a lesser machine they are plain ones.
bool has_fma() {
  static const bool yes = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return yes;
}

[[gnu::target("avx2,fma")]] void triad_avx2(const float* a, const float* b, float* out, std::int64_t n,
                                            bool stream) {
  const __m256 three = _mm256_set1_ps(3);
  for (std::int64_t i = 0; i < n; i += 8) {
    const __m256 y = _mm256_add_ps(_mm256_loadu_ps(a + i), _mm256_mul_ps(three, _mm256_loadu_ps(b + i)));
    if (stream) {
      _mm256_stream_ps(out + i, y);
    } else {
      _mm256_storeu_ps(out + i, y);
    }
  }
  _mm_sfence();
}

[[gnu::target("avx2,fma")]] void chain_exact_avx2(const float* a, const float* b, float* out,
                                                  std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += 8) {
    const __m256 x = _mm256_loadu_ps(a + i), y = _mm256_loadu_ps(b + i);
    __m256 v = _mm256_sub_ps(_mm256_mul_ps(_mm256_add_ps(x, y), x), y);
    v = _mm256_add_ps(_mm256_mul_ps(v, _mm256_set1_ps(0.5f)), x);
    v = _mm256_sub_ps(_mm256_mul_ps(v, y), _mm256_set1_ps(1.5f));
    _mm256_storeu_ps(out + i, _mm256_mul_ps(v, x));
  }
}

[[gnu::target("avx2,fma")]] void chain_contract_avx2(const float* a, const float* b, float* out,
                                                     std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += 8) {
    const __m256 x = _mm256_loadu_ps(a + i), y = _mm256_loadu_ps(b + i);
    __m256 v = _mm256_fmsub_ps(_mm256_add_ps(x, y), x, y);
    v = _mm256_fmadd_ps(v, _mm256_set1_ps(0.5f), x);
    v = _mm256_fmsub_ps(v, y, _mm256_set1_ps(1.5f));
    _mm256_storeu_ps(out + i, _mm256_mul_ps(v, x));
  }
}

}  // namespace

void triad(const float* a, const float* b, float* out, std::int64_t n) {
  if (has_fma()) return triad_avx2(a, b, out, n, false);
  for (std::int64_t i = 0; i < n; ++i) out[i] = a[i] + 3 * b[i];
}

void triad_streaming(const float* a, const float* b, float* out, std::int64_t n) {
  if (has_fma()) return triad_avx2(a, b, out, n, reinterpret_cast<std::uintptr_t>(out) % 32 == 0);
  triad(a, b, out, n);
}

void chain_loop_exact(const float* a, const float* b, float* out, std::int64_t n) {
  if (has_fma()) return chain_exact_avx2(a, b, out, n);
  for (std::int64_t i = 0; i < n; ++i) out[i] = chain_of_8(a[i], b[i]);
}

void chain_loop_contract(const float* a, const float* b, float* out, std::int64_t n) {
  if (has_fma()) return chain_contract_avx2(a, b, out, n);
  chain_loop_exact(a, b, out, n);
}

void split(std::int64_t n, const std::function<void(std::int64_t, std::int64_t)>& f) {
#pragma omp parallel
  {
    const std::int64_t threads = omp_get_num_threads(), t = omp_get_thread_num();
    const std::int64_t part = ((n + threads - 1) / threads + 63) / 64 * 64, begin = std::min(n, t * part);
    f(begin, std::min(part, n - begin));
  }
}

}  // namespace leat::bench
