// The exact convolution against plain loops, bit for bit: padding, strides, dilations, groups, ranks, dtypes.
#include <gtest/gtest.h>

#include "ir/extents.h"
#include "runtime/cpu/exact_engine.h"
#include "tests/runtime/contraction_reference.h"

namespace leat::runtime::cpu::testing {
namespace {

using Extents = std::vector<std::int64_t>;

/// Absent positions are skipped; the order is (channel in the group, kernel position).
template <class T>
std::vector<T> reference_convolution(const ConvolutionDescriptor& d, const T* x, const T* w) {
  const std::int64_t c = d.channels / d.groups, o = d.out_channels / d.groups;
  const std::int64_t in = ir::product(d.input), taps = ir::product(d.kernel), outputs = ir::product(d.output);
  std::vector<T> out;
  for (std::int64_t i = 0; i < d.batch * d.out_channels * outputs; ++i) {
    const std::int64_t feature = i / outputs % d.out_channels, image = i / outputs / d.out_channels;
    Accumulator<T> sum = 0;
    for (std::int64_t j = 0; j < c * taps; ++j) {
      std::int64_t position = i % outputs, tap = j % taps, at = 0, scale = 1;
      bool present = true;
      for (std::size_t s = d.input.size(); s-- > 0;) {
        const std::int64_t place =
            position % d.output[s] * d.strides[s] - d.low[s] + tap % d.kernel[s] * d.dilation[s];
        position /= d.output[s];
        tap /= d.kernel[s];
        present = present && place >= 0 && place % d.input_dilation[s] == 0 &&
                  place / d.input_dilation[s] < d.input[s];
        at += place / d.input_dilation[s] * scale;
        scale *= d.input[s];
      }
      if (!present) continue;
      const std::int64_t channel = feature / o * c + j / taps;
      sum = multiply_add(x[(image * d.channels + channel) * in + at], w[feature * c * taps + j], sum);
    }
    out.push_back(finish<T>(sum));
  }
  return out;
}

ConvolutionDescriptor convolution(DType dtype, std::int64_t batch, std::int64_t channels,
                                  std::int64_t features, std::int64_t groups, Extents input, Extents kernel,
                                  Extents strides, Extents low, Extents high, Extents input_dilation,
                                  Extents dilation) {
  ConvolutionDescriptor d{dtype,   batch, channels, features,       groups,   input, kernel, {},
                          strides, low,   high,     input_dilation, dilation, false, true};
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::int64_t extent =
        (input[i] > 0 ? (input[i] - 1) * input_dilation[i] + 1 : 0) + low[i] + high[i];
    const std::int64_t window = (kernel[i] - 1) * dilation[i] + 1;
    d.output.push_back(extent < window ? 0 : (extent - window) / strides[i] + 1);
  }
  return d;
}

ConvolutionDescriptor plain(DType dtype, std::int64_t batch, std::int64_t channels, std::int64_t features,
                            Extents input, std::int64_t kernel, std::int64_t pad) {
  const std::size_t rank = input.size();
  const Extents ones(rank, 1), pads(rank, pad);
  return convolution(dtype, batch, channels, features, 1, input, Extents(rank, kernel), ones, pads, pads,
                     ones, ones);
}

template <class T>
void check_exact(ConvolutionDescriptor d, const std::vector<T>& x, const std::vector<T>& w) {
  const std::vector<T> expected = reference_convolution<T>(d, x.data(), w.data());
  for (const Isa isa : host_isas()) {
    for (const bool constant : {false, true}) {
      d.w_is_constant = constant;
      const ContractionPlan plan = plan_exact_convolution(d, isa);
      SCOPED_TRACE(plan.body->ToString());
      for (const std::int64_t grain : {std::int64_t{1} << 30, std::int64_t{1}}) {
        std::vector<T> out(expected.size(), T(3));
        ASSERT_TRUE(run_plan(plan, x.data(), w.data(), out.data(), grain).ok());
        ASSERT_TRUE(same_bits(expected, out)) << "grain " << grain << " constant " << constant;
      }
      if (plan.rows_per_unit > 0) {
        EXPECT_GE(plan.units * plan.rows_per_unit, d.batch * d.out_channels);
        EXPECT_EQ(plan.rows_per_unit % (d.out_channels / d.groups), 0);
      }
    }
  }
}

void check_exact(const ConvolutionDescriptor& d, std::uint32_t seed = 1) {
  visit_dtype(d.dtype, [&]<class T>(T) {
    if constexpr (!std::is_same_v<T, bool>) {
      const std::int64_t x = d.batch * d.channels * ir::product(d.input);
      const std::int64_t w = d.out_channels * (d.channels / d.groups) * ir::product(d.kernel);
      check_exact<T>(d, random_values<T>(static_cast<std::size_t>(x), seed),
                     random_values<T>(static_cast<std::size_t>(w), seed + 1));
    }
  });
}

TEST(ExactConvolution, EveryDType) {
  for (const DType dtype : {DType::i8, DType::i16, DType::i32, DType::i64, DType::u8, DType::u16, DType::u32,
                            DType::u64, DType::f16, DType::bf16, DType::f32, DType::f64}) {
    check_exact(plain(dtype, 2, 3, 5, {7, 9}, 3, 1));
    check_exact(plain(dtype, 1, 4, 8, {12}, 5, 0));
  }
}

TEST(ExactConvolution, RanksPaddingStridesAndDilations) {
  check_exact(plain(DType::f32, 2, 3, 7, {4, 5, 6}, 3, 1));
  check_exact(convolution(DType::f32, 1, 4, 6, 1, {11, 13}, {3, 5}, {2, 3}, {1, 0}, {2, 4}, {1, 1}, {2, 1}));
  check_exact(convolution(DType::f64, 2, 2, 3, 1, {9}, {4}, {1}, {3}, {3}, {3}, {1}));  // transposed
  check_exact(convolution(DType::f32, 1, 3, 4, 1, {5, 6}, {4, 4}, {1, 1}, {2, 2}, {2, 2}, {2, 2}, {1, 1}));
  check_exact(convolution(DType::f32, 1, 2, 2, 1, {10}, {3}, {1}, {-2}, {-1}, {1}, {1}));  // cropped
  check_exact(convolution(DType::f32, 1, 2, 2, 1, {3}, {2}, {1}, {40}, {2}, {1}, {1}));  // all in the padding
  check_exact(plain(DType::f32, 1, 70, 20, {6, 7}, 3, 1));                               // k > one block
  check_exact(plain(DType::f32, 1, 6, 300, {7, 7}, 3, 1));
  check_exact(plain(DType::f32, 1, 8, 16, {40, 40}, 1, 0));
  check_exact(plain(DType::f16, 1, 8, 16, {24, 24}, 3, 1));
}

TEST(ExactConvolution, Groups) {
  check_exact(convolution(DType::f32, 2, 6, 9, 3, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}));
  check_exact(convolution(DType::f32, 2, 20, 20, 20, {9, 9}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {1, 1}));
  check_exact(convolution(DType::bf16, 1, 4, 8, 4, {16}, {3}, {1}, {1}, {1}, {1}, {1}));
}

TEST(ExactConvolution, ZeroExtents) {
  check_exact(plain(DType::f32, 0, 3, 4, {5, 5}, 3, 1));
  check_exact(plain(DType::f32, 1, 0, 4, {5, 5}, 3, 1));  // no channels: zeros
  check_exact(plain(DType::f32, 1, 3, 0, {5, 5}, 3, 1));
  check_exact(plain(DType::f32, 1, 3, 4, {0, 5}, 3, 1));
  check_exact(plain(DType::f32, 1, 3, 4, {2, 5}, 3, 0));
  check_exact(convolution(DType::f32, 1, 3, 4, 1, {0}, {3}, {1}, {5}, {5}, {1}, {1}));
}

TEST(ExactConvolution, AbsentPositionsAreSkippedWhateverTheWeights) {
  // 0 * inf would be NaN; and with products that underflow a sum can be -0, which adding +0 would change.
  ConvolutionDescriptor d = plain(DType::f32, 1, 40, 9, {6, 7}, 3, 1);
  auto x = random_values<float>(40 * 42, 1), w = random_values<float>(9 * 40 * 9, 2);
  w[100] = INFINITY;
  w[555] = NAN;
  check_exact<float>(d, x, w);

  for (float& v : x) v = std::ldexp(v, -100);
  w = random_values<float>(9 * 40 * 9, 3);
  for (float& v : w) v = std::ldexp(std::fabs(v), -60);
  for (float& v : x) v = -std::fabs(v);
  const auto expected = reference_convolution<float>(d, x.data(), w.data());
  EXPECT_EQ(std::bit_cast<std::uint32_t>(expected[0]), 0x80000000u);  // the case is the one meant
  check_exact<float>(d, x, w);
  for (std::size_t i = 0; i < x.size(); i += 3) x[i] = 0;
  check_exact<float>(d, x, w);

  ConvolutionDescriptor e = plain(DType::f64, 1, 5, 9, {6, 7}, 3, 1);
  auto x64 = random_values<double>(5 * 42, 1), w64 = random_values<double>(9 * 5 * 9, 2);
  for (double& v : x64) v = -std::ldexp(std::fabs(v), -700);
  for (double& v : w64) v = std::ldexp(std::fabs(v), -400);
  check_exact<double>(e, x64, w64);
}

TEST(ExactConvolution, ManyThreadsAtOnce) {
  ConvolutionDescriptor d = plain(DType::f32, 3, 16, 24, {14, 14}, 3, 1);
  d.w_is_constant = true;
  const auto x = random_values<float>(3 * 16 * 196, 1), w = random_values<float>(24 * 16 * 9, 2);
  const auto expected = reference_convolution<float>(d, x.data(), w.data());
  const ContractionPlan plan = plan_exact_convolution(d, host_isa());
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> outs(8, std::vector<float>(expected.size()));
  for (auto& out : outs) {
    threads.emplace_back([&] { ASSERT_TRUE(run_plan(plan, x.data(), w.data(), out.data(), 1).ok()); });
  }
  for (std::thread& t : threads) t.join();
  for (const auto& out : outs) EXPECT_TRUE(same_bits(expected, out));
}

TEST(PlanConvolution, RefusesWhatItCannotMean) {
  ConvolutionDescriptor d = plain(DType::f32, 1, 3, 4, {5, 5}, 3, 1);
  d.groups = 2;
  EXPECT_EQ(plan_convolution(d).status().message(), "convolution: the groups must divide the channels");
  d = plain(DType::bool_, 1, 3, 4, {5, 5}, 3, 1);
  EXPECT_EQ(plan_convolution(d).status().message(), "convolution: a numeric dtype is needed, not bool");
  d = plain(DType::f32, 1, 3, 4, {5, 5}, 3, 1);
  d.strides.pop_back();
  EXPECT_EQ(plan_convolution(d).status().message(),
            "convolution: every attribute needs one entry a spatial dimension");
  d = plain(DType::f32, 1, 3, 4, {5, 5}, 3, 1);
  d.strides[0] = 0;
  EXPECT_EQ(plan_convolution(d).status().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace leat::runtime::cpu::testing
