// pow, atan2 and erfinv: their greatest errors in ulp, and the special cases of C Annex F.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "ir/meaning/apply.h"
#include "tests/ir/exact_number.h"
#include "tests/ir/ulp.h"

namespace leat {
namespace {

using ir::Op;
using Binary = int (*)(mpfr_t, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t);

template <class T>
std::vector<T> apply_binary(Op op, std::vector<std::vector<T>> operands) {
  std::vector<const void*> p;
  for (const std::vector<T>& v : operands) p.push_back(v.data());
  std::vector<T> r(operands[0].size());
  bool fault = false;
  EXPECT_TRUE(meaning::apply_elementwise(op, dtype_of<T>(), dtype_of<T>(), p.data(), r.data(),
                                         static_cast<std::int64_t>(r.size()), &fault));
  return r;
}

/// |got - truth| in ulp; 0 where both are infinite or zero alike, infinite where their classes differ.
template <class T>
double error_in_ulp(T got, Exact& truth) {
  const T want = truth.Round<T>();
  if (std::isnan(got) || std::isnan(want)) return std::isnan(got) && std::isnan(want) ? 0 : HUGE_VAL;
  if (got == want) return std::signbit(got) == std::signbit(want) ? 0.5 : HUGE_VAL;
  if (std::isinf(got) || std::isinf(want)) {
    const T other = std::isinf(got) ? want : got;
    return std::fabs(other) == std::numeric_limits<T>::max() ? 1 : HUGE_VAL;
  }
  Exact g(got);
  mpfr_sub(g.get(), g.get(), truth.get(), MPFR_RNDN);
  return std::fabs(g.AsDouble()) / ulp_of<T>(static_cast<double>(want));
}

template <class T>
void check(Op op, Binary exact, double limit, const std::vector<T>& x, const std::vector<T>& y) {
  const std::vector<T> got = apply_binary<T>(op, {x, y});
  double worst = 0;
  std::size_t at = 0;
  Exact r;
  for (std::size_t i = 0; i < x.size(); ++i) {
    Exact a(x[i]), b(y[i]);
    exact(r.get(), a.get(), b.get(), MPFR_RNDN);
    const double e = error_in_ulp<T>(got[i], r);
    if (e > worst) worst = e, at = i;
  }
  std::printf("%-8s %s  max %.4f ulp at (%a, %a)\n", std::string(name(op)).c_str(),
              std::string(name(dtype_of<T>())).c_str(), worst, static_cast<double>(x[at]),
              static_cast<double>(y[at]));
  EXPECT_LE(worst, limit) << name(op) << " of " << x[at] << ", " << y[at];
}

template <class T>
class Ulp2 : public testing::Test {};
using Widths = testing::Types<float, double>;
TYPED_TEST_SUITE(Ulp2, Widths);

template <class T>
T any_bits(std::mt19937_64& random) {
  return std::bit_cast<T>(
      static_cast<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>(random()));
}
double unit(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

TYPED_TEST(Ulp2, Pow) {
  using T = TypeParam;
  using L = std::numeric_limits<T>;
  std::mt19937_64 random(5);
  std::vector<T> x, y;
  for (int i = 0; i < 6000; ++i) {
    x.push_back(std::fabs(any_bits<T>(random)));  // results of every magnitude
    const double log = std::log2(static_cast<double>(x.back()));
    y.push_back(static_cast<T>((2 * unit(random) - 1) * L::max_exponent / (log == 0 ? 1 : log)));
    x.push_back(static_cast<T>(0.5 + 2 * unit(random)));
    y.push_back(static_cast<T>((2 * unit(random) - 1) * L::max_exponent));
    x.push_back(static_cast<T>(1 + (unit(random) - 0.5) * 0x1p-10));
    y.push_back(static_cast<T>((2 * unit(random) - 1) * L::max_exponent * 0x1p9));
    x.push_back(any_bits<T>(random));
    y.push_back(static_cast<T>(static_cast<int>(random() % 9) - 4));
  }
  check<T>(Op::pow, mpfr_pow, 1.5, x, y);
}

TYPED_TEST(Ulp2, Atan2) {
  using T = TypeParam;
  std::mt19937_64 random(6);
  std::vector<T> x, y;
  for (int i = 0; i < 6000; ++i) {
    y.push_back(any_bits<T>(random));
    x.push_back(any_bits<T>(random));
    y.push_back(static_cast<T>(2 * unit(random) - 1));
    x.push_back(static_cast<T>(2 * unit(random) - 1));
    y.push_back(any_bits<T>(random));
    x.push_back(static_cast<T>(static_cast<double>(y.back()) * (2 * unit(random) + 0.1)));
  }
  check<T>(Op::atan2, mpfr_atan2, 2.0, y, x);
}

TYPED_TEST(Ulp2, SpecialCasesAreThoseOfTheCLibrary) {
  using T = TypeParam;
  using L = std::numeric_limits<T>;
  std::vector<T> values;
  for (T v :
       {T(0), L::denorm_min(), L::min(), T(0.5), T(1), std::nextafter(T(1), T(2)), T(2), T(3), T(4), T(2.5),
        L::max(), L::infinity(), L::quiet_NaN(), T(1 / L::epsilon()) + 1, T(2 / L::epsilon()) + 2}) {
    values.push_back(v);
    values.push_back(-v);
  }
  std::vector<T> x, y;
  for (T a : values) {
    for (T b : values) x.push_back(a), y.push_back(b);
  }
  const std::vector<T> powers = apply_binary<T>(Op::pow, {x, y}), angles = apply_binary<T>(Op::atan2, {x, y});
  for (std::size_t i = 0; i < x.size(); ++i) {
    const T p = std::pow(x[i], y[i]), a = std::atan2(x[i], y[i]);
    const auto near = [](T got, T want) {
      if (std::isnan(got) || std::isnan(want)) return std::isnan(got) && std::isnan(want);
      if (std::signbit(got) != std::signbit(want)) return false;
      if (want == 0 || std::isinf(want) || want == 1) return got == want;
      return std::fabs(got - want) <= std::max(4 * L::epsilon() * std::fabs(want), L::denorm_min());
    };
    EXPECT_TRUE(near(powers[i], p)) << "pow(" << x[i] << ", " << y[i] << ") is " << powers[i] << ", not "
                                    << p;
    EXPECT_TRUE(near(angles[i], a)) << "atan2(" << x[i] << ", " << y[i] << ") is " << angles[i] << ", not "
                                    << a;
  }
}

TYPED_TEST(Ulp2, Erfinv) {
  using T = TypeParam;
  using L = std::numeric_limits<T>;
  std::mt19937_64 random(8);
  std::vector<T> x = {0, L::denorm_min(), L::min(), T(1e-10), std::nextafter(T(1), T(0)), T(0.5)};
  for (int i = 0; i < 4000; ++i) {
    x.push_back(static_cast<T>(2 * unit(random) - 1));
    x.push_back(
        static_cast<T>(1 - std::ldexp(unit(random) + 0.5, -static_cast<int>(random() % L::digits) - 1)));
    x.push_back(static_cast<T>(std::ldexp(unit(random), -static_cast<int>(random() % 100))));
  }
  const std::vector<T> got = apply_binary<T>(Op::erfinv, {x});
  double worst = 0, at = 0;
  Exact e, d;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == 0) {
      EXPECT_EQ(got[i], x[i]);
      continue;
    }
    // The distance of got from the truth: (erf(got) - x) / erf'(got), to first order.
    Exact g(got[i]);
    mpfr_erf(e.get(), g.get(), MPFR_RNDN);
    mpfr_sub_d(e.get(), e.get(), x[i], MPFR_RNDN);
    mpfr_sqr(d.get(), g.get(), MPFR_RNDN);
    mpfr_exp(d.get(), d.get(), MPFR_RNDN);
    mpfr_mul(e.get(), e.get(), d.get(), MPFR_RNDN);
    mpfr_mul_d(e.get(), e.get(), 0x1.c5bf891b4ef6bp-1, MPFR_RNDN);  // sqrt(pi) / 2
    const double error = std::fabs(e.AsDouble()) / ulp_of<T>(static_cast<double>(got[i]));
    if (!(error <= worst)) worst = error, at = static_cast<double>(x[i]);
  }
  std::printf("erfinv   %s  max %.4f ulp at %a\n", std::string(name(dtype_of<T>())).c_str(), worst, at);
  EXPECT_LE(worst, 2.5) << at;
  const std::vector<T> edges =
      apply_binary<T>(Op::erfinv, {{T(1), T(-1), T(1.5), L::quiet_NaN(), T(-0.0), -L::infinity()}});
  EXPECT_EQ(edges[0], L::infinity());
  EXPECT_EQ(edges[1], -L::infinity());
  EXPECT_TRUE(std::isnan(edges[2]) && std::isnan(edges[3]) && std::isnan(edges[5]));
  EXPECT_TRUE(edges[4] == 0 && std::signbit(edges[4]));
}

}  // namespace
}  // namespace leat
