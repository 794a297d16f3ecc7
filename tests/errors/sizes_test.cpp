// Sizes at the edge: what overflows or is negative is refused at its line, what is empty has one stated
// result.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "leat/leat.h"
#include "tests/errors/status_of.h"

namespace leat {
namespace {

using ::testing::HasSubstr;

TEST(Sizes, WhatOverflowsIsRefusedAtItsLine) {
  const std::int64_t huge = std::int64_t{1} << 62;
  const Tensor x = zeros({1});
  for (const Status& s : {status_of([&] {
                            (void)zeros({huge, 4});
                          }),
                          status_of([&] { (void)full({huge}, 1.0); }), status_of([&] {
                            (void)broadcast_to(x, {huge, huge});
                          }),
                          status_of([&] { (void)arange(INT64_MAX); }), status_of([&] {
                            (void)Generator(1).normal({huge, 2});
                          })}) {
    EXPECT_EQ(s.code(), Code::invalid_argument) << s.ToString();
    EXPECT_TRUE(s.where().known()) << s.ToString();
  }
}

TEST(Sizes, WhatIsTooLargeForTheMachineIsOutOfMemoryAndMayBeFollowedByMore) {
  // 2^50 bytes: countable, and more than any machine has.
  const Tensor big = full({std::int64_t{1} << 48}, 1.0f) * 2.0f;
  EXPECT_EQ(status_of([&] { big.wait(); }).code(), Code::resource_exhausted);
  EXPECT_EQ((ones({2}) + 1).data<float>()[1], 2.0f);
}

// Each of the values is one that a graph may have; their sum would overflow.
TEST(Sizes, OfAllValuesTogetherAreBounded) {
  const Graph g = Graph::Parse(R"(graph @f(%x: u8[4611686018427387904]) -> (u8[4611686018427387904]) {
    %0 = sort %x {axis=0}
    %1 = cumulative_max %0 {axis=0}
    return %1
  })")
                      .value();
  EXPECT_EQ(Compile(g, {.tier = Tier::tiles}).status().ToString(),
            "resource_exhausted: the values of @f have more than 2^60 bytes");
}

TEST(Sizes, NegativeExtentsAndWrongBounds) {
  const Tensor x = zeros({2, 3});
  EXPECT_EQ(status_of([] { (void)ones({2, -1}); }).code(), Code::invalid_argument);
  EXPECT_EQ(status_of([&] { (void)reshape(x, {-2, -3}); }).code(), Code::invalid_argument);
  EXPECT_EQ(status_of([&] { (void)broadcast_to(x, {3, 2}); }).code(), Code::invalid_argument);
  GraphBuilder g;
  const auto bad = g.Input("x", DType::f32, {-4});
  const Status s = g.Finish({bad}).status();
  EXPECT_EQ(s.code(), Code::invalid_argument);
  EXPECT_EQ(s.message(), "input x: a negative extent, -4");
  EXPECT_TRUE(s.where().known());
}

TEST(Sizes, EmptyTensorsAndEmptyReductions) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const Tier tier : {Tier::tiles, Tier::machine_code}) {
    Context context({.workers = 2, .tier = tier});
    const Context::Scope scope(context);
    const Tensor none = zeros({0, 3}), thin = zeros({3, 0});
    EXPECT_EQ((none + 1).shape().ToString(), "[0,3]");
    EXPECT_EQ((none + 1).to_vector<float>().size(), 0u);
    EXPECT_EQ(sum(none).item<float>(), 0.0f);
    EXPECT_EQ(prod(none).item<float>(), 1.0f);
    EXPECT_EQ(max(thin, 1).to_vector<float>(), std::vector<float>(3, -inf));
    EXPECT_EQ(min(thin, 1).to_vector<float>(), std::vector<float>(3, inf));
    EXPECT_TRUE(std::isnan(mean(none).item<float>()));
    EXPECT_EQ(matmul(thin, none).to_vector<float>(), std::vector<float>(9, 0.0f));
    EXPECT_EQ(matmul(none, thin).shape().ToString(), "[0,0]");
    EXPECT_EQ(softmax(thin, -1).to_vector<float>().size(), 0u);
    EXPECT_EQ(concat({none, ones({1, 3})}, 0).to_vector<float>(), std::vector<float>(3, 1.0f));
    EXPECT_EQ(status_of([&] { (void)argmax(none, 0).wait(); }).code(), Code::invalid_argument);
    EXPECT_EQ(gather(ones({4}), zeros({0}, DType::i64)).to_vector<float>().size(), 0u);
    EXPECT_EQ(sort(none, 0).to_vector<float>().size(), 0u);
  }
}

TEST(Sizes, RankZero) {
  const Tensor x = full({}, 3.0f);
  EXPECT_EQ((x * x).item<float>(), 9.0f);
  EXPECT_EQ(sum(x).item<float>(), 3.0f);
  EXPECT_EQ(transpose(x).shape().rank(), 0);
  EXPECT_EQ(reshape(x, {1, 1}).data<float>()[0], 3.0f);
}

}  // namespace
}  // namespace leat
