// The reduction orders, against a literal transcription of their definition on explicit trees.
#include "ir/meaning/reduction.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace leat::meaning {
namespace {

using ir::Op;

std::string join(std::string a, std::string b) { return "(" + a + b + ")"; }

std::string pairwise(std::vector<std::string> v) {
  while (v.size() > 1) {
    std::vector<std::string> up;
    for (std::size_t i = 0; i < v.size(); i += 2)
      up.push_back(i + 1 < v.size() ? join(v[i], v[i + 1]) : v[i]);
    v = up;
  }
  return v[0];
}

std::string rows(std::int64_t n) {
  std::vector<std::string> chunks;
  for (std::int64_t c = 0; c < n; c += 4096) {
    std::vector<std::string> lane(64);
    for (std::int64_t i = c; i < n && i < c + 4096; ++i) {
      std::string& l = lane[(i - c) % 64];
      l = l.empty() ? std::to_string(i) + " " : join(l, std::to_string(i) + " ");
    }
    for (int s = 32; s; s /= 2) {
      for (int l = 0; l < s; ++l) {
        if (!lane[l + s].empty()) lane[l] = join(lane[l], lane[l + s]);
      }
    }
    chunks.push_back(lane[0]);
  }
  return pairwise(chunks);
}

std::string columns(std::int64_t n) {
  std::vector<std::string> blocks;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::string x = std::to_string(i) + " ";
    if (i % 64 == 0) {
      blocks.push_back(x);
    } else {
      blocks.back() = join(blocks.back(), x);
    }
  }
  return pairwise(blocks);
}

TEST(Reduction, OrderIsAsDefined) {
  const auto at = [](std::int64_t i) { return std::to_string(i) + " "; };
  for (std::int64_t n : {1,   2,   3,    31,   32,   33,   63,   64,    65,    100,   127,
                         128, 191, 4095, 4096, 4097, 4099, 8192, 12288, 12289, 20479, 28673}) {
    EXPECT_TRUE(reduce_rows<std::string>(n, at, join) == rows(n)) << n;
    EXPECT_TRUE(reduce_columns<std::string>(n, at, join) == columns(n)) << n;
  }
}

TEST(Reduction, OrderDependsOnTheMinorMostDimension) {
  const std::int64_t last[] = {0, 2}, first[] = {0, 1};
  EXPECT_EQ(reduction_order(3, last), ReductionOrder::rows);
  EXPECT_EQ(reduction_order(3, first), ReductionOrder::columns);
}

template <Op op, class S>
S over(std::vector<S> v) {
  const auto at = [&](std::int64_t i) { return v[static_cast<std::size_t>(i)]; };
  const S r = reduce<op, S>(ReductionOrder::rows, static_cast<std::int64_t>(v.size()), at);
  EXPECT_EQ((reduce<op, S>(ReductionOrder::columns, static_cast<std::int64_t>(v.size()), at)), r);
  return r;
}

TEST(Reduction, OfNothing) {
  EXPECT_EQ((over<Op::reduce_sum, float>({})), 0.0f);
  EXPECT_FALSE(std::signbit(over<Op::reduce_sum, float>({})));
  EXPECT_EQ((over<Op::reduce_prod, double>({})), 1.0);
  EXPECT_EQ((over<Op::reduce_max, float>({})), -HUGE_VALF);
  EXPECT_EQ((over<Op::reduce_min, float>({})), HUGE_VALF);
  EXPECT_EQ((over<Op::reduce_max, std::int8_t>({})), -128);
  EXPECT_EQ((over<Op::reduce_min, std::uint16_t>({})), 65535);
  EXPECT_EQ((over<Op::reduce_and, bool>({})), true);
  EXPECT_EQ((over<Op::reduce_and, std::int32_t>({})), -1);
  EXPECT_EQ((over<Op::reduce_or, bool>({})), false);
  EXPECT_EQ((over<Op::reduce_max, bool>({})), false);
  EXPECT_EQ((over<Op::reduce_min, bool>({})), true);
}

TEST(Reduction, Values) {
  EXPECT_TRUE(std::signbit(over<Op::reduce_sum, float>({-0.0f, -0.0f})));
  EXPECT_EQ((over<Op::reduce_sum, std::int8_t>({100, 100})), -56);
  EXPECT_EQ((over<Op::reduce_prod, std::uint8_t>({16, 17})), 16);
  EXPECT_EQ((over<Op::reduce_max, float>({-0.0f, 0.0f})), 0.0f);
  EXPECT_EQ((over<Op::reduce_or, std::uint8_t>({1, 4})), 5);
}

TEST(Reduction, HalvesAccumulateInSingle) {
  // 4096 ones and 2^-3: in f16 a running sum would stop at 2048.
  std::vector<float16> v(4096, float16(1.0f));
  const auto at = [&](std::int64_t i) { return v[static_cast<std::size_t>(i)]; };
  EXPECT_EQ(static_cast<float>(reduce<Op::reduce_sum, float16>(ReductionOrder::columns, 4096, at)), 4096.0f);
}

}  // namespace
}  // namespace leat::meaning
