// Code for machines other than this one: every op compiles for them, and what any x86-64 runs is run here.
#include "compiler/codegen/jit.h"
#include "compiler/codegen/kernel_object.h"
#include "tests/compiler/codegen_case.h"

namespace leat::compiler {
namespace {

using codegen::CodeTarget;
using ir::Family;
using ir::Op;

/// Any x86-64: no fma, no f16, calls for what it lacks.
CodeTarget oldest() {
  CodeTarget target = codegen::host_target(128);
  target.cpu = "x86-64";
  target.features = "";
  target.masked_bytes = 16;
  target.hardware_fma = target.hardware_f16 = target.hardware_scale = false;
  return target;
}

CodeTarget avx512() {
  CodeTarget target = codegen::host_target(512);
  target.cpu = "x86-64-v4";
  target.features = "";
  target.masked_bytes = 1;
  target.hardware_fma = target.hardware_f16 = target.hardware_scale = true;
  return target;
}

/// A kernel of one instruction, one input per operand.
KernelCase one_instruction(const ir::OpInfo& info, DType operand, DType result, Random& random) {
  KernelCase c;
  c.sizes = {101};
  std::vector<std::uint16_t> operands;
  for (int k = 0; k < ir::operand_count(info.op); ++k) {
    const DType dtype = info.op == Op::select && k == 0 ? DType::bool_ : operand;
    auto values = runtime::draw_array(dtype, 101, info.domain, true, random);
    operands.push_back(c.AddInput(dtype, Level::element, std::move(values), 0, {1}));
  }
  c.AddOutput(c.AddInstruction(info.op, result, Level::element, operands));
  return c;
}

template <class F>
void each_instruction(F f) {
  Random random(9);
  for (const ir::OpInfo& info : ir::all_ops()) {
    if (!info.elementwise() || info.family == Family::convert) continue;
    const bool predicate = info.family == Family::compare || info.family == Family::classify;
    for (DType dtype :
         {DType::bool_, DType::i8, DType::u32, DType::i64, DType::f16, DType::bf16, DType::f32, DType::f64}) {
      if (!ir::accepts(info.types, dtype)) continue;
      f(one_instruction(info, dtype, predicate ? DType::bool_ : dtype, random));
    }
  }
}

TEST(CodegenTarget, EveryOpCompilesForAvx512) {
  each_instruction([](const KernelCase& c) {
    const auto object = codegen::kernel_object(c.kernel, avx512());
    EXPECT_TRUE(object.ok()) << object.status().ToString() << "\n" << ir::print(c.kernel);
  });
}

TEST(CodegenTarget, ReductionsAndTransposesCompileForAvx512) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const KernelCase c = runtime::random_case(random);
    const auto object = codegen::kernel_object(c.kernel, avx512());
    EXPECT_TRUE(object.ok()) << object.status().ToString() << "\n" << ir::print(c.kernel);
  }
}

// Bits do not tell how they are computed: the text does.
TEST(CodegenTarget, SoftmaxUsesWhatTheMachineHas) {
  Random random(1);
  const KernelCase c = runtime::softmax(Pattern::row_reduce, DType::f32, {4, 1000}, random);
  const auto text = codegen::kernel_llvm_text(c.kernel, avx512());
  ASSERT_TRUE(text.ok()) << text.status().ToString();
  EXPECT_NE(text->find("mask.scalef.ps.512"), std::string::npos);
  EXPECT_NE(text->find("fdiv float 1.0"), std::string::npos);  // one reciprocal a row
  EXPECT_NE(text->find("@llvm.prefetch"), std::string::npos);  // of the next row
  const auto plain = codegen::kernel_llvm_text(c.kernel, oldest());
  ASSERT_TRUE(plain.ok()) << plain.status().ToString();
  EXPECT_EQ(plain->find("scalef"), std::string::npos);
  EXPECT_EQ(plain->find("fdiv float"), std::string::npos);
}

// The same bits from a machine without fma, rounding or f16 instructions.
TEST(CodegenTarget, AnyX86HasTheSameBits) {
  auto jit = codegen::Jit::Create();
  ASSERT_TRUE(jit.ok());
  each_instruction([&](const KernelCase& c) {
    KernelCase expected = c, actual = c;
    run_slowly(expected);
    const auto object = codegen::kernel_object(c.kernel, oldest());
    ASSERT_TRUE(object.ok()) << object.status().ToString();
    const auto loaded = (*jit)->Load(*object);
    ASSERT_TRUE(loaded.ok()) << loaded.status().ToString() << "\n" << ir::print(c.kernel);
    const ir::KernelLaunch launch = actual.Launch();
    loaded->function(&launch, 0, 101);
    const ir::Kernel::Output& output = c.kernel.outputs[0];
    const std::int64_t at =
        runtime::first_difference(c.kernel.dtype(output.value), expected.buffers[output.slot].data(),
                                  actual.buffers[output.slot].data(), 101);
    EXPECT_EQ(at, -1) << ir::print(c.kernel);
    EXPECT_EQ(expected.faults, actual.faults) << ir::print(c.kernel);
  });
}

}  // namespace
}  // namespace leat::compiler
