// The meanings live in a namespace of this file's own, so that no other file gets this file's copies.
#define LEAT_MEANING_ISA exponentiate_row_avx2
#include "ir/exponentiate_row.h"
#include "ir/meaning/elementwise.h"

namespace leat::ir {

void exponentiate_row_avx2(float shift, float* s, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) s[j] = meaning::exp(s[j] - shift);
}
void exponentiate_row_avx2(double shift, double* s, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) s[j] = meaning::exp(s[j] - shift);
}

}  // namespace leat::ir
