// Convolutions on tiles of blocked arrays: the bits of the plain loops at every shape of tile, edge and cut,
// where weights are infinite or sums are -0 too, whoever packs the weights.
#include <gtest/gtest.h>

#include <limits>

#include "ir/extents.h"
#include "runtime/cpu/blocked_kernel.h"
#include "runtime/cpu/exact_engine.h"
#include "tests/runtime/blocked_arrays.h"
#include "tests/runtime/contraction_reference.h"

namespace leat::runtime::cpu::testing {
namespace {

// With the values `of_x` and `of_w` at some places, unless 0.
void check(Isa isa, const ConvolutionCase& of_eights, float of_x, float of_w) {
  const BlockedKernel* const kernel = blocked_kernel(isa);
  const ConvolutionCase c = in_blocks_of(kernel->lanes, of_eights);
  ConvolutionDescriptor d = describe_convolution(c);
  const Shape x_shape = shape_of(d.batch, d.channels, d.input);
  const Shape out_shape = shape_of(d.batch, d.out_channels, d.output);
  auto x = random_values<float>(static_cast<std::size_t>(x_shape.num_elements()), 1);
  auto w = random_values<float>(
      static_cast<std::size_t>(d.out_channels * (d.channels / d.groups) * ir::product(d.kernel)), 2);
  for (std::size_t i = 0; of_x != 0 && i < x.size(); i += 3) x[i] = of_x;
  for (std::size_t i = 0; of_w != 0 && i < w.size(); i += 2) w[i] = of_w;
  std::vector<float> expected(static_cast<std::size_t>(out_shape.num_elements()));
  // The engine of dense arrays, which is compared with plain loops in convolution_test.cpp.
  ASSERT_TRUE(run_plan(plan_exact_convolution(d, isa), x.data(), w.data(), expected.data()).ok());
  const std::int64_t block = c.out_blocked ? kernel->lanes : 0;
  expected = packed(expected, out_shape, block);
  d.x_block = c.x_blocked ? kernel->lanes : 0;
  d.out_block = block;
  const std::vector<float> blocked_x = packed(x, x_shape, d.x_block);
  for (const bool constant : {true, false}) {
    d.w_is_constant = constant;
    const auto plan = plan_blocked_convolution(d, isa);
    ASSERT_TRUE(plan.has_value());
    SCOPED_TRACE(plan->body->ToString());
    EXPECT_EQ(plan->engine, "tiles");
    for (const int threads : {1, 3}) {
      std::vector<float> got(expected.size(), 3);
      ASSERT_TRUE(run_plan(*plan, blocked_x.data(), w.data(), got.data(), 1, threads).ok());
      EXPECT_TRUE(same_bits(expected, got));
    }
    UnalignedCopy<float> odd(w);
    const auto unaligned = plan_blocked_convolution(d, isa);
    ASSERT_TRUE(unaligned->body->ReadsUnaligned(1));
    std::vector<float> of_odd(expected.size(), 3);
    ASSERT_TRUE(run_plan(*unaligned, blocked_x.data(), odd.data(), of_odd.data(), 1, 2).ok());
    EXPECT_TRUE(same_bits(expected, of_odd));
    // Each panel writes what rows_per_unit, row_parts and part_elements say, and nothing else.
    const std::int64_t rows = d.batch * d.out_channels / (block > 0 ? block : 1);
    const std::int64_t elements = ir::product(d.output) * (block > 0 ? block : 1);
    std::vector<float> got(expected.size(), 3);
    for (std::int64_t u = 0; u < plan->units; ++u) {
      TestContext context(blocked_x.data(), w.data(), got.data());
      ASSERT_TRUE(plan->body->Execute(context, u, u + 1).ok());
      const std::int64_t first = u / plan->row_parts * plan->rows_per_unit;
      const std::int64_t at = u % plan->row_parts * plan->part_elements;
      ASSERT_LT(first, rows);
      ASSERT_LT(at, elements);
      for (std::int64_t row = first; row < std::min(rows, first + plan->rows_per_unit); ++row) {
        for (std::int64_t i = at; i < std::min(elements, at + plan->part_elements); ++i) {
          const auto k = static_cast<std::size_t>(row * elements + i);
          ASSERT_EQ(canonical(got[k]), canonical(expected[k])) << k;
          got[k] = 3;
        }
      }
      for (const float v : got) ASSERT_EQ(v, 3);
    }
  }
}

void check(const ConvolutionCase& of_eights, float of_x = 0, float of_w = 0) {
  if (isas_of_tiles().empty()) GTEST_SKIP() << "tiles need AVX2";
  for (const Isa isa : isas_of_tiles()) check(isa, of_eights, of_x, of_w);
}

const Extents kOnes{1, 1}, kNone{0, 0};

TEST(BlockedTiles, KernelsOfOnePosition) {
  for (const std::int64_t blocks : {1, 2, 3, 4, 5, 11}) {
    check({1, 24, 8 * blocks, 1, {5, 7}, kOnes, kOnes, kNone, kNone, kOnes});
  }
  check({1, 320, 64, 1, {7, 7}, kOnes, kOnes, kNone, kNone, kOnes});  // sums over several chunks of channels
  check({1, 128, 96, 1, {56, 56}, kOnes, kOnes, kNone, kNone, kOnes});
  check({2, 64, 48, 1, {15, 13}, kOnes, {2, 2}, kNone, kNone, kOnes});
  check({1, 16, 16, 1, {9, 9}, kOnes, {1, 3}, {1, 2}, {2, 1}, kOnes});  // positions that see nothing
}

TEST(BlockedTiles, EveryLengthOfALine) {
  for (std::int64_t width = 1; width <= 19; ++width) {
    check({1, 8, 56, 1, {1, width}, kOnes, kOnes, kNone, kNone, kOnes});
    check({1, 8, 8, 1, {3, width}, {3, 3}, kOnes, kOnes, kOnes, kOnes});
    check({1, 16, 16, 16, {3, width}, {3, 3}, kOnes, kOnes, kOnes, kOnes});
  }
}

TEST(BlockedTiles, EdgesStridesAndDilation) {
  check({1, 64, 64, 1, {20, 20}, {3, 3}, kOnes, kOnes, kOnes, kOnes});
  check({1, 32, 112, 1, {13, 11}, {3, 3}, {2, 2}, kOnes, kOnes, kOnes});
  check({1, 32, 32, 1, {7, 7}, {3, 3}, kOnes, kOnes, kOnes, kOnes});
  check({3, 16, 40, 1, {9, 12}, {5, 2}, {1, 2}, {2, 0}, {1, 3}, {2, 1}});
  check({1, 16, 8, 1, {4, 4}, {3, 3}, kOnes, {4, 4}, {4, 4}, {3, 3}});  // windows beside the image
  check({5, 48, 24, 1, {6, 5}, {3, 3}, kOnes, kOnes, kOnes, kOnes});
  check({2, 16, 32, 1, {30}, {5}, {1}, {2}, {2}, {1}});
}

TEST(BlockedTiles, DenseImages) {
  check({1, 3, 32, 1, {64, 60}, {3, 3}, {2, 2}, kOnes, kOnes, kOnes, false});
  check({2, 3, 64, 1, {40, 40}, {7, 7}, {2, 2}, {3, 3}, {3, 3}, kOnes, false});
  check({1, 20, 16, 1, {9, 9}, kOnes, kOnes, kNone, kNone, kOnes, false});
}

TEST(BlockedTiles, DenseResults) {
  check({1, 64, 40, 1, {20, 21}, {3, 3}, kOnes, kOnes, kOnes, kOnes, true, false});
  check({1, 128, 96, 1, {30, 30}, kOnes, kOnes, kNone, kNone, kOnes, true, false});
  check({2, 320, 64, 1, {7, 7}, kOnes, kOnes, kNone, kNone, kOnes, true, false});
  check({1, 48, 48, 48, {40, 41}, {3, 3}, {2, 1}, kOnes, kOnes, kOnes, true, false});
}

TEST(BlockedTiles, DenseResultsWhoseLastBlockIsNotWhole) {
  for (const std::int64_t features : {1, 7, 12, 15, 17, 24, 33, 100}) {
    check({1, 16, features, 1, {9, 7}, {3, 3}, kOnes, kOnes, kOnes, kOnes, true, false});
    check({3, 16, features, 1, {5, 6}, kOnes, kOnes, kNone, kNone, kOnes, true, false});
  }
  check({1, 144, 24, 1, {56, 56}, kOnes, kOnes, kNone, kNone, kOnes, true, false});
  check({2, 320, 1000, 1, {7, 7}, kOnes, kOnes, kNone, kNone, kOnes, true, false});
  check({8, 64, 200, 1, {14, 14}, {3, 3}, kOnes, kOnes, kOnes, kOnes, true, false}, 0,
        std::numeric_limits<float>::infinity());
}

TEST(BlockedTiles, Depthwise) {
  check({1, 96, 96, 96, {30, 30}, {3, 3}, kOnes, kOnes, kOnes, kOnes});
  check({1, 144, 144, 144, {56, 56}, {3, 3}, {2, 2}, kOnes, kOnes, kOnes});
  check({2, 48, 48, 48, {7, 7}, {3, 3}, kOnes, kOnes, kOnes, kOnes});
  check({1, 16, 16, 16, {9, 9}, {5, 5}, kOnes, {2, 2}, {2, 2}, {1, 2}});
}

TEST(BlockedTiles, WhatIsAbsentIsNotMultiplied) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float least = std::numeric_limits<float>::denorm_min();
  for (const std::int64_t groups : {1, 16}) {
    const ConvolutionCase c{1, 16, 16, groups, {6, 5}, {3, 3}, kOnes, kOnes, kOnes, kOnes};
    check(c, 0, infinity);
    check(c, least, -least);  // products that round to -0
    check(c, std::numeric_limits<float>::quiet_NaN(), 0);
  }
}

void check_what_they_do_not_take(Isa isa) {
  const BlockedKernel* const kernel = blocked_kernel(isa);
  ASSERT_NE(kernel, nullptr);
  const std::int64_t blocks = kernel->lanes;
  const ConvolutionCase good{1, 2 * blocks, 2 * blocks, 1, {6, 6}, {3, 3}, kOnes, kOnes, kOnes, kOnes};
  const auto taken = [&](const auto& change) {
    ConvolutionDescriptor d = describe_convolution(good);
    d.x_block = d.out_block = kernel->lanes;
    change(d);
    return plan_blocked_convolution(d, isa).has_value();
  };
  EXPECT_TRUE(taken([](ConvolutionDescriptor&) {}));
  EXPECT_FALSE(taken([](ConvolutionDescriptor& d) { d.x_block = d.out_block = 0; }));
  EXPECT_FALSE(taken([](ConvolutionDescriptor& d) { d.out_block *= 2; }));
  EXPECT_FALSE(taken([](ConvolutionDescriptor& d) { d.x_block = 4; }));
  EXPECT_FALSE(taken([](ConvolutionDescriptor& d) { d.channels = 20; }));
  EXPECT_FALSE(taken([](ConvolutionDescriptor& d) { d.out_channels = 20; }));
  EXPECT_TRUE(taken([](ConvolutionDescriptor& d) { d.out_channels = 20, d.out_block = 0; }));
  EXPECT_FALSE(taken([](ConvolutionDescriptor& d) { d.groups = 2; }));
  EXPECT_FALSE(taken([](ConvolutionDescriptor& d) { d.dtype = DType::bf16; }));
  EXPECT_FALSE(taken([](ConvolutionDescriptor& d) { d.input_dilation[0] = 2; }));
}

TEST(BlockedTiles, WhatTheyDoNotTake) {
  EXPECT_EQ(blocked_kernel(Isa::baseline), nullptr);
  for (const Isa isa : isas_of_tiles()) {
    SCOPED_TRACE(name(isa));
    check_what_they_do_not_take(isa);
  }
}

}  // namespace
}  // namespace leat::runtime::cpu::testing
