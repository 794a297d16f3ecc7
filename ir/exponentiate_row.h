// s[j] = exp(s[j] - shift) over a row: the exponentials of attention's softmax.
//
// exp is meaning::exp, the difference is rounded before it. The bits do not depend on the instruction set
// that runs it; a machine with AVX2 and FMA runs it some 50 times faster than the C library's software fma
// would. Rows are dense. Pure; any thread.
//
//   exponentiate_row(top, s, 8);
#pragma once

#include <cstdint>

namespace leat::ir {

void exponentiate_row(float shift, float* s, std::int64_t n);
void exponentiate_row(double shift, double* s, std::int64_t n);

// Compiled for AVX2 and FMA. REQUIRES: the machine has both.
void exponentiate_row_avx2(float shift, float* s, std::int64_t n);
void exponentiate_row_avx2(double shift, double* s, std::int64_t n);

}  // namespace leat::ir
