// The elementwise meanings, through apply_elementwise: values that a reader can check by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ir/meaning/apply.h"

namespace leat {
namespace {

using ir::Op;

template <class R, class S>
R one(Op op, std::vector<S> operands, bool* fault = nullptr) {
  std::vector<const void*> p;
  for (const S& x : operands) p.push_back(&x);
  R r{};
  bool f = false;
  EXPECT_TRUE(meaning::apply_elementwise(op, dtype_of<S>(), dtype_of<R>(), p.data(), &r, 1, &f));
  if (fault) *fault = f;
  return r;
}

template <class R, class S>
R to(S x) {
  return one<R, S>(Op::convert, std::vector<S>{x});
}

template <class T>
class IntegerMeaning : public testing::Test {};
using Integers = testing::Types<std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                                std::uint16_t, std::uint32_t, std::uint64_t>;
TYPED_TEST_SUITE(IntegerMeaning, Integers);

TYPED_TEST(IntegerMeaning, WrapsAndDividesAsStated) {
  using T = TypeParam;
  using L = std::numeric_limits<T>;
  const auto f = [](Op op, T a, T b, bool* fault = nullptr) { return one<T, T>(op, {a, b}, fault); };
  EXPECT_EQ(f(Op::add, L::max(), 1), L::min());
  EXPECT_EQ(f(Op::sub, L::min(), 1), L::max());
  EXPECT_EQ(f(Op::mul, L::max(), 2), static_cast<T>(-2));
  EXPECT_EQ(f(Op::mul, L::max(), L::max()), T{1});
  bool fault = true;
  EXPECT_EQ(f(Op::div, 7, 2, &fault), T{3});
  EXPECT_FALSE(fault);
  EXPECT_EQ(f(Op::div, 7, 0, &fault), T{0});
  EXPECT_TRUE(fault);
  EXPECT_EQ(f(Op::rem, 7, 0, &fault), T{0});
  EXPECT_TRUE(fault);
  if constexpr (std::is_signed_v<T>) {
    EXPECT_EQ(f(Op::div, L::min(), -1, &fault), L::min());
    EXPECT_FALSE(fault);
    EXPECT_EQ(f(Op::rem, L::min(), -1, &fault), T{0});
    EXPECT_FALSE(fault);
    EXPECT_EQ(f(Op::div, -7, 2), T{-3});
    EXPECT_EQ(f(Op::rem, -7, 2), T{-1});
    EXPECT_EQ((one<T, T>(Op::abs, {L::min()})), L::min());
    EXPECT_EQ((one<T, T>(Op::neg, {L::min()})), L::min());
    EXPECT_EQ((one<T, T>(Op::sign, {T{-5}})), T{-1});
    EXPECT_EQ(f(Op::shift_right, -8, 1), T{-4});
    EXPECT_EQ(f(Op::shift_right, -8, 100), T{-1});
    EXPECT_EQ(f(Op::shift_right, -8, -1), T{-1});
    EXPECT_EQ(f(Op::shift_left, 1, -1), T{0});
  }
  constexpr int kWidth = 8 * sizeof(T);
  EXPECT_EQ(f(Op::shift_left, 3, kWidth - 1), static_cast<T>(T{1} << (kWidth - 1)));
  EXPECT_EQ(f(Op::shift_left, 3, kWidth), T{0});
  EXPECT_EQ(f(Op::shift_right, 5, kWidth), T{0});
  EXPECT_EQ((one<T, T>(Op::popcount, {static_cast<T>(-1)})), static_cast<T>(kWidth));
  EXPECT_EQ((one<T, T>(Op::count_leading_zeros, {T{0}})), static_cast<T>(kWidth));
  EXPECT_EQ((one<T, T>(Op::count_leading_zeros, {T{1}})), static_cast<T>(kWidth - 1));
  EXPECT_EQ((one<T, T>(Op::bit_not, {T{0}})), static_cast<T>(-1));
  EXPECT_EQ((one<T, T>(Op::clamp, {T{2}, T{9}, T{5}})), T{5});
}

TEST(Meaning, MinimumAndMaximumOrderZerosAndKeepNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(std::signbit(one<float, float>(Op::maximum, {-0.0f, 0.0f})));
  EXPECT_FALSE(std::signbit(one<float, float>(Op::maximum, {0.0f, -0.0f})));
  EXPECT_TRUE(std::signbit(one<float, float>(Op::minimum, {-0.0f, 0.0f})));
  EXPECT_TRUE(std::signbit(one<float, float>(Op::minimum, {0.0f, -0.0f})));
  for (Op op : {Op::minimum, Op::maximum}) {
    EXPECT_TRUE(std::isnan(one<float, float>(op, {nan, 1.0f})));
    EXPECT_TRUE(std::isnan(one<float, float>(op, {1.0f, nan})));
  }
}

TEST(Meaning, FloatToIntegerSaturates) {
  EXPECT_EQ(to<std::int32_t>(3e9f), 2147483647);
  EXPECT_EQ(to<std::int32_t>(-3e9f), -2147483647 - 1);
  EXPECT_EQ(to<std::int32_t>(std::nanf("")), 0);
  EXPECT_EQ(to<std::uint8_t>(-0.9f), 0);
  EXPECT_EQ(to<std::uint8_t>(255.9), 255);
  EXPECT_EQ(to<std::int8_t>(-128.9), -128);
  EXPECT_EQ(to<std::uint64_t>(1e30), ~std::uint64_t{0});
  EXPECT_EQ(to<bool>(std::nan("")), true);
  EXPECT_EQ(to<bool>(-0.0), false);
}

TEST(Meaning, ConversionsRoundOnce) {
  // 1 + 2^-11 + 2^-40: to f32 it would round to 1 + 2^-11, a tie of f16, and then to 1.
  EXPECT_EQ(to<float16>(1.0 + 0x1p-11 + 0x1p-40).bits, 0x3c01);
  EXPECT_EQ(to<bfloat16>(1.0 + 0x1p-8 + 0x1p-40).bits, 0x3f81);
  EXPECT_EQ(to<bfloat16>((std::int64_t{1} << 62) + (std::int64_t{1} << 54) + 1).bits, 0x5e81);
  EXPECT_EQ(to<float>((std::int64_t{1} << 62) + (std::int64_t{1} << 38) + 1), 0x1.000002p62f);
  EXPECT_EQ(to<float16>(65520.0).bits, 0x7c00);
  EXPECT_EQ(to<float16>(65519.99).bits, 0x7bff);
  EXPECT_EQ(to<bfloat16>(0x1p-133f).bits, 0x0001);
}

TEST(Meaning, FmaOfHalfRoundsOnce) {
  const auto f = [](float x, float y, float z) {
    return static_cast<float>(one<float16, float16>(Op::fma, {float16(x), float16(y), float16(z)}));
  };
  EXPECT_EQ(f(2.0f, 3.0f, 4.0f), 10.0f);
  // 2048 * 1 + 1 is a tie that goes to even; the least bit below it decides.
  EXPECT_EQ(f(2048.0f, 1.0f, 1.0f), 2048.0f);
  EXPECT_EQ(f(0x1p-24f, 0x1p-24f, 0x1p15f), 0x1p15f);
}

TEST(Meaning, RemainderIsExact) {
  for (double x : {5.5, -5.5, 1e300, -1e300, 1e17, 0x1p-1074, 7.0}) {
    for (double y : {2.0, -3.0, 0x1p-1074, 3e-300, 1e-10, 0.1}) {
      EXPECT_EQ((one<double, double>(Op::rem, {x, y})), std::fmod(x, y)) << x << " " << y;
      const float u = static_cast<float>(x), v = static_cast<float>(y);
      if (v != 0 && std::isfinite(u)) {
        EXPECT_EQ((one<float, float>(Op::rem, {u, v})), std::fmod(u, v));
      }
    }
  }
  EXPECT_TRUE(std::isnan(one<float, float>(Op::rem, {1.0f, 0.0f})));
  EXPECT_EQ((one<float, float>(Op::rem, {1.5f, HUGE_VALF})), 1.5f);
}

TEST(Meaning, RefusesWhatTheTableDoesNotTake) {
  bool fault = false;
  float x = 0, y = 0;
  const void* p[] = {&x, &x};
  EXPECT_FALSE(meaning::apply_elementwise(Op::bit_and, DType::f32, DType::f32, p, &y, 1, &fault));
  EXPECT_FALSE(meaning::apply_elementwise(Op::equal, DType::f32, DType::f32, p, &y, 1, &fault));
  EXPECT_FALSE(meaning::apply_elementwise(Op::reduce_sum, DType::f32, DType::f32, p, &y, 1, &fault));
}

}  // namespace
}  // namespace leat
