#include "compiler/attach_epilogues.h"

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
