// How far the functions are from the truth, in units of the last place of the true result.
//
// f32 is compared with the C library's double functions (within 1e-8 of an f32 ulp of the truth), f64 with
// MPFR at 200 bits. The limits in kFunctions are part of the documentation: every result must stay within
// them. By default ~100,000 inputs a function are drawn (bit patterns of all magnitudes, the function's busy
// range, edges); LEAT_LONG=1 in the environment runs all 2^32 f32 inputs of every unary function and prints
// the table.
#include "tests/ir/ulp.h"

#include <gtest/gtest.h>
#include <mpfr.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "ir/meaning/apply.h"

namespace leat {
namespace {

using ir::Op;
using Reference = double (*)(double);
using Exact = int (*)(mpfr_t, mpfr_srcptr, mpfr_rnd_t);

double ref_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double ref_rsqrt(double x) { return 1 / std::sqrt(x); }
int exact_sigmoid(mpfr_t r, mpfr_srcptr x, mpfr_rnd_t) {
  mpfr_neg(r, x, MPFR_RNDN);
  mpfr_exp(r, r, MPFR_RNDN);
  mpfr_add_ui(r, r, 1, MPFR_RNDN);
  return mpfr_ui_div(r, 1, r, MPFR_RNDN);
}
int exact_rsqrt(mpfr_t r, mpfr_srcptr x, mpfr_rnd_t rnd) {  // mpfr_rec_sqrt(-0) is +inf, 1 / sqrt(-0) is -inf
  mpfr_sqrt(r, x, rnd);
  return mpfr_ui_div(r, 1, r, rnd);
}

struct Function {
  Op op;
  Reference reference;
  Exact exact;
  double low, high;         // the busy range
  double limit32, limit64;  // greatest error allowed, in ulp
};

// The limits: what all 2^32 f32 inputs reach, rounded up; for f64, what samples of ten million reach, and a
// margin.
const Function kFunctions[] = {
    {Op::rsqrt, ref_rsqrt, exact_rsqrt, 0, 100, 1.51, 1.51},
    {Op::exp, std::exp, mpfr_exp, -20, 20, 0.9, 1.1},
    {Op::exp2, std::exp2, mpfr_exp2, -20, 20, 0.9, 1.1},
    {Op::expm1, std::expm1, mpfr_expm1, -3, 3, 1.05, 1.3},
    {Op::log, std::log, mpfr_log, 0.1, 10, 0.9, 1.1},
    {Op::log2, std::log2, mpfr_log2, 0.1, 10, 1.1, 1.1},
    {Op::log1p, std::log1p, mpfr_log1p, -0.99, 3, 1.0, 1.3},
    {Op::sin, std::sin, mpfr_sin, -20, 20, 1.0, 1.1},
    {Op::cos, std::cos, mpfr_cos, -20, 20, 1.0, 1.1},
    {Op::tan, std::tan, mpfr_tan, -20, 20, 1.15, 1.3},
    {Op::asin, std::asin, mpfr_asin, -1, 1, 1.2, 1.3},
    {Op::acos, std::acos, mpfr_acos, -1, 1, 1.2, 1.3},
    {Op::atan, std::atan, mpfr_atan, -5, 5, 1.5, 1.6},
    {Op::sinh, std::sinh, mpfr_sinh, -5, 5, 1.7, 1.8},
    {Op::cosh, std::cosh, mpfr_cosh, -5, 5, 1.4, 1.5},
    {Op::tanh, std::tanh, mpfr_tanh, -3, 3, 1.05, 1.5},
    {Op::asinh, std::asinh, mpfr_asinh, -5, 5, 1.1, 1.2},
    {Op::acosh, std::acosh, mpfr_acosh, 1, 5, 1.1, 1.2},
    {Op::atanh, std::atanh, mpfr_atanh, -1, 1, 1.0, 1.2},
    {Op::cbrt, std::cbrt, mpfr_cbrt, -30, 30, 0.6, 0.7},
    {Op::sigmoid, ref_sigmoid, exact_sigmoid, -10, 10, 2.5, 2.6},
    {Op::erf, std::erf, mpfr_erf, -4, 4, 1.2, 1.3},
};

template <class T>
void apply(Op op, const std::vector<T>& x, std::vector<T>& y) {
  const void* in[] = {x.data()};
  bool fault = false;
  y.resize(x.size());
  ASSERT_TRUE(meaning::apply_elementwise(op, dtype_of<T>(), dtype_of<T>(), in, y.data(),
                                         static_cast<std::int64_t>(x.size()), &fault));
}

struct Worst {
  double error = 0, at = 0;
  long special = 0;  // results whose class (NaN, infinity, zero, sign) is wrong
  double special_at = 0;
  void Add(double e, double x) {
    if (e > error) error = e, at = x;
  }
  void Wrong(double x) { ++special, special_at = x; }
  void Merge(const Worst& o) {
    Add(o.error, o.at);
    special += o.special;
    if (o.special) special_at = o.special_at;
  }
};

/// What the rounded result must be where there is no ulp to speak of.
template <class T>
bool special_ok(T got, T want) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
  return got == want && std::signbit(got) == std::signbit(want);
}

void compare32(const Function& f, const std::vector<float>& x, const std::vector<float>& y, Worst& worst) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double r = f.reference(x[i]);
    const float want = static_cast<float>(r);
    if (!std::isfinite(r) || r == 0 || std::isnan(y[i])) {
      if (!special_ok(y[i], want)) worst.Wrong(x[i]);
      continue;
    }
    if (std::signbit(y[i]) != std::signbit(r)) worst.Wrong(x[i]);
    if (std::isinf(y[i]) && std::isinf(want)) continue;
    const double got = std::isinf(y[i]) ? std::copysign(0x1p128, r) : y[i];
    worst.Add(std::fabs(got - r) / ulp_of<float>(r), x[i]);
  }
}

void compare64(const Function& f, const std::vector<double>& x, const std::vector<double>& y, Worst& worst) {
  mpfr_t a, r;
  mpfr_init2(a, 53);
  mpfr_init2(r, 200);
  for (std::size_t i = 0; i < x.size(); ++i) {
    mpfr_set_d(a, x[i], MPFR_RNDN);
    f.exact(r, a, MPFR_RNDN);
    const double want = mpfr_get_d(r, MPFR_RNDN);
    if (mpfr_nan_p(r) || mpfr_inf_p(r) || mpfr_zero_p(r) || std::isnan(y[i])) {
      if (!special_ok(y[i], want)) worst.Wrong(x[i]);
      continue;
    }
    if (std::signbit(y[i]) != std::signbit(want)) worst.Wrong(x[i]);
    if (std::isinf(y[i]) || std::isinf(want)) {
      if (y[i] != want && std::fabs(std::isinf(want) ? y[i] : want) < std::numeric_limits<double>::max()) {
        worst.Wrong(x[i]);
      }
      continue;
    }
    mpfr_sub_d(r, r, y[i], MPFR_RNDN);
    worst.Add(std::fabs(mpfr_get_d(r, MPFR_RNDN)) / ulp_of<double>(want), x[i]);
  }
  mpfr_clear(a);
  mpfr_clear(r);
}

template <class T>
std::vector<T> inputs(const Function& f, std::size_t count, std::uint64_t seed) {
  using L = std::numeric_limits<T>;
  using U = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  std::vector<T> x;
  const T edges[] = {T(0),         T(0.25),  T(0.5),    T(0.75),         T(1),          T(2),
                     T(3),         L::min(), L::max(),  L::denorm_min(), L::infinity(), L::quiet_NaN(),
                     L::epsilon(), T(88.72), T(709.78), T(65536),        T(16777216),   T(1e22),
                     T(5.95),      T(0.41),  T(0.55)};
  for (T e : edges) {
    for (T s : {e, -e}) {
      x.insert(x.end(), {s, std::nextafter(s, T(0)), std::nextafter(s, L::infinity()),
                         std::nextafter(s, -L::infinity())});
    }
  }
  // Nearest to multiples of pi/2: sin, cos and tan cancel there most (the first is the worst of all doubles).
  if constexpr (sizeof(T) == 8) x.insert(x.end(), {std::ldexp(6381956970095103.0, 797), 0x1.921fb54442d18p0});
  for (int k = 1; k < 200; ++k) x.push_back(static_cast<T>(k * 1.5707963267948966));
  std::mt19937_64 random(seed);
  const int scale = static_cast<int>(sizeof(T)) * 2;
  while (x.size() < count) {
    x.push_back(std::bit_cast<T>(static_cast<U>(random())));
    const double u = std::ldexp(static_cast<double>(random() >> 11), -53);
    x.push_back(static_cast<T>(f.low + (f.high - f.low) * u));
    x.push_back(static_cast<T>(std::ldexp(1 + u, static_cast<int>(random() % 24) - 16)));
    x.push_back(static_cast<T>(1 - std::ldexp(u, -static_cast<int>(random() % (4 * scale)))));
    x.push_back(static_cast<T>(1 + std::ldexp(u, -static_cast<int>(random() % (4 * scale)))));
  }
  return x;
}

void expect(const char* type, const Function& f, const Worst& w, double limit) {
  std::printf("%-8s %s  max %.4f ulp at %a\n", std::string(name(f.op)).c_str(), type, w.error, w.at);
  std::fflush(stdout);  // a long run shows how far it is
  EXPECT_LE(w.error, limit) << name(f.op) << " at " << w.at;
  EXPECT_EQ(w.special, 0) << name(f.op) << ", e.g. at " << w.special_at;
}

std::size_t samples(std::size_t usual) {
  const char* n = std::getenv("LEAT_SAMPLES");
  return n ? static_cast<std::size_t>(std::atol(n)) : usual;
}

TEST(Ulp, SingleIsWithinItsLimits) {
  for (const Function& f : kFunctions) {
    const std::vector<float> x = inputs<float>(f, samples(100'000), 1);
    std::vector<float> y;
    apply(f.op, x, y);
    Worst worst;
    compare32(f, x, y, worst);
    expect("f32", f, worst, f.limit32);
  }
}

TEST(Ulp, DoubleIsWithinItsLimits) {
  for (const Function& f : kFunctions) {
    const std::vector<double> x = inputs<double>(f, samples(10'000), 2);
    std::vector<double> y;
    apply(f.op, x, y);
    Worst worst;
    compare64(f, x, y, worst);
    expect("f64", f, worst, f.limit64);
  }
}

TEST(Ulp, AllSingles) {
  const char* stride_text = std::getenv("LEAT_LONG");
  if (!stride_text) GTEST_SKIP() << "set LEAT_LONG=1";
  const std::uint64_t stride = static_cast<std::uint64_t>(std::max(1L, std::atol(stride_text)));
  for (const Function& f : kFunctions) {
    constexpr std::uint64_t kBlock = 1 << 16;
    const std::uint64_t all = (std::uint64_t{1} << 32) / stride;
    const unsigned threads = std::max(1u, std::thread::hardware_concurrency());
    std::vector<Worst> worst(threads);
    std::vector<std::thread> pool;
    for (unsigned t = 0; t < threads; ++t) {
      pool.emplace_back([&, t] {
        std::vector<float> x(kBlock), y;
        for (std::uint64_t begin = t * kBlock; begin < all; begin += threads * kBlock) {
          for (std::uint64_t i = 0; i < kBlock; ++i)
            x[i] = std::bit_cast<float>(static_cast<std::uint32_t>((begin + i) * stride));
          apply(f.op, x, y);
          compare32(f, x, y, worst[t]);
        }
      });
    }
    for (std::thread& t : pool) t.join();
    for (const Worst& w : worst) worst[0].Merge(w);
    expect("f32 all", f, worst[0], f.limit32);
  }
}

}  // namespace
}  // namespace leat
