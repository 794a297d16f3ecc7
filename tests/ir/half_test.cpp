// f16 and bf16: every value through every unary op, and the binary ops and fma against exact numbers.
//
// A unary op on a half is the f32 meaning rounded once: that definition is checked bit for bit with another
// rounding routine, and the result is within 0.501 ulp of the truth (the C library in double). Arithmetic and
// fma must equal the exact result rounded once.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "ir/meaning/apply.h"
#include "tests/ir/exact_number.h"

namespace leat {
namespace {

using ir::Op;

template <class H>
struct Format;
template <>
struct Format<float16> {
  static constexpr int kDigits = 11, kLeast = -14;
};
template <>
struct Format<bfloat16> {
  static constexpr int kDigits = 8, kLeast = -126;
};

template <class T>
std::vector<T> apply(Op op, std::vector<std::vector<T>> operands) {
  std::vector<const void*> p;
  for (const std::vector<T>& v : operands) p.push_back(v.data());
  std::vector<T> r(operands[0].size());
  bool fault = false;
  EXPECT_TRUE(meaning::apply_elementwise(op, dtype_of<T>(), dtype_of<T>(), p.data(), r.data(),
                                         static_cast<std::int64_t>(r.size()), &fault));
  return r;
}

template <class H>
bool same_half(H a, H b) {
  const float x = static_cast<float>(a), y = static_cast<float>(b);
  return (std::isnan(x) && std::isnan(y)) || a.bits == b.bits;
}

double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
double negate(double x) { return -x; }
double rsqrt(double x) { return 1 / std::sqrt(x); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double absolute(double x) { return std::fabs(x); }

struct Unary {
  Op op;
  double (*truth)(double);
};
const Unary kUnary[] = {
    {Op::neg, negate},
    {Op::abs, absolute},
    {Op::sign, sign},
    {Op::floor, std::floor},
    {Op::ceil, std::ceil},
    {Op::trunc, std::trunc},
    {Op::round_even, std::nearbyint},
    {Op::sqrt, std::sqrt},
    {Op::rsqrt, rsqrt},
    {Op::cbrt, std::cbrt},
    {Op::exp, std::exp},
    {Op::exp2, std::exp2},
    {Op::expm1, std::expm1},
    {Op::log, std::log},
    {Op::log2, std::log2},
    {Op::log1p, std::log1p},
    {Op::sin, std::sin},
    {Op::cos, std::cos},
    {Op::tan, std::tan},
    {Op::asin, std::asin},
    {Op::acos, std::acos},
    {Op::atan, std::atan},
    {Op::sinh, std::sinh},
    {Op::cosh, std::cosh},
    {Op::tanh, std::tanh},
    {Op::asinh, std::asinh},
    {Op::acosh, std::acosh},
    {Op::atanh, std::atanh},
    {Op::sigmoid, sigmoid},
    {Op::erf, std::erf},
    {Op::erfinv, nullptr},
};

template <class H>
class Half : public testing::Test {
 public:
  static std::vector<H> All() {
    std::vector<H> v;
    for (unsigned u = 0; u < 65536; ++u) v.push_back(H::FromBits(static_cast<std::uint16_t>(u)));
    return v;
  }
};
using Halves = testing::Types<float16, bfloat16>;
TYPED_TEST_SUITE(Half, Halves);

TYPED_TEST(Half, EveryValueThroughEveryUnaryOp) {
  using H = TypeParam;
  using F = Format<H>;
  const std::vector<H> x = this->All();
  std::vector<float> wide;
  for (H h : x) wide.push_back(static_cast<float>(h));
  int covered = 0;
  for (const ir::OpInfo& info : ir::all_ops()) {
    covered += info.family == ir::Family::unary && ir::accepts(info.types, dtype_of<H>());
  }
  EXPECT_EQ(covered, static_cast<int>(std::size(kUnary))) << "a unary op is missing in kUnary";
  for (const Unary& f : kUnary) {
    const std::vector<H> y = apply<H>(f.op, {x});
    const std::vector<float> single = apply<float>(f.op, {wide});
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_TRUE(same_half(y[i], H(single[i]))) << name(f.op) << " of " << wide[i];
      if (!f.truth) continue;
      const double r = f.truth(wide[i]), got = static_cast<float>(y[i]);
      if (!std::isfinite(r) || !std::isfinite(got) || r == 0) {
        ASSERT_TRUE(same_half(y[i], H(static_cast<float>(r)))) << name(f.op) << " of " << wide[i];
        continue;
      }
      int e;
      std::frexp(r, &e);
      const double ulp = std::ldexp(1.0, std::max(e - 1, F::kLeast) - (F::kDigits - 1));
      ASSERT_LE(std::fabs(got - r), 0.501 * ulp) << name(f.op) << " of " << wide[i];
    }
  }
}

TYPED_TEST(Half, ArithmeticIsCorrectlyRounded) {
  using H = TypeParam;
  std::mt19937_64 random(3);
  std::vector<H> x, y, z;
  for (int i = 0; i < 40'000; ++i) {
    const std::uint64_t u = random();
    x.push_back(H::FromBits(static_cast<std::uint16_t>(u)));
    // Half of the time operands of near magnitude, so that sums cancel and round.
    const auto near = static_cast<std::uint16_t>(u + (u >> 32) % 4096);
    y.push_back(H::FromBits(i % 2 ? static_cast<std::uint16_t>(u >> 16) : near));
    z.push_back(H::FromBits(static_cast<std::uint16_t>(random())));
  }
  using Binary = int (*)(mpfr_t, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t);
  const std::pair<Op, Binary> ops[] = {{Op::add, mpfr_add},
                                       {Op::sub, mpfr_sub},
                                       {Op::mul, mpfr_mul},
                                       {Op::div, mpfr_div},
                                       {Op::rem, mpfr_fmod}};
  Exact r;
  for (const auto& [op, f] : ops) {
    const std::vector<H> got = apply<H>(op, {x, y});
    for (std::size_t i = 0; i < x.size(); ++i) {
      Exact a(x[i]), b(y[i]);
      f(r.get(), a.get(), b.get(), MPFR_RNDN);
      ASSERT_TRUE(same_half(got[i], r.Round<H>())) << name(op) << " " << a.AsDouble() << " " << b.AsDouble();
    }
  }
  // fma: also a third operand just outside the product's last bits, where two roundings would show.
  for (std::size_t i = 0; i < x.size(); i += 2) {
    const double p = static_cast<double>(static_cast<float>(x[i])) * static_cast<float>(y[i]);
    if (i % 4 == 0) z[i] = H(static_cast<float>(std::ldexp(p, static_cast<int>(random() % 60) - 30)));
  }
  const std::vector<H> got = apply<H>(Op::fma, {x, y, z});
  for (std::size_t i = 0; i < x.size(); ++i) {
    Exact a(x[i]), b(y[i]), c(z[i]);
    mpfr_fma(r.get(), a.get(), b.get(), c.get(), MPFR_RNDN);
    ASSERT_TRUE(same_half(got[i], r.Round<H>()))
        << a.AsDouble() << " * " << b.AsDouble() << " + " << c.AsDouble();
  }
}

}  // namespace
}  // namespace leat
