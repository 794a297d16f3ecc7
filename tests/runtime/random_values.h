// Random elements of any dtype for tests, with the values that break things among them.
#pragma once

#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "ir/ops.h"
#include "leat/dtype.h"

namespace leat::runtime {

using Random = std::mt19937_64;

inline double draw_real(ir::Domain domain, Random& random) {
  std::uniform_real_distribution<double> unit(-1, 1);
  const double u = unit(random);
  switch (domain) {
    case ir::Domain::unit: return u;
    case ir::Domain::positive: return std::ldexp(1 + std::abs(u), static_cast<int>(random() % 20) - 10);
    case ir::Domain::moderate: return 20 * u;
    case ir::Domain::all: return std::ldexp(u, static_cast<int>(random() % 24) - 12);
  }
  return u;
}

/// `specials`: one in eight is a zero, infinity, NaN, subnormal or extreme; else only finite draws.
template <class S>
S draw(ir::Domain domain, bool specials, Random& random) {
  if constexpr (std::is_same_v<S, bool>) {
    return random() % 2 != 0;
  } else if constexpr (std::is_integral_v<S>) {
    using Limits = std::numeric_limits<S>;
    if (specials && random() % 8 == 0) {
      const S picks[] = {S(0), S(1), static_cast<S>(-1), Limits::min(), Limits::max()};
      return picks[random() % 5];
    }
    return random() % 2 ? static_cast<S>(random()) : static_cast<S>(random() % 100);
  } else {
    if (specials && random() % 8 == 0) {
      const float infinity = std::numeric_limits<float>::infinity();
      const float picks[] = {0.0f,   -0.0f,  infinity, -infinity, std::numeric_limits<float>::quiet_NaN(),
                             1e-40f, -1e-7f, 65504.0f, 3e38f,     1.0f,
                             -1.0f,  1e6f};
      return static_cast<S>(picks[random() % 12]);
    }
    const double x = draw_real(domain, random);
    if constexpr (std::is_same_v<S, double>) return x;
    if constexpr (!std::is_same_v<S, double>) return static_cast<S>(static_cast<float>(x));
  }
}

inline std::vector<std::byte> draw_array(DType dtype, std::int64_t count, ir::Domain domain, bool specials,
                                         Random& random) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(count) * byte_size(dtype));
  visit_dtype(dtype, [&]<class S>(S) {
    for (std::int64_t i = 0; i < count; ++i) {
      const S x = draw<S>(domain, specials, random);
      std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(S), &x, sizeof(S));
    }
  });
  return bytes;
}

}  // namespace leat::runtime
