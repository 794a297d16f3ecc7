// An outside program that embeds Leat: computes something and says what it found.
#include <cstdio>

#include "leat/leat.h"

int main() {
  const leat::Tensor x = leat::tensor({1.0f, 2.0f, 3.0f});
  const float sum = leat::sum(leat::exp(x) * 0 + x * 2).item<float>();
  std::printf("%g\n", static_cast<double>(sum));
  return sum == 12.0f ? 0 : 1;
}
