#include "ir/exponentiate_row.h"

#include "ir/has_fma.h"
#include "ir/meaning/elementwise.h"

namespace leat::ir {
namespace {

template <class A>
void baseline(A shift, A* s, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) s[j] = meaning::exp(s[j] - shift);
}

}  // namespace

void exponentiate_row(float shift, float* s, std::int64_t n) {
  has_fma() ? exponentiate_row_avx2(shift, s, n) : baseline(shift, s, n);
}
void exponentiate_row(double shift, double* s, std::int64_t n) {
  has_fma() ? exponentiate_row_avx2(shift, s, n) : baseline(shift, s, n);
}

}  // namespace leat::ir
