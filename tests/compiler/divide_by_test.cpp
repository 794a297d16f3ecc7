// Quotients by one divisor without divisions, against divisions.
//
//   LEAT_LONG=1 compiler_test --gtest_filter='DivideBy.*'     every f32 divisor; else a sample of them
#include "compiler/codegen/divide_by.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include "tests/compiler/codegen_case.h"

namespace leat::compiler {
namespace {

using codegen::divide_by;
using codegen::reciprocal_for;
using ir::Op;

template <class S>
bool same(S a, S b) {
  return (std::isnan(a) && std::isnan(b)) || meaning::bits(a) == meaning::bits(b);
}

// What rounds wrongly must lie next to the middle of two neighbours. With integers A, B of p bits and an odd
// M that is A 2^s = M B + k for a small k (s: p or p + 1), and the corrected quotient is too near the true
// one to be on the other side of the middle for |k| > 2: so these are all the cases that can fail. Solved for
// A, B by B.
template <class S, class Check>
void each_hard_case(std::int64_t divisor, Check check) {
  constexpr int kBits = std::numeric_limits<S>::digits;
  constexpr std::int64_t kLow = std::int64_t{1} << (kBits - 1), kHigh = std::int64_t{1} << kBits;
  const int twos = __builtin_ctzll(static_cast<std::uint64_t>(divisor));
  const std::int64_t odd = divisor >> twos;
  for (int shift : {kBits, kBits + 1}) {
    for (std::int64_t k : {-3, -2, -1, 1, 2, 3}) {
      if (twos > 1 || k % (1 << twos) != 0) continue;
      const std::int64_t rest = k / (1 << twos);
      std::int64_t a = ((rest % odd) + odd) % odd;
      for (int i = twos; i < shift; ++i) a = (a % 2 != 0 ? a + odd : a) / 2;
      for (; a < kHigh; a += odd) {
        if (a < kLow) continue;
        const __int128 middle = ((static_cast<__int128>(a) << (shift - twos)) - rest) / odd;
        if (middle % 2 != 0 && middle >= kHigh && middle < 2 * static_cast<__int128>(kHigh)) check(a);
      }
    }
  }
}

template <class S>
std::int64_t expect_hard_cases(std::int64_t divisor) {
  constexpr int kBits = std::numeric_limits<S>::digits;
  const S y = std::ldexp(static_cast<S>(divisor), 1 - kBits), reciprocal = reciprocal_for(y);
  std::int64_t cases = 0, wrong = 0;
  each_hard_case<S>(divisor, [&](std::int64_t dividend) {
    const S x = std::ldexp(static_cast<S>(dividend), 1 - kBits);
    wrong += divide_by(x, y, reciprocal) != x / y;
    ++cases;
  });
  EXPECT_EQ(wrong, 0) << "of " << cases << " dividends of " << divisor;
  return cases;
}

TEST(DivideBy, EveryHardCaseOfSingles) {
  const std::int64_t stride = std::getenv("LEAT_LONG") != nullptr ? 1 : 257;
  std::int64_t cases = 0;
  for (std::int64_t b = 1 << 23; b < 1 << 24; b += stride) cases += expect_hard_cases<float>(b);
  EXPECT_GT(cases, (1 << 23) / stride);  // more than one a divisor
}

TEST(DivideBy, HardCasesOfDoubles) {
  Random random(4);
  std::int64_t cases = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto low = static_cast<std::int64_t>(random() >> 12);
    cases += expect_hard_cases<double>((std::int64_t{1} << 52) + low);
  }
  EXPECT_GT(cases, 20000);
}

template <class S>
std::vector<S> edges() {
  using Range = codegen::DivideRange<S>;
  std::vector<S> values;
  for (S v : {S{0}, S{1}, S{3}, std::numeric_limits<S>::denorm_min(), std::numeric_limits<S>::min(),
              std::numeric_limits<S>::max(), std::numeric_limits<S>::infinity(), Range::kLeastDivisor,
              Range::kGreatestDivisor, Range::kLeastDividend, std::ldexp(S{5}, -50), std::ldexp(S{7}, 90)}) {
    for (S w : {std::nextafter(v, S{0}), v, std::nextafter(v, std::numeric_limits<S>::max())}) {
      values.push_back(w);
      values.push_back(-w);
    }
  }
  values.push_back(std::numeric_limits<S>::quiet_NaN());
  return values;
}

template <class S>
void expect_edges() {
  for (S y : edges<S>()) {
    const S reciprocal = reciprocal_for(y);
    for (S x : edges<S>()) {
      const S got = divide_by(x, y, reciprocal);
      EXPECT_TRUE(same(got, x / y)) << x << " / " << y << " = " << x / y << ", got " << got;
    }
  }
}

TEST(DivideBy, EdgesOfTheNumbers) {
  expect_edges<float>();
  expect_edges<double>();
}

// A divisor for each row, and edges among the elements: lanes that need a division beside others.
template <class S>
void expect_compiled(DType dtype) {
  const std::vector<S> values = edges<S>();
  const auto n = static_cast<std::int64_t>(values.size());
  for (Pattern pattern : {Pattern::map, Pattern::row_reduce}) {
    KernelCase c;
    c.kernel.pattern = pattern;
    c.sizes = {n, n};
    if (pattern == Pattern::map) c.kernel.parallel_rank = 2;
    std::vector<std::byte> x(values.size() * values.size() * sizeof(S)), y(values.size() * sizeof(S));
    for (std::size_t r = 0; r < values.size(); ++r)
      std::memcpy(x.data() + r * y.size(), values.data(), y.size());
    std::memcpy(y.data(), values.data(), y.size());
    c.AddInput(dtype, Level::element, std::move(x), 0, c.Dense(false));
    c.AddInput(dtype, Level::element, std::move(y), 0, {1, 0});
    std::uint16_t divisor = 1;
    if (pattern == Pattern::row_reduce) divisor = c.AddInstruction(Op::reduce_max, dtype, Level::row, {1});
    c.AddOutput(c.AddInstruction(Op::div, dtype, Level::element, {0, divisor}));
    expect_exact(c, {128, 256, 512}, {n / 3});
  }
}

TEST(DivideBy, MachineCode) {
  expect_compiled<float>(DType::f32);
  expect_compiled<double>(DType::f64);
}

}  // namespace
}  // namespace leat::compiler
