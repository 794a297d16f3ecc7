// Convolutions on arrays blocked by channels: near the exact result, the same from run to run and from any
// split, nothing reordered inside, zeros where blocks hang over.
#include <gtest/gtest.h>

#include "runtime/cpu/exact_engine.h"
#include "runtime/cpu/onednn.h"
#include "tests/runtime/blocked_arrays.h"
#include "tests/runtime/contraction_reference.h"

namespace leat::runtime::cpu::testing {
namespace {

ConvolutionDescriptor convolution(std::int64_t batch, std::int64_t channels, std::int64_t features,
                                  std::int64_t groups, Extents input, std::int64_t kernel,
                                  std::int64_t stride) {
  const Extents ones(input.size(), 1), pads(input.size(), kernel / 2);
  ConvolutionDescriptor d;
  d.batch = batch;
  d.channels = channels;
  d.out_channels = features;
  d.groups = groups;
  d.input = input;
  d.kernel.assign(input.size(), kernel);
  d.strides.assign(input.size(), stride);
  d.low = d.high = pads;
  d.input_dilation = d.dilation = ones;
  for (const std::int64_t e : input) d.output.push_back((e + 2 * (kernel / 2) - kernel) / stride + 1);
  d.w_is_constant = true;
  return d;
}

void check_blocked(ConvolutionDescriptor d, bool x_blocked = true, bool out_blocked = true) {
  if (host_isa() == Isa::baseline) GTEST_SKIP() << "no JIT convolution without AVX2";
  const Shape x_shape = shape_of(d.batch, d.channels, d.input);
  const Shape out_shape = shape_of(d.batch, d.out_channels, d.output);
  const ConvolutionLayouts layouts = onednn_convolution_layouts(d, host_isa());
  ASSERT_EQ(layouts.block, host_isa() == Isa::avx512 ? 16 : 8);
  EXPECT_EQ(layouts.x, x_blocked);
  EXPECT_EQ(layouts.out, out_blocked);
  const auto x = random_values<float>(static_cast<std::size_t>(x_shape.num_elements()), 1);
  std::int64_t w_size = d.out_channels * d.channels / d.groups;
  for (const std::int64_t e : d.kernel) w_size *= e;
  const auto w = random_values<float>(static_cast<std::size_t>(w_size), 2);
  std::vector<float> expected(static_cast<std::size_t>(out_shape.num_elements()));
  ASSERT_TRUE(run_plan(plan_exact_convolution(d, host_isa()), x.data(), w.data(), expected.data()).ok());
  d.x_block = layouts.x ? layouts.block : 0;
  d.out_block = layouts.out ? layouts.block : 0;
  const auto plan = plan_onednn_convolution(d, host_isa());
  ASSERT_TRUE(plan.has_value());
  SCOPED_TRACE(plan->body->ToString());
  if (x_blocked && out_blocked) {
    EXPECT_EQ(plan->body->ToString().find("reordered"), std::string::npos);
  }
  const std::vector<float> blocked_x = packed(x, x_shape, d.x_block);
  const std::vector<float> blocked_expected = packed(expected, out_shape, d.out_block);
  std::vector<float> got(blocked_expected.size(), 3), again(got.size(), 4);
  ASSERT_TRUE(run_plan(*plan, blocked_x.data(), w.data(), got.data()).ok());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(blocked_expected[i], got[i], 1e-4 * (1 + std::fabs(blocked_expected[i]))) << i;
  }
  for (const int threads : {1, 3}) {
    ASSERT_TRUE(run_plan(*plan, blocked_x.data(), w.data(), again.data(), 1, threads).ok());
    ASSERT_TRUE(same_bits(got, again));
  }
  const std::int64_t rows = d.batch * d.out_channels / std::max<std::int64_t>(1, d.out_block);
  if (plan->rows_per_unit > 0) {
    EXPECT_GE(plan->units * plan->rows_per_unit, rows);
  }
}

TEST(BlockedConvolution, NearTheExactResultAndRepeatable) {
  check_blocked(convolution(1, 64, 64, 1, {20, 20}, 3, 1));
  check_blocked(convolution(1, 32, 112, 1, {13, 11}, 3, 2));  // parts of channels, with a tail
  check_blocked(convolution(20, 16, 32, 1, {9, 11}, 3, 2));   // panels of images
  check_blocked(convolution(70, 16, 16, 1, {6, 6}, 3, 1));    // several images a panel
  check_blocked(convolution(2, 64, 128, 1, {14, 14}, 1, 1));  // one position
  check_blocked(convolution(2, 64, 128, 1, {14, 14}, 1, 2));
}

TEST(BlockedConvolution, OddChannelsStayDense) {
  check_blocked(convolution(2, 3, 64, 1, {24, 24}, 7, 2), false);
  check_blocked(convolution(2, 20, 32, 1, {9, 9}, 3, 1), false);
  check_blocked(convolution(1, 16, 100, 1, {24, 24}, 3, 1), true, false);
  EXPECT_EQ(onednn_convolution_layouts(convolution(2, 20, 36, 1, {9, 9}, 3, 1), host_isa()).block > 0, false);
}

TEST(BlockedConvolution, GroupsAndDepthwise) {
  check_blocked(convolution(2, 48, 48, 48, {14, 14}, 3, 1));
  check_blocked(convolution(1, 96, 96, 96, {30, 30}, 3, 2));
  check_blocked(convolution(2, 64, 64, 4, {10, 10}, 3, 1));
  const ConvolutionLayouts narrow =
      onednn_convolution_layouts(convolution(2, 20, 20, 5, {9, 9}, 3, 1), host_isa());
  EXPECT_EQ(narrow.block, 0);  // blocks would cross the groups
  EXPECT_FALSE(narrow.x || narrow.out);
}

TEST(BlockedConvolution, OneDimensionAndThree) {
  check_blocked(convolution(2, 16, 32, 1, {30}, 5, 1));
  check_blocked(convolution(1, 16, 32, 1, {5, 6, 7}, 3, 1));
}

TEST(BlockedConvolution, WhatNoEngineTakesIsSaid) {
  ConvolutionDescriptor d = convolution(1, 16, 16, 1, {9, 9}, 3, 1);
  d.x_block = 4;
  const auto plan = plan_convolution(d);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.status().code(), Code::unimplemented);
  EXPECT_EQ(plan.status().message(), "convolution: no engine takes these arrays in blocks");
  d.x_block = host_isa() == Isa::avx512 ? 16 : 8;
  d.exact = true;
  EXPECT_FALSE(plan_convolution(d).ok());
  d.x_block = -1;
  EXPECT_EQ(plan_convolution(d).status().message(), "convolution: blocks have at least one channel");
  EXPECT_EQ(preferred_layouts(d).block, 0);
  d.dtype = DType::f64;
  d.x_block = 0;
  d.exact = false;
  EXPECT_EQ(preferred_layouts(d).block, 0);
}

TEST(BlockedConvolution, LayoutsAreAFunctionOfShapeDTypeAndInstructionSet) {
  ConvolutionDescriptor d = convolution(1, 64, 64, 1, {9, 9}, 3, 1);
  EXPECT_EQ(onednn_convolution_layouts(d, Isa::avx512).block, 16);
  EXPECT_EQ(onednn_convolution_layouts(d, Isa::avx2).block, 8);
  EXPECT_EQ(onednn_convolution_layouts(d, Isa::baseline).block, 0);
  d.dtype = DType::bf16;  // there are kernels for AVX-512 only
  EXPECT_EQ(onednn_convolution_layouts(d, Isa::avx512).block, 16);
  EXPECT_EQ(onednn_convolution_layouts(d, Isa::avx2).block, 0);
}

}  // namespace
}  // namespace leat::runtime::cpu::testing
