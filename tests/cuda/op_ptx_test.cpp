// The PTX of every kernel of an op that is not a loop kernel: IEEE rounding, and what NVIDIA's assembler
// says.
#include <gmock/gmock.h>

#include <cstdlib>
#include <set>

#include "tests/cuda/all_of.h"
#include "tests/cuda/emulated_op.h"
#include "tests/cuda/ptx_text.h"

namespace leat::emulator {
namespace {

using Integers = std::vector<std::int64_t>;
using runtime::cuda::OpKernel;

/// The kernels of ops over `dtype`, each once.
std::vector<OpKernel> kernels_of(DType dtype, const runtime::cuda::GpuDescription& gpu) {
  std::vector<OpKernel> kernels;
  std::set<std::string> known;
  const auto add = [&](Op op, std::vector<Type> types, Attributes attributes) {
    if (!ir::accepts(ir::op_info(op).types, dtype)) return;
    const OpCase c(op, std::move(types), std::move(attributes));
    ASSERT_NE(c.node(), nullptr);
    const auto plan = runtime::cuda::plan_op(*c.node(), c.operands, gpu);
    ASSERT_TRUE(plan.ok()) << plan.status().ToString();
    for (const runtime::cuda::OpLaunch& launch : plan->launches) {
      if (known.insert(runtime::cuda::print(launch.kernel)).second) kernels.push_back(launch.kernel);
    }
  };
  const Type x{dtype, {6, 5000}}, indices{DType::i64, {3}}, one{DType::i32, {}};
  const std::int64_t axis0 = 0, axis1 = 1;
  add(Op::gather, {x, indices}, {{Attr::axis, axis0}});
  add(Op::gather_elements, {x, {DType::i32, {6, 3}}}, {{Attr::axis, axis1}});
  add(Op::gather_nd, {x, {DType::i64, {4, 2}}}, {});
  add(Op::pad, {x, {dtype, {}}},
      {{Attr::low, Integers{1, 0}}, {Attr::high, Integers{0, 2}}, {Attr::interior, Integers{0, 1}}});
  add(Op::concat, {x, x, x}, {{Attr::axis, axis1}});
  add(Op::dynamic_slice, {x, one, one}, {{Attr::sizes, Integers{2, 3}}});
  add(Op::dynamic_update_slice, {x, {dtype, {2, 3}}, one, one}, {});
  for (const char* kind : {"sum", "max"})
    add(Op::reduce_window, {x},
        {{Attr::kind, std::string(kind)},
         {Attr::window, Integers{2, 3}},
         {Attr::strides, Integers{1, 2}},
         {Attr::low, Integers{0, 1}},
         {Attr::high, Integers{0, 1}},
         {Attr::dilation, Integers{1, 1}}});
  for (std::int64_t axis : {0, 1}) {
    for (Op op : {Op::cumulative_sum, Op::cumulative_max}) add(op, {x}, {{Attr::axis, axis}});
    add(Op::arg_max, {x}, {{Attr::axis, axis}});
    add(Op::sort, {x, x}, {{Attr::axis, axis}});
  }
  add(Op::top_k, {x}, {{Attr::k, std::int64_t{3}}});
  for (const std::string kind : {"set", "max", "add"}) {
    if (dtype == DType::bool_ && kind == "add") continue;
    add(Op::scatter_elements, {x, {DType::i32, {3, 9}}, {dtype, {3, 9}}},
        {{Attr::axis, axis0}, {Attr::kind, kind}});
    add(Op::scatter_nd, {x, {DType::i64, {4, 1}}, {dtype, {4, 5000}}}, {{Attr::kind, kind}});
  }
  const Integers none, first = {0}, second = {1};
  for (const std::int64_t n : {300, 40}) {  // large tiles and small ones
    add(Op::dot_general, {{dtype, {n, 20}}, {dtype, {20, n}}},
        {{Attr::batch_x, none},
         {Attr::batch_y, none},
         {Attr::contract_x, second},
         {Attr::contract_y, first}});
  }
  for (const std::int64_t low : {0, 1}) {
    add(Op::convolution, {{dtype, {2, 4, 20, 20}}, {dtype, {200, 4, 3, 3}}},
        {{Attr::strides, Integers{1, 1}},
         {Attr::low, Integers{low, low}},
         {Attr::high, Integers{0, 0}},
         {Attr::input_dilation, Integers{1, 1}},
         {Attr::dilation, Integers{1, 1}},
         {Attr::groups, std::int64_t{1}}});
  }
  for (const std::int64_t low : {0, 1}) {
    runtime::cpu::ConvolutionDescriptor d;
    d.dtype = dtype;
    d.kernel = d.output = {3, 4};
    d.strides = d.dilation = {1, 1};
    d.low = {low, low};
    d.input = {5 + low, 7};
    if (is_float(dtype)) kernels.push_back(runtime::cuda::plan_im2col(d, gpu).launches[0].kernel);
  }
  for (const std::int64_t n : {9, 300}) {  // small tiles and large ones
    add(Op::attention, {{dtype, {n, 8}}, {dtype, {70, 8}}, {dtype, {70, n}}, {dtype, {n, 70}}},
        {{Attr::scale, 0.5}, {Attr::causal, true}});
  }
  return kernels;
}

class OpPtx : public ::testing::TestWithParam<DType> {};

TEST_P(OpPtx, RoundsAsIeeeSays) {
  for (const OpKernel& kernel : kernels_of(GetParam(), small_gpu())) {
    const auto ptx = compiler::codegen::kernel_ptx(kernel, "sm_80");
    ASSERT_TRUE(ptx.ok()) << ptx.status().ToString();
    EXPECT_EQ(inexact_lines(*ptx), "") << runtime::cuda::print(kernel);
  }
}

TEST_P(OpPtx, Assembles) {
  const Assembler assembler;
  if (!assembler.found()) GTEST_SKIP() << Assembler::kMissing;
  for (const char* arch : {"sm_75", "sm_80", "sm_90"}) {
    for (const OpKernel& kernel : kernels_of(GetParam(), small_gpu())) {
      const auto ptx = compiler::codegen::kernel_ptx(kernel, arch);
      ASSERT_TRUE(ptx.ok()) << ptx.status().ToString();
      EXPECT_EQ(assembler.Complaint(*ptx, arch), "") << runtime::cuda::print(kernel) << " " << arch;
    }
  }
}

// As for loop kernels (ptx_test.cpp): one dtype and architecture, and all with LEAT_LONG=1.
TEST_P(OpPtx, Links) {
  const bool all = std::getenv("LEAT_LONG") != nullptr;
  if (GetParam() != DType::f32 && !all) GTEST_SKIP() << "set LEAT_LONG=1";
  const Linker linker;
  if (!linker.found()) GTEST_SKIP() << linker.missing();
  for (const char* arch : {"sm_90", "sm_80", "sm_75"}) {
    if (arch != std::string_view("sm_90") && !all) continue;
    for (const OpKernel& kernel : kernels_of(GetParam(), small_gpu())) {
      const auto ptx = compiler::codegen::kernel_ptx(kernel, arch);
      ASSERT_TRUE(ptx.ok()) << ptx.status().ToString();
      EXPECT_EQ(linker.Complaint(*ptx, arch), "") << runtime::cuda::print(kernel) << " " << arch;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpPtx, ::testing::ValuesIn(all_dtypes()),
                         [](const auto& info) { return std::string(name(info.param)); });

TEST(OpPtx, WideWordsAndTheParameterBlock) {
  const OpCase c(Op::gather, {{DType::f32, {6, 8}}, {DType::i64, {3}}}, {{Attr::axis, std::int64_t{0}}});
  const auto plan = runtime::cuda::plan_op(*c.node(), c.operands, *runtime::cuda::gpu_description("sm_90"));
  ASSERT_TRUE(plan.ok());
  const OpKernel& kernel = plan->launches.at(0).kernel;
  EXPECT_EQ(runtime::cuda::print(kernel), "gather u8,i64 word=16 rank=0 variant=0 numbers=4 pointers=3");
  const std::string ptx = *compiler::codegen::kernel_ptx(kernel, "sm_90");
  EXPECT_THAT(ptx, ::testing::HasSubstr("ld.global.v4."));
  EXPECT_THAT(ptx, ::testing::HasSubstr("st.global.v4."));
  EXPECT_THAT(ptx, ::testing::HasSubstr("leat_kernel_param_0[" + std::to_string(8 * kernel.words()) + "]"));
  EXPECT_EQ(compiler::codegen::kernel_ptx(kernel, "sm_60").status().code(), Code::invalid_argument);
}

TEST(OpPtx, ContractionsReadSharedMemoryInWideWords) {
  const OpCase c(Op::dot_general, {{DType::f32, {4096, 64}}, {DType::f32, {64, 4096}}},
                 {{Attr::batch_x, Integers{}},
                  {Attr::batch_y, Integers{}},
                  {Attr::contract_x, Integers{1}},
                  {Attr::contract_y, Integers{0}}});
  const auto plan = runtime::cuda::plan_op(*c.node(), c.operands, *runtime::cuda::gpu_description("sm_90"));
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->launches.at(0).kernel.rank, 128);
  const std::string ptx = *compiler::codegen::kernel_ptx(plan->launches[0].kernel, "sm_90");
  EXPECT_THAT(ptx, ::testing::HasSubstr("ld.shared.v4."));
  EXPECT_THAT(ptx, ::testing::HasSubstr("fma.rn.f32"));
  EXPECT_THAT(ptx, ::testing::Not(::testing::HasSubstr(".local")));
}

TEST(OpPtx, OpsWithoutCodeSaySo) {
  ir::Graph graph;
  ir::Node node;
  node.op = Op::custom_call;
  node.results.push_back({DType::f32, {1}});
  const auto plan = runtime::cuda::plan_op(node, {}, small_gpu());
  EXPECT_EQ(plan.status().code(), Code::unimplemented);
  EXPECT_EQ(plan.status().message(), "custom_call has no code for a GPU");
}

}  // namespace
}  // namespace leat::emulator
