#include "compiler/compare_arrays.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "ir/printer.h"

namespace leat::compiler {
namespace {

template <class T>
double to_double(T x) {
  if constexpr (std::is_same_v<T, double> || std::is_integral_v<T>) {
    return static_cast<double>(x);
  } else {
    return static_cast<double>(static_cast<float>(x));
  }
}

// The first element that `same(actual, expected, i)` does not accept.
template <class Same>
std::string first_difference(const ir::Array& actual, const ir::Array& expected, const Same& same) {
  return visit_dtype(actual.type.dtype, [&]<class T>(T) -> std::string {
    const std::int64_t n = actual.type.shape.num_elements();
    const T* const a = actual.as<T>();
    const T* const b = expected.as<T>();
    for (std::int64_t i = 0; i < n; ++i) {
      if (std::memcmp(a + i, b + i, sizeof(T)) == 0) continue;
      if constexpr (!std::is_integral_v<T>) {
        const double x = to_double(a[i]), y = to_double(b[i]);
        if ((std::isnan(x) && std::isnan(y)) || same(x, y, i)) continue;
      }
      const auto text = [&](const T* p) { return ir::print(ir::make_literal({actual.type.dtype, {}}, p)); };
      return absl::StrCat("element ", i, " of ", n, " is ", text(a + i), ", expected ", text(b + i));
    }
    return "";
  });
}

}  // namespace

std::string compare_bits(const ir::Array& actual, const ir::Array& expected) {
  return first_difference(actual, expected, [](double, double, std::int64_t) { return false; });
}

std::string compare_to_largest(const ir::Array& actual, const ir::Array& expected, double share) {
  double largest = 0;
  visit_dtype(expected.type.dtype, [&]<class T>(T) {
    const std::int64_t n = expected.type.shape.num_elements();
    for (std::int64_t i = 0; i < n; ++i) {
      const double x = std::fabs(to_double(expected.as<T>()[i]));
      if (std::isfinite(x)) largest = std::max(largest, x);
    }
  });
  return first_difference(actual, expected, [&](double x, double y, std::int64_t) {
    return std::fabs(x - y) <= share * largest;
  });
}

std::string compare_sums(const ir::Array& actual, const ir::Array& expected, const ir::Array& magnitudes,
                         std::int64_t terms) {
  const DType dtype = actual.type.dtype;
  const double u = dtype == DType::f64 ? 0x1p-53 : 0x1p-24;  // of the sums
  const double rounding = dtype == DType::f16 ? 0x1p-11 : dtype == DType::bf16 ? 0x1p-8 : u;
  const double least = dtype == DType::f16 ? 0x1p-24 : dtype == DType::f64 ? 0x1p-1074 : 0x1p-133;
  return first_difference(actual, expected, [&](double x, double y, std::int64_t i) {
    const double sum = visit_dtype(dtype, [&]<class T>(T) { return to_double(magnitudes.as<T>()[i]); });
    const double bound = 2.02 * static_cast<double>(terms + 2) * u * sum * (1 + rounding) +
                         2 * rounding * std::fabs(y) + 2 * least;
    return std::isinf(sum) || std::fabs(x - y) <= bound;
  });
}

}  // namespace leat::compiler
