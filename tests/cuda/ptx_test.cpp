// The PTX of every op and kernel class: IEEE rounding throughout, wide accesses, the parameter block; and
// what NVIDIA's assembler says of it, where there is one.
#include <gmock/gmock.h>

#include <cstdlib>

#include "tests/cuda/all_of.h"
#include "tests/cuda/emulated_case.h"
#include "tests/cuda/ptx_text.h"

namespace leat::emulator {
namespace {

using compiler::codegen::kernel_ptx;
using ir::Family;
using ir::Kernel;
using ::testing::HasSubstr;
using ::testing::Not;

KernelCase elementwise(const ir::OpInfo& info, DType operand, DType result) {
  KernelCase c;
  c.sizes = {1};
  std::vector<std::uint16_t> operands;
  for (int k = 0; k < ir::operand_count(info.op); ++k) {
    const DType dtype = info.op == Op::select && k == 0 ? DType::bool_ : operand;
    operands.push_back(c.AddInput(dtype, Level::element, std::vector<std::byte>(8), 0, {1}));
  }
  c.AddOutput(c.AddInstruction(info.op, result, Level::element, operands));
  return c;
}

/// Every class of kernel over `dtype`, by name.
std::vector<std::pair<std::string, Kernel>> classes_of(DType dtype) {
  std::vector<std::pair<std::string, Kernel>> classes;
  const Op plain = dtype == DType::bool_ ? Op::bit_and : Op::add;
  classes.emplace_back("map", elementwise(ir::op_info(plain), dtype, dtype).kernel);
  if (is_float(dtype)) classes.emplace_back("exp", elementwise(ir::op_info(Op::exp), dtype, dtype).kernel);
  if (is_int(dtype)) classes.emplace_back("div", elementwise(ir::op_info(Op::div), dtype, dtype).kernel);
  const DType other = dtype == DType::f32 ? DType::f16 : DType::f32;
  classes.emplace_back("convert", elementwise(ir::op_info(Op::convert), dtype, other).kernel);
  KernelCase transpose;
  transpose.sizes = {2, 2};
  transpose.kernel.parallel_rank = 2;
  const std::vector<std::byte> bytes(64);
  transpose.AddOutput(transpose.AddInput(dtype, Level::element, bytes, 0, {1, 2}));
  classes.emplace_back("transpose", transpose.kernel);
  Random random(1);
  for (Pattern pattern : {Pattern::row_reduce, Pattern::column_reduce}) {
    const std::string name = pattern == Pattern::row_reduce ? "rows" : "columns";
    KernelCase max;
    max.kernel.pattern = pattern;
    max.sizes = {2, 2};
    max.AddInput(dtype, Level::element, bytes, 0, max.Dense(false));
    max.AddOutput(max.AddInstruction(Op::reduce_max, dtype, Level::row, {0}));
    if (dtype != DType::bool_) max.AddOutput(max.AddInstruction(Op::reduce_sum, dtype, Level::row, {0}));
    classes.emplace_back(name, max.kernel);
    if (is_float(dtype))
      classes.emplace_back(name + "_softmax", runtime::softmax(pattern, dtype, {2, 2}, random).kernel);
  }
  if (dtype == DType::f32) {  // more parameters than go by value
    KernelCase many;
    many.sizes = {1, 1, 1, 1, 1, 1, 1, 1};
    many.kernel.parallel_rank = 8;
    for (int k = 0; k < 60; ++k) many.AddInput(dtype, Level::element, bytes, 0, many.Dense(false));
    many.AddOutput(many.AddInstruction(Op::add, dtype, Level::element, {3, 59}));
    EXPECT_FALSE(runtime::cuda::ParameterLayout(many.kernel).by_value());
    classes.emplace_back("many_parameters", many.kernel);
  }
  if (dtype == DType::u32 || dtype == DType::u64) {
    KernelCase bits;
    bits.sizes = {1};
    bits.kernel.inputs.push_back(
        {.kind = Kernel::Input::Kind::index, .dtype = DType::i64, .access = bits.Access(0, {1})});
    bits.AddScalar(DType::u64, 1, Level::element);
    bits.AddScalar(DType::u64, 2, Level::element);
    bits.AddOutput(bits.AddInstruction(Op::random_bits, dtype, Level::element, {1, 2, 0}));
    classes.emplace_back("random_bits", bits.kernel);
  }
  return classes;
}

Op joining(DType dtype) { return dtype == DType::bool_ ? Op::reduce_or : Op::reduce_sum; }

class PtxElementwise : public ::testing::TestWithParam<Op> {};

TEST_P(PtxElementwise, RoundsAsIeeeSays) {
  const ir::OpInfo& info = ir::op_info(GetParam());
  const bool predicate = info.family == Family::compare || info.family == Family::classify;
  for (DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    if (!ir::accepts(info.types, dtype) || info.op == Op::bitcast) continue;
    const DType result = predicate ? DType::bool_ : info.family == Family::convert ? DType::f16 : dtype;
    const auto ptx = kernel_ptx(elementwise(info, dtype, result).kernel, "sm_80");
    ASSERT_TRUE(ptx.ok()) << ptx.status().ToString();
    EXPECT_EQ(inexact_lines(*ptx), "") << ir::name(info.op) << " of " << name(dtype);
  }
}

INSTANTIATE_TEST_SUITE_P(All, PtxElementwise, ::testing::ValuesIn(elementwise_ops()),
                         [](const auto& info) { return std::string(ir::name(info.param)); });

TEST(Ptx, SeesInexactLines) {
  EXPECT_EQ(inexact_lines("\tadd.f32 \t%f1, %f2, %f3;\n"), "\tadd.f32 \t%f1, %f2, %f3;\n");
  EXPECT_EQ(inexact_lines("\tdiv.full.f32 \t%f1, %f2, %f3;"), "\tdiv.full.f32 \t%f1, %f2, %f3;\n");
  EXPECT_EQ(inexact_lines("\tsqrt.approx.f32 \t%f1, %f2;\n"), "\tsqrt.approx.f32 \t%f1, %f2;\n");
  EXPECT_EQ(inexact_lines("\tfma.rn.f32 \t%f1, %f2, %f3, %f4;\n\tadd.s32 \t%r1, %r2, %r3;\n"), "");
}

TEST(Ptx, ReductionsRoundAsIeeeSays) {
  for (DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    for (const auto& [name, kernel] : classes_of(dtype)) {
      const auto ptx = kernel_ptx(kernel, "sm_90");
      ASSERT_TRUE(ptx.ok()) << ptx.status().ToString();
      EXPECT_EQ(inexact_lines(*ptx), "") << name;
    }
  }
}

TEST(Ptx, OneEntryWithTheParameterBlock) {
  const Kernel kernel = elementwise(ir::op_info(Op::add), DType::f32, DType::f32).kernel;
  const std::string ptx = *kernel_ptx(kernel, "sm_90");
  const runtime::cuda::ParameterLayout layout(kernel);
  EXPECT_EQ(layout.bytes(), 8 * (2 + 1 + 3 * 2 + 3));
  EXPECT_THAT(ptx, HasSubstr(".target sm_90"));
  EXPECT_THAT(ptx, HasSubstr(".visible .entry leat_kernel("));
  EXPECT_THAT(ptx, HasSubstr("leat_kernel_param_0[" + std::to_string(layout.bytes()) + "]"));
  EXPECT_THAT(ptx, HasSubstr(".maxntid 256"));
  EXPECT_THAT(ptx, HasSubstr("ld.global.v4."));
  EXPECT_THAT(ptx, HasSubstr("st.global.v4."));
  EXPECT_THAT(ptx, Not(HasSubstr(".local")));
}

TEST(Ptx, UnknownArchitecturesAreListed) {
  const Kernel kernel = elementwise(ir::op_info(Op::add), DType::f32, DType::f32).kernel;
  const auto ptx = kernel_ptx(kernel, "sm_60");
  ASSERT_FALSE(ptx.ok());
  EXPECT_EQ(ptx.status().code(), Code::invalid_argument);
  EXPECT_THAT(
      ptx.status().message(),
      HasSubstr(
          "no GPU architecture is called \"sm_60\"; there are sm_75, sm_80, sm_86, sm_89, sm_90, sm_90a"));
  EXPECT_EQ(kernel_ptx(Kernel(), "sm_90").status().code(), Code::invalid_argument);
}

class PtxAssembles : public ::testing::TestWithParam<DType> {};

/// Every class of kernels is taken by the tool, for every architecture.
template <class Tool>
void expect_taken(const Tool& tool, DType dtype) {
  for (const std::string_view arch : runtime::cuda::gpu_architectures()) {
    const bool every_class = arch == "sm_75" || arch == "sm_80" || arch == "sm_90";
    const auto take = [&](const std::string& name, const StatusOr<std::string>& ptx) {
      ASSERT_TRUE(ptx.ok()) << name << ": " << ptx.status().ToString();
      EXPECT_EQ(tool.Complaint(*ptx, arch), "") << name << " " << arch << "\n" << *ptx;
    };
    for (const auto& [name, kernel] : classes_of(dtype)) {
      // The others differ from these in their names only: one kernel shows that theirs are right.
      if (every_class || (dtype == DType::f32 && name == "rows")) take(name, kernel_ptx(kernel, arch));
    }
    if (!every_class) continue;
    take("pairwise", compiler::codegen::pairwise_ptx(joining(dtype), dtype, arch));
  }
}

TEST_P(PtxAssembles, ForEveryArchitecture) {
  const Assembler assembler;
  if (!assembler.found()) GTEST_SKIP() << Assembler::kMissing;
  expect_taken(assembler, GetParam());
}

// The linker runs the same assembler: f32 shows that it takes what that takes; LEAT_LONG=1 asks for all.
TEST_P(PtxAssembles, AndLinks) {
  if (GetParam() != DType::f32 && std::getenv("LEAT_LONG") == nullptr) GTEST_SKIP() << "set LEAT_LONG=1";
  const Linker linker;
  if (!linker.found()) GTEST_SKIP() << linker.missing();
  expect_taken(linker, GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, PtxAssembles, ::testing::ValuesIn(all_dtypes()),
                         [](const auto& info) { return std::string(name(info.param)); });

}  // namespace
}  // namespace leat::emulator
