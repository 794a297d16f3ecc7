#include "compiler/split_reduction.h"

#include "tests/compiler/run_program.h"

namespace leat::compiler {
namespace {

// Few rows of many elements: with several workers each takes a run of chunks, and the bits stay.
TEST(SplitReduction, FewLongRowsAreSharedOut) {
  const char* const kGraphs[] = {
      "%x: f32[1500001]\n%y = reduce_sum %x {dims=[0]}\n",
      "%x: f32[3,700000]\n%y = reduce_sum %x {dims=[1]}\n",
      "%x: f16[2,900001]\n%y = reduce_sum %x {dims=[1]}\n",
      "%x: i32[2,1200000]\n%y = reduce_prod %x {dims=[1]}\n",
      "%x: f32[600000,3]\n%y = reduce_sum %x {dims=[0]}\n",
      "%x: f64[3,700000]\n%a = mul %x %x\n%s = reduce_sum %a {dims=[1]}\n%m = reduce_max %x {dims=[1]}\n"
      "%r = sqrt %s\n%y = div %r %m\n",
  };
  for (const char* text : kGraphs) {
    SCOPED_TRACE(text);
    const ir::Graph graph = testing::parse(text);
    const auto whole = testing::check_program(graph, testing::exact_options(1));
    const auto split = testing::check_program(graph, testing::exact_options(4));
    ASSERT_TRUE(whole != nullptr && split != nullptr);
    EXPECT_EQ(whole->steps.size(), 1u);
    EXPECT_GT(split->steps.size(), 1u) << runtime::print(*split);
  }
}

TEST(SplitReduction, WhatDoesNotPayOrCannotBeSplitStaysWhole) {
  const char* const kGraphs[] = {
      "%x: f32[1000]\n%y = reduce_sum %x {dims=[0]}\n",      // little work
      "%x: f32[4096,256]\n%y = reduce_sum %x {dims=[1]}\n",  // rows enough for all workers
      "%x: i32[1500000]\n%d = iota {axis=0} : i32[1500000]\n%o = constant {value=1} : i32[1500000]\n"
      "%e = bit_or %d %o\n%q = div %x %e\n%y = reduce_sum %q {dims=[0]}\n",  // may fault
  };
  for (const char* text : kGraphs) {
    SCOPED_TRACE(text);
    const auto program = testing::check_program(testing::parse(text), testing::exact_options(4));
    ASSERT_NE(program, nullptr);
    EXPECT_EQ(program->steps.size(), 1u) << runtime::print(*program);
  }
}

TEST(SplitReduction, ElementsThatReadTheReducedValueAreRight) {
  testing::check_program(
      testing::parse(
          "%x: f32[2,600000]\n%m = reduce_max %x {dims=[1]}\n%mb = broadcast %m {dims=[0]} : f32[2,600000]\n"
          "%d = sub %x %mb\n%y = reduce_sum %d {dims=[1]}\n"),
      testing::exact_options(4));
}

}  // namespace
}  // namespace leat::compiler
