// No templates or inline functions from headers here: the linker might keep this file's copy for all.
#include <cstdint>

namespace leat::ir {

void multiply_add_row_avx2(float x, const float* y, float* acc, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) acc[j] = __builtin_fmaf(x, y[j], acc[j]);
}
void multiply_add_row_avx2(double x, const double* y, double* acc, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) acc[j] = __builtin_fma(x, y[j], acc[j]);
}

}  // namespace leat::ir
