// convert between all pairs of dtypes, against exact numbers rounded once; bitcast; every 16-bit pattern.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "ir/meaning/apply.h"
#include "tests/ir/exact_number.h"

namespace leat {
namespace {

using ir::Op;

template <class S>
constexpr bool kFloat = !std::is_integral_v<S>;

template <class S>
bool same(S a, S b) {
  if constexpr (kFloat<S>) {
    const double x = static_cast<double>(static_cast<std::conditional_t<sizeof(S) == 8, double, float>>(a));
    const double y = static_cast<double>(static_cast<std::conditional_t<sizeof(S) == 8, double, float>>(b));
    return (std::isnan(x) && std::isnan(y)) || (x == y && std::signbit(x) == std::signbit(y));
  } else {
    return a == b;
  }
}

/// Values where roundings are decided: all magnitudes, ties and their neighbours, limits, specials.
template <class S>
std::vector<S> values() {
  std::vector<S> v;
  std::mt19937_64 random(sizeof(S));
  if constexpr (std::is_same_v<S, bool>) {
    v = {false, true};
  } else if constexpr (!kFloat<S>) {
    using L = std::numeric_limits<S>;
    v = {0, 1, 2, 3, L::max(), L::min(), S(L::max() - 1), S(L::min() + 1), S(-1)};
    for (int i = 0; i < 600; ++i) {
      // A few leading bits, then zeros or ones, then one off: near ties of every target.
      const std::uint64_t top = random() % 8192, shift = random() % 64;
      const std::uint64_t x =
          (top << shift) + static_cast<std::uint64_t>(static_cast<std::int64_t>(random() % 3) - 1);
      v.push_back(static_cast<S>(x));
      v.push_back(static_cast<S>(0 - x));
      v.push_back(static_cast<S>(random()));
    }
  } else if constexpr (sizeof(S) == 2) {
    for (unsigned u = 0; u < 65536; u += 7) v.push_back(S::FromBits(static_cast<std::uint16_t>(u)));
  } else {
    using L = std::numeric_limits<S>;
    using U = std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint64_t>;
    for (S x : {S(0),
                S(0.5),
                S(1),
                L::max(),
                L::min(),
                L::denorm_min(),
                L::infinity(),
                L::quiet_NaN(),
                S(127.5),
                S(128),
                S(255.99),
                S(256),
                S(32768),
                S(65504),
                S(65520),
                S(65536),
                S(2147483648.0),
                S(4294967296.0),
                S(9223372036854775808.0),
                S(18446744073709551616.0),
                S(0x1p-24),
                S(0x1p-25),
                S(0x1.8p-25),
                S(0x1p-133),
                S(0x1p-134),
                S(0x1p-149),
                S(0x1p-150)}) {
      for (S s : {x, -x})
        v.insert(v.end(), {s, std::nextafter(s, L::infinity()), std::nextafter(s, -L::infinity())});
    }
    for (int i = 0; i < 600; ++i) {
      v.push_back(std::bit_cast<S>(static_cast<U>(random())));
      // Near ties: an integer of 9 to 13 bits scaled, the last bit of the format added or taken.
      const S tie = static_cast<S>(
          std::ldexp(static_cast<double>(random() % 8192), static_cast<int>(random() % 300) - 170));
      v.insert(v.end(), {tie, std::nextafter(tie, L::infinity()), std::nextafter(-tie, L::infinity())});
    }
  }
  return v;
}

template <class R, class S>
std::vector<R> converted(Op op, const std::vector<S>& v) {
  std::vector<std::uint8_t> out(v.size() * sizeof(R));
  std::vector<std::uint8_t> in(v.size() * sizeof(S));
  for (std::size_t i = 0; i < v.size(); ++i) {
    const S x = v[i];
    std::memcpy(in.data() + i * sizeof(S), &x, sizeof(S));
  }
  const void* p[] = {in.data()};
  bool fault = false;
  EXPECT_TRUE(meaning::apply_elementwise(op, dtype_of<S>(), dtype_of<R>(), p, out.data(),
                                         static_cast<std::int64_t>(v.size()), &fault));
  std::vector<R> r(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    R x;
    std::memcpy(static_cast<void*>(&x), out.data() + i * sizeof(R), sizeof(R));
    r[i] = x;
  }
  return r;
}

template <class S, class R>
void check_pair() {
  const std::vector<S> v = values<S>();
  const std::vector<R> got = converted<R>(Op::convert, v);
  for (std::size_t i = 0; i < v.size(); ++i) {
    const S x = v[i];
    R want;
    if constexpr (!kFloat<S> && !kFloat<R>) {
      want = static_cast<R>(x);  // wraps; to bool is x != 0
    } else {
      want = Exact(x).Round<R>();
    }
    ASSERT_TRUE(same<R>(got[i], want))
        << name(dtype_of<S>()) << " " << Exact(x).AsDouble() << " to " << name(dtype_of<R>());
  }
}

template <class S>
class Conversion : public testing::Test {};
using All = testing::Types<bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                           std::uint16_t, std::uint32_t, std::uint64_t, float16, bfloat16, float, double>;
TYPED_TEST_SUITE(Conversion, All);

TYPED_TEST(Conversion, RoundsOnceToEveryDType) {
  for (int t = 0; t < kDTypeCount; ++t) {
    visit_dtype(static_cast<DType>(t), [](auto r) { check_pair<TypeParam, decltype(r)>(); });
  }
}

TEST(Bitcast, KeepsBitsAndCanonicalisesNan) {
  const std::vector<float> v = {1.0f, -0.0f, std::bit_cast<float>(0xffc12345u),
                                std::bit_cast<float>(0x7f800001u)};
  const auto u = converted<std::uint32_t>(Op::bitcast, v);
  EXPECT_EQ(u, (std::vector<std::uint32_t>{0x3f800000u, 0x80000000u, 0x7fc00000u, 0x7fc00000u}));
  EXPECT_EQ(converted<std::int32_t>(Op::bitcast, std::vector<std::uint32_t>{0xffffffffu})[0], -1);
  EXPECT_EQ(converted<float16>(Op::bitcast, std::vector<std::int16_t>{0x3c00})[0].bits, 0x3c00);
  EXPECT_EQ(converted<std::uint16_t>(Op::bitcast, std::vector<bfloat16>{bfloat16::FromBits(0xffff)})[0],
            0x7fc0);
  EXPECT_EQ(converted<std::int64_t>(Op::bitcast, std::vector<double>{-2.0})[0],
            std::int64_t{-0x4000000000000000});
}

TEST(Conversion16, EveryPatternSurvivesSingle) {
  for (unsigned u = 0; u < 65536; ++u) {
    const auto h = float16::FromBits(static_cast<std::uint16_t>(u));
    const auto b = bfloat16::FromBits(static_cast<std::uint16_t>(u));
    const float hf = converted<float>(Op::convert, std::vector<float16>{h})[0];
    const float bf = converted<float>(Op::convert, std::vector<bfloat16>{b})[0];
    ASSERT_TRUE(same(hf, static_cast<float>(h))) << u;
    ASSERT_TRUE(same(bf, static_cast<float>(b))) << u;
    ASSERT_TRUE(same(converted<float16>(Op::convert, std::vector<float>{hf})[0], h)) << u;
    ASSERT_TRUE(same(converted<bfloat16>(Op::convert, std::vector<float>{bf})[0], b)) << u;
  }
}

}  // namespace
}  // namespace leat
