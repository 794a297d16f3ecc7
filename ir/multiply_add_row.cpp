#include "ir/multiply_add_row.h"

#include "ir/has_fma.h"

namespace leat::ir {
namespace {

template <class A>
void baseline(A x, const A* y, A* acc, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) acc[j] = multiply_add(x, y[j], acc[j]);
}

}  // namespace

void multiply_add_row(float x, const float* y, float* acc, std::int64_t n) {
  has_fma() ? multiply_add_row_avx2(x, y, acc, n) : baseline(x, y, acc, n);
}
void multiply_add_row(double x, const double* y, double* acc, std::int64_t n) {
  has_fma() ? multiply_add_row_avx2(x, y, acc, n) : baseline(x, y, acc, n);
}

}  // namespace leat::ir
