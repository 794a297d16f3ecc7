#include "compiler/attach_epilogues.h"

#include "runtime/cpu/blocked_kernel.h"
#include "tests/compiler/run_program.h"

namespace leat::compiler {
namespace {

std::vector<std::string> names(const runtime::Program& program) {
  std::vector<std::string> list;
  for (const runtime::Step& step : program.steps) list.push_back(step.name);
  return list;
}

TEST(AttachEpilogues, BiasAndActivationRunOnEachPanel) {
  const ir::Graph graph = testing::parse(
      "%x: f32[70,33]\n%w: f32[33,40]\n%b: f32[40]\n%p = matmul %x %w\n"
      "%bb = broadcast %b {dims=[1]} : f32[70,40]\n%s = add %p %bb\n%y = tanh %s\n");
  const auto program = testing::check_program(graph, testing::exact_options());
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(names(*program), std::vector<std::string>{"matmul+add+tanh"}) << runtime::print(*program);
}

TEST(AttachEpilogues, RowReductionsTooAndTheProductMayBeAnOutput) {
  const ir::Graph graph = testing::parse(
      "graph @g(%x: f32[70,33], %w: f32[33,40]) -> (f32[70,40], f32[70]) {\n%p = matmul %x %w\n"
      "%e = exp %p\n%s = reduce_sum %e {dims=[1]}\nreturn %p, %s\n}");
  const auto program = testing::check_program(graph, testing::exact_options());
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(program->steps.size(), 1u) << runtime::print(*program);
}

TEST(AttachEpilogues, WhatReadsTheProductInAnotherOrderWaitsForAllOfIt) {
  const char* const kGraphs[] = {
      "%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%t = transpose %p {dims=[1, 0]}\n%y = add %p %t\n",
      "%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%r = reverse %p {dims=[0]}\n%y = exp %r\n",
      "%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%y = reduce_sum %p {dims=[0]}\n",
  };
  for (const char* text : kGraphs) {
    SCOPED_TRACE(text);
    const auto program = testing::check_program(testing::parse(text), testing::exact_options());
    ASSERT_NE(program, nullptr);
    EXPECT_EQ(program->steps.size(), 2u) << runtime::print(*program);
  }
}

TEST(AttachEpilogues, WhatNeedsALaterValueWaitsForIt) {
  const ir::Graph graph = testing::parse(
      "%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%q = matmul %p %p\n%y = add %p %q\n");
  const auto program = testing::check_program(graph, testing::exact_options());
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(names(*program), (std::vector<std::string>{"matmul", "matmul+add"})) << runtime::print(*program);
}

// A cache that notes what it is asked to compile.
class AskedCache final : public testing::TileCodeCache {
 public:
  void Compile(const std::shared_ptr<runtime::KernelCode>& code) override {
    asked.push_back(ir::print(code->kernel()));
  }
  std::vector<std::string> asked;
};

TEST(AttachEpilogues, EpiloguesOfAProgramThatIsUsedAgainGetMachineCodeToo) {
  const ir::Graph graph = testing::parse(
      "%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%y = tanh %p\n%t = transpose %y {dims=[1, 0]}\n"
      "%z = exp %t\n");
  AskedCache code;
  const auto program = compile(graph, testing::exact_options(), code);
  ASSERT_TRUE(program.ok());
  ASSERT_EQ(names(**program), (std::vector<std::string>{"matmul+tanh", "exp"}));
  EXPECT_TRUE(code.asked.empty());
  request_machine_code(**program, code);
  ASSERT_EQ(code.asked.size(), 2u);
  EXPECT_NE(code.asked[0].find("tanh"), std::string::npos) << code.asked[0];
  EXPECT_NE(code.asked[1].find("exp"), std::string::npos) << code.asked[1];
}

// The planes of a convolution's blocks are cut into parts, and so is what follows on each.
TEST(AttachEpilogues, PanelsThatArePartsOfPlanes) {
  if (runtime::cpu::blocked_kernel(runtime::cpu::host_isa()) == nullptr) {
    GTEST_SKIP() << "no tiles for this instruction set";
  }
  CompileOptions options = testing::exact_options();
  options.exact_contractions = false;  // tiles have the interpreter's bits anyway
  for (const char* const batch : {"1", "3"}) {
    std::string text =
        "%x: f32[N,16,41,40]\n%w: f32[32,16,3,3]\n%v: f32[40,32,1,1]\n%b: f32[40]\n%z = constant {value=0} : "
        "f32[]\n"
        "%p = convolution %x %w {strides=[1, 1], low=[1, 1], high=[1, 1], input_dilation=[1, 1], "
        "dilation=[1, 1], groups=1}\n"
        "%zp = broadcast %z {dims=[]} : f32[N,32,41,40]\n%r = maximum %p %zp\n"
        "%q = convolution %r %v {strides=[1, 1], low=[0, 0], high=[0, 0], input_dilation=[1, 1], "
        "dilation=[1, 1], groups=1}\n"
        "%bq = broadcast %b {dims=[1]} : f32[N,40,41,40]\n%s = add %q %bq\n"
        "%zq = broadcast %z {dims=[]} : f32[N,40,41,40]\n%t = maximum %s %zq\n"
        "%u = convolution %t %y {strides=[1, 1], low=[1, 1], high=[1, 1], input_dilation=[1, 1], "
        "dilation=[1, 1], groups=40}\n";
    text.insert(0, "%y: f32[40,1,3,3]\n");
    for (std::size_t at = 0; (at = text.find('N', at)) != std::string::npos;) text.replace(at, 1, batch);
    const auto program = testing::check_program(testing::parse(text), options);
    ASSERT_NE(program, nullptr);
    int parts = 0;
    for (const runtime::Step& step : program->steps) {
      const std::string body = step.body->ToString();
      if (body.find("tiles(") == std::string::npos || body.find(" then map") == std::string::npos) continue;
      if (body.find(" parts=1 ") == std::string::npos) ++parts;
    }
    EXPECT_EQ(parts, 2) << runtime::print(*program);
  }
}

TEST(AttachEpilogues, WithoutFusionEveryOpIsAStep) {
  CompileOptions options = testing::exact_options();
  options.fuse = false;
  const auto program = testing::check_program(
      testing::parse("%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%y = tanh %p\n"), options);
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(names(*program), (std::vector<std::string>{"matmul", "tanh"}));
}

}  // namespace
}  // namespace leat::compiler
