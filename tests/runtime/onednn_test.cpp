// oneDNN behind the adapter: near the exact result, the same bits from any split and thread count, the host's
// OpenMP setting untouched; and which engine the table gives.
#include "runtime/cpu/onednn.h"

#include <gtest/gtest.h>
#include <omp.h>

#include "runtime/cpu/engine_table.h"
#include "runtime/cpu/exact_engine.h"
#include "runtime/cpu/onednn_pipeline.h"
#include "tests/runtime/contraction_reference.h"

namespace leat::runtime::cpu::testing {
namespace {

MatmulDescriptor dense(std::int64_t batch, std::int64_t m, std::int64_t n, std::int64_t k) {
  MatmulDescriptor d;
  d.batch = batch;
  d.m = m;
  d.n = n;
  d.k = k;
  d.x_batch_stride = m * k;
  d.x_m_stride = k;
  d.y_batch_stride = k * n;
  d.y_k_stride = n;
  return d;
}

ConvolutionDescriptor convolution(std::int64_t batch, std::int64_t channels, std::int64_t features,
                                  std::int64_t groups, std::vector<std::int64_t> input, std::int64_t kernel,
                                  std::int64_t stride, std::int64_t pad, std::int64_t dilation) {
  const std::vector<std::int64_t> ones(input.size(), 1), strides(input.size(), stride),
      pads(input.size(), pad), kernels(input.size(), kernel), dilations(input.size(), dilation);
  ConvolutionDescriptor d{DType::f32, batch,   channels, features, groups, input,    kernels,
                          {},         strides, pads,     pads,     ones,   dilations};
  for (const std::int64_t e : input)
    d.output.push_back((e + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1);
  return d;
}

/// Runs both plans; `got` must be within rounding of k terms, and have one value whatever the split.
void check_near(const ContractionPlan& plan, const ContractionPlan& exact, const std::vector<float>& x,
                const std::vector<float>& y, std::size_t out_size) {
  SCOPED_TRACE(plan.body->ToString());
  EXPECT_EQ(plan.engine, "onednn");
  std::vector<float> expected(out_size), got(out_size, 3), again(out_size, 4);
  ASSERT_TRUE(run_plan(exact, x.data(), y.data(), expected.data()).ok());
  const Status status = run_plan(plan, x.data(), y.data(), got.data());
  ASSERT_TRUE(status.ok()) << status.ToString();
  for (std::size_t i = 0; i < out_size; ++i) {
    ASSERT_NEAR(expected[i], got[i], 1e-4 * (1 + std::fabs(expected[i]))) << i;
  }
  for (const int threads : {1, 3}) {
    for (const std::int64_t grain : {std::int64_t{1}, std::int64_t{2}}) {
      ASSERT_TRUE(run_plan(plan, x.data(), y.data(), again.data(), grain, threads).ok());
      ASSERT_TRUE(same_bits(got, again)) << "grain " << grain << ", threads " << threads;
    }
  }
}

void check_matmul(const MatmulDescriptor& d) {
  const auto x = random_values<float>(static_cast<std::size_t>(d.batch * d.m * d.k), 1);
  const auto y = random_values<float>(static_cast<std::size_t>(d.batch * d.k * d.n), 2);
  const auto plan = plan_onednn_matmul(d, host_isa());
  ASSERT_TRUE(plan.has_value());
  check_near(*plan, plan_exact_matmul(d, host_isa()), x, y, static_cast<std::size_t>(d.batch * d.m * d.n));
}

TEST(OneDnnMatmul, NearTheExactResultAndRepeatable) {
  check_matmul(dense(1, 64, 300, 70));
  check_matmul(dense(1, 200, 205, 130));  // panels, and a tail
  check_matmul(dense(3, 20, 30, 40));     // few batches in one panel
  check_matmul(dense(40, 33, 31, 64));    // panels of batches
  MatmulDescriptor d = dense(1, 70, 220, 50);
  d.y_is_constant = true;
  check_matmul(d);
  d.x_m_stride = 1;  // both transposed
  d.x_k_stride = d.m;
  d.y_k_stride = 1;
  d.y_n_stride = d.k;
  check_matmul(d);
}

TEST(OneDnnMatmul, PanelsHaveTheBitsOfTheWhole) {
  const MatmulDescriptor d = dense(1, 300, 400, 333);
  const auto x = random_values<float>(300 * 333, 1), y = random_values<float>(333 * 400, 2);
  const auto plan = plan_onednn_matmul(d, host_isa());
  ASSERT_TRUE(plan.has_value());
  ASSERT_GT(plan->units, 1);
  std::vector<float> got(300 * 400), whole(300 * 400);
  ASSERT_TRUE(run_plan(*plan, x.data(), y.data(), got.data()).ok());
  const OneOpenMpThread one;
  const auto desc = [](std::int64_t rows, std::int64_t columns) {
    return dnnl::memory::desc({rows, columns}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ab);
  };
  const auto memory = [&](std::int64_t rows, std::int64_t columns, const float* data) {
    return dnnl::memory(desc(rows, columns), onednn_engine(), const_cast<float*>(data));
  };
  const dnnl::matmul::primitive_desc primitive(
      dnnl::matmul::desc(desc(300, 333), desc(333, 400), desc(300, 400)), onednn_engine());
  dnnl::matmul(primitive).execute(dnnl::stream(onednn_engine()),
                                  {{DNNL_ARG_SRC, memory(300, 333, x.data())},
                                   {DNNL_ARG_WEIGHTS, memory(333, 400, y.data())},
                                   {DNNL_ARG_DST, memory(300, 400, whole.data())}});
  EXPECT_TRUE(same_bits(whole, got));
}

TEST(OneDnnMatmul, LeavesOtherThingsToTheMicroKernel) {
  MatmulDescriptor d = dense(1, 64, 64, 64);
  d.dtype = DType::f64;
  EXPECT_FALSE(plan_onednn_matmul(d, host_isa()).has_value());
  EXPECT_FALSE(plan_onednn_matmul(dense(1, 64, 64, 0), host_isa()).has_value());
  d = dense(1, 64, 64, 64);
  d.x_m_stride = 0;
  EXPECT_FALSE(plan_onednn_matmul(d, host_isa()).has_value());
  d = dense(1, 64, 64, 64);
  d.y_n_stride = 2;
  EXPECT_FALSE(plan_onednn_matmul(d, host_isa()).has_value());
}

void check_convolution(ConvolutionDescriptor d) {
  std::int64_t in = d.batch * d.channels, w_size = d.out_channels * d.channels / d.groups;
  std::int64_t out = d.batch * d.out_channels;
  for (std::size_t i = 0; i < d.input.size(); ++i) {
    in *= d.input[i];
    w_size *= d.kernel[i];
    out *= d.output[i];
  }
  const auto x = random_values<float>(static_cast<std::size_t>(in), 1);
  const auto w = random_values<float>(static_cast<std::size_t>(w_size), 2);
  for (const bool constant : {false, true}) {
    d.w_is_constant = constant;
    const auto plan = plan_onednn_convolution(d, host_isa());
    ASSERT_TRUE(plan.has_value());
    check_near(*plan, plan_exact_convolution(d, host_isa()), x, w, static_cast<std::size_t>(out));
    if (plan->rows_per_unit > 0) {
      EXPECT_GE(plan->units * plan->rows_per_unit, d.batch * d.out_channels);
    }
  }
}

TEST(OneDnnConvolution, NearTheExactResultAndRepeatable) {
  if (host_isa() == Isa::baseline) GTEST_SKIP() << "no JIT convolution without AVX2";
  check_convolution(convolution(1, 16, 72, 1, {20, 20}, 3, 1, 1, 1));   // parts of channels, with a tail
  check_convolution(convolution(20, 8, 16, 1, {9, 11}, 3, 2, 1, 1));    // panels of images
  check_convolution(convolution(70, 3, 8, 1, {6, 6}, 3, 1, 0, 2));      // several images a panel
  check_convolution(convolution(2, 48, 48, 48, {14, 14}, 3, 1, 1, 1));  // depthwise
  check_convolution(convolution(2, 8, 8, 1, {30}, 5, 1, 2, 1));
  check_convolution(convolution(1, 8, 8, 1, {5, 6, 7}, 3, 1, 1, 1));
}

TEST(OneDnnConvolution, LeavesOtherThingsToTheMicroKernel) {
  ConvolutionDescriptor d = convolution(1, 8, 8, 1, {9, 9}, 3, 1, 1, 1);
  d.input_dilation = {2, 2};
  EXPECT_FALSE(plan_onednn_convolution(d, host_isa()).has_value());
  d = convolution(1, 8, 8, 1, {9, 9}, 3, 1, 1, 1);
  d.low[0] = -1;
  EXPECT_FALSE(plan_onednn_convolution(d, host_isa()).has_value());
  d = convolution(1, 8, 8, 1, {9, 9}, 3, 1, 1, 1);
  d.dtype = DType::f16;
  EXPECT_FALSE(plan_onednn_convolution(d, host_isa()).has_value());
  d = convolution(1, 3, 5, 1, {9, 1 << 24}, 3, 1, 1, 1);
  if (host_isa() == Isa::avx512) {
    EXPECT_FALSE(plan_onednn_convolution(d, host_isa()).has_value());
  }
}

TEST(OneDnn, EightThreadsShareOnePlan) {
  const MatmulDescriptor d = dense(1, 96, 200, 64);
  const auto x = random_values<float>(96 * 64, 1), y = random_values<float>(64 * 200, 2);
  const auto plan = plan_onednn_matmul(d, host_isa());
  ASSERT_TRUE(plan.has_value());
  std::vector<float> expected(96 * 200);
  ASSERT_TRUE(run_plan(*plan, x.data(), y.data(), expected.data()).ok());
  std::vector<std::vector<float>> outs(8, std::vector<float>(96 * 200));
  std::vector<std::thread> threads;
  for (auto& out : outs) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) ASSERT_TRUE(run_plan(*plan, x.data(), y.data(), out.data(), 1).ok());
    });
  }
  for (std::thread& t : threads) t.join();
  for (const auto& out : outs) EXPECT_TRUE(same_bits(expected, out));
}

TEST(OneDnn, LeavesTheHostsOpenMpSettingAlone) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(3);
  const MatmulDescriptor d = dense(1, 96, 200, 64);
  const auto x = random_values<float>(96 * 64, 1), y = random_values<float>(64 * 200, 2);
  const auto plan = plan_onednn_matmul(d, host_isa());
  EXPECT_EQ(omp_get_max_threads(), 3);
  ASSERT_TRUE(plan.has_value());
  std::vector<float> out(96 * 200);
  ASSERT_TRUE(run_plan(*plan, x.data(), y.data(), out.data()).ok());
  EXPECT_EQ(omp_get_max_threads(), 3);
  omp_set_num_threads(before);
  EXPECT_EQ(describe_contraction_library().substr(0, 7), "oneDNN ");
}

TEST(EngineTable, IsAFunctionOfShapeDTypeAndInstructionSet) {
  static_assert(!prefers_onednn(Contraction::matmul, DType::f32, Isa::avx2, 1000, 0, 1e9));
  static_assert(!prefers_onednn(Contraction::matmul, DType::f32, Isa::avx512, 1000, 0, 1e9));
  static_assert(prefers_onednn(Contraction::matmul, DType::bf16, Isa::avx512, 1000, 0, 1e9));
  static_assert(!prefers_onednn(Contraction::matmul, DType::bf16, Isa::avx512, 32, 0, 32.0 * 32 * 32));
  static_assert(!prefers_onednn(Contraction::matmul, DType::f64, Isa::avx512, 1000, 0, 1e9));
  static_assert(!prefers_onednn(Contraction::matmul, DType::bf16, Isa::avx2, 1000, 0, 1e9));
  static_assert(prefers_onednn(Contraction::convolution, DType::f32, Isa::avx2, 64, 9, 1e6));
  static_assert(!prefers_onednn(Contraction::convolution, DType::f32, Isa::avx2, 64, 1, 1e6));
  ConvolutionDescriptor d = convolution(1, 8, 8, 1, {9, 9}, 3, 1, 1, 1);
  EXPECT_EQ(plan_convolution(d)->engine, host_isa() == Isa::baseline ? "micro_kernel" : "onednn");
  d.exact = true;
  EXPECT_EQ(plan_convolution(d)->engine, "micro_kernel");
  MatmulDescriptor m = dense(1, 200, 200, 200);
  EXPECT_EQ(plan_matmul(m)->engine, "micro_kernel");
  m.dtype = DType::bf16;
  EXPECT_EQ(plan_matmul(m)->engine, host_isa() == Isa::avx512 ? "onednn" : "micro_kernel");
  m.exact = true;
  EXPECT_EQ(plan_matmul(m)->engine, "micro_kernel");
}

}  // namespace
}  // namespace leat::runtime::cpu::testing
