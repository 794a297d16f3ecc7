// Loops written by hand that fused chains are judged by, and a way to run them on all cores.
//
// The loops use vectors of 8 floats (g++ makes two of 4 of each where the machine has no AVX): what anyone
// would write who wants the machine's bandwidth. `n` is a multiple of 8. Any thread.
#pragma once

#include <cstdint>
#include <functional>

namespace leat::bench {

/// out = a + 3 b
void triad(const float* a, const float* b, float* out, std::int64_t n);
/// The same past the caches, where out is 32-byte aligned.
void triad_streaming(const float* a, const float* b, float* out, std::int64_t n);
/// chain_of_8, every operation rounded; and with products and sums contracted as a compiler may.
void chain_loop_exact(const float* a, const float* b, float* out, std::int64_t n);
void chain_loop_contract(const float* a, const float* b, float* out, std::int64_t n);

/// Eight operations on two inputs.
template <class V>
V chain_of_8(const V& a, const V& b) {
  return ((((a + b) * a - b) * 0.5f + a) * b - 1.5f) * a;
}

/// f(begin, count) over [0, n) on all cores at once, through OpenMP as the libraries do.
void split(std::int64_t n, const std::function<void(std::int64_t, std::int64_t)>& f);

}  // namespace leat::bench
