// The unit in the last place, in which errors of functions are told.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace leat {

/// Of an f32 (or f64) result near r.
template <class T>
double ulp_of(double r) {
  using L = std::numeric_limits<T>;
  int e;
  std::frexp(r, &e);
  return std::ldexp(1.0, std::min(std::max(e, L::min_exponent), L::max_exponent) - L::digits);
}

}  // namespace leat
