// acc[j] = x * y[j] + acc[j] over a row: the inner loop of every exact contraction.
//
// One fma per element for float and double, wrapping for integers. The bits do not depend on which
// instruction set runs it; a machine with FMA runs it some 50 times faster than the C library's software
// fma would. Rows are dense; acc does not overlap y. Pure; any thread.
//
//   multiply_add_row(2.0f, y, acc, 8);
#pragma once

#include <cstdint>

#include "ir/scalar_arithmetic.h"

namespace leat::ir {

void multiply_add_row(float x, const float* y, float* acc, std::int64_t n);
void multiply_add_row(double x, const double* y, double* acc, std::int64_t n);
template <class A>
void multiply_add_row(A x, const A* y, A* acc, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) acc[j] = multiply_add(x, y[j], acc[j]);
}

// Compiled for AVX2 and FMA. REQUIRES: the machine has both.
void multiply_add_row_avx2(float x, const float* y, float* acc, std::int64_t n);
void multiply_add_row_avx2(double x, const double* y, double* acc, std::int64_t n);

}  // namespace leat::ir
