// check_graph: right programs agree; a pass or a kernel that is made wrong is found and named.
#include "compiler/check_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/compare_arrays.h"
#include "compiler/pipeline.h"
#include "compiler/reduce_graph.h"
#include "tests/compiler/run_program.h"
#include "tests/compiler/wrong_kernels.h"

namespace leat {
namespace {

using compiler::CheckReport;
using testing::exact_options;
using ::testing::HasSubstr;
using testing::parse;
using ::testing::StartsWith;

runtime::Engine& engine() {
  static const std::unique_ptr<runtime::Engine> e = runtime::Engine::Create({.workers = 2}).value();
  return *e;
}

CheckReport check(const ir::Graph& graph, const compiler::CompileOptions& options, compiler::CodeCache& code,
                  std::uint64_t seed = 1) {
  const std::vector<ir::Array> inputs = testing::random_inputs(graph, seed);
  StatusOr<CheckReport> report = compiler::check_graph(graph, inputs, options, code, engine());
  EXPECT_TRUE(report.ok()) << report.status().ToString() << "\n" << ir::print(graph);
  return report.ok() ? *std::move(report) : CheckReport();
}

// A residual: a difference, an exponential, a sum of rows.
const char kProgram[] = R"(graph @p(%x: f32[8,12], %y: f32[8,12]) -> (f32[8], f32[8,12]) {
  %d = sub %x %y                 // at model.cpp:3
  %e = exp %d                    // at model.cpp:4
  %s = reduce_sum %e {dims=[1]}  // at model.cpp:5
  %t = mul %e %d
  return %s, %t
})";

// A pass made wrong: what it gave, with every `from` a `to`. The pipeline's graph is no constant, only the
// view.
std::function<void(const compiler::Pass&, const ir::Graph&, const ir::Graph&)> wrong_pass(
    std::string_view pass, ir::Op from, ir::Op to) {
  return [=](const compiler::Pass& p, const ir::Graph& before, const ir::Graph& after) {
    if (p.name != pass || &before == &after) return;
    for (ir::Node& node : const_cast<ir::Graph&>(after).nodes) node.op = node.op == from ? to : node.op;
  };
}

TEST(CheckGraph, RightProgramsAgree) {
  std::int64_t values = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    const ir::Graph graph = testing::random_graph(seed);
    for (const bool exact : {true, false}) {
      testing::TileCodeCache code;
      compiler::CompileOptions options = exact_options(2);
      options.exact_contractions = exact;
      const CheckReport report = check(graph, options, code, seed);
      EXPECT_TRUE(report.agrees()) << report.ToString() << "\n" << ir::print(graph);
      EXPECT_TRUE(!exact || report.rounded == 0) << report.rounded;
      values += report.values;
    }
  }
  EXPECT_GT(values, 600);
}

TEST(CheckGraph, NamesThePassThatIsWrong) {
  const ir::Graph graph = parse(kProgram);
  testing::TileCodeCache code;
  compiler::CompileOptions options = exact_options();
  options.observe_pass = wrong_pass("simplify_algebra", ir::Op::sub, ir::Op::add);
  const CheckReport report = check(graph, options, code);
  ASSERT_FALSE(report.agrees());
  EXPECT_THAT(report.divergence->text, StartsWith("%0 = sub %x %y : f32[8,12]"));
  EXPECT_THAT(report.divergence->text, HasSubstr("at model.cpp:3"));
  EXPECT_THAT(report.divergence->difference, HasSubstr(" of 96 is "));
  EXPECT_EQ(report.divergence->pass, "simplify_algebra");
  EXPECT_FALSE(report.divergence->when_fused);
  EXPECT_THAT(report.ToString(), HasSubstr("the pass simplify_algebra changes what the graph means"));
}

TEST(CheckGraph, SaysSoWhereNoPassButCodeIsWrong) {
  const ir::Graph graph = parse(kProgram);
  testing::WrongKernels code(ir::Op::exp, ir::Op::expm1);
  const CheckReport report = check(graph, exact_options(), code);
  ASSERT_FALSE(report.agrees());
  EXPECT_THAT(report.divergence->text, StartsWith("%1 = exp %0 : f32[8,12]"));
  EXPECT_EQ(report.divergence->pass, "");
  EXPECT_THAT(report.ToString(), HasSubstr("every pass keeps what the graph means"));
}

// Right as long as every value is kept: kernels of one output are what is wrong.
TEST(CheckGraph, FindsWhatOnlyFusionShows) {
  const ir::Graph graph = parse(R"(graph @p(%x: f32[8,12]) -> (f32[8,12]) {
    %a = tanh %x
    %b = neg %a
    %c = abs %b
    return %c
  })");
  testing::WrongKernels code(ir::Op::tanh, ir::Op::erf,
                             [](const ir::Kernel& k) { return k.outputs.size() == 1 && k.body.size() > 1; });
  const CheckReport report = check(graph, exact_options(), code);
  ASSERT_FALSE(report.agrees());
  EXPECT_TRUE(report.divergence->when_fused);
  EXPECT_THAT(report.divergence->text, StartsWith("%1 = neg %0"));  // tanh alone is right
  EXPECT_THAT(report.ToString(), HasSubstr("only as it is fused"));
}

TEST(CheckGraph, FaultsOfBothAgree) {
  const ir::Graph graph = parse(R"(graph @p(%x: f32[4], %i: i64[2]) -> (f32[2], f32[4]) {
    %a = gather %x %i {axis=0}
    %b = exp %x
    return %a, %b
  })");
  testing::TileCodeCache code;
  std::vector<ir::Array> inputs = testing::random_inputs(graph, 1);
  inputs[1].as<std::int64_t>()[0] = 99;
  const auto report = compiler::check_graph(graph, inputs, exact_options(), code, engine());
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->agrees()) << report->ToString();
  EXPECT_EQ(report->fault.code(), Code::out_of_range);
  EXPECT_EQ(report->values, 2);  // exp, kept and fused
}

TEST(CheckGraph, SymbolsAreAnError) {
  testing::TileCodeCache code;
  const auto report =
      compiler::check_graph(parse("%x: f32[n]\n%y = exp %x"), {}, exact_options(), code, engine());
  EXPECT_EQ(report.status().code(), Code::failed_precondition);
}

ir::Array array_of(std::initializer_list<float> values) {
  ir::Array a = ir::Array::Zeros({DType::f32, {static_cast<std::int64_t>(values.size())}});
  std::copy(values.begin(), values.end(), a.as<float>());
  return a;
}

TEST(CompareArrays, BitsBoundsAndShares) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(compiler::compare_bits(array_of({1, nan}), array_of({1, -nan})), "");
  EXPECT_EQ(compiler::compare_bits(array_of({0.0f}), array_of({-0.0f})), "element 0 of 1 is 0, expected -0");
  EXPECT_EQ(compiler::compare_to_largest(array_of({1, 1000}), array_of({2, 1000}), 1e-3), "");
  EXPECT_NE(compiler::compare_to_largest(array_of({1, 1000}), array_of({3, 1000}), 1e-3), "");
  // 10 products of magnitude 1 in all: the bound is about 2 * 12 * 2^-24 + 2 * 2^-24 |y|.
  const ir::Array one = array_of({1});
  EXPECT_EQ(compiler::compare_sums(array_of({1 + 20 * 0x1p-23f * 0.5f}), one, one, 10), "");
  EXPECT_NE(compiler::compare_sums(array_of({1 + 40 * 0x1p-23f * 0.5f}), one, one, 10), "");
  EXPECT_NE(compiler::compare_sums(array_of({nan}), one, one, 10), "");
}

// The whole way: a wrong pass in a program of 25 nodes becomes the two nodes that show it.
TEST(ReduceGraph, OfAWrongPassIsMinimal) {
  const ir::Graph graph =
      parse(R"(graph @p(%x: f32[6,16], %y: f32[6,16], %w: f32[16,4]) -> (f32[6,4], f32[6], f32[16,6]) {
    %0 = sub %x %y
    %1 = exp %0
    %2 = mul %1 %x
    %3 = add %2 %y
    %4 = tanh %3
    %5 = neg %4
    %6 = maximum %5 %x
    %7 = dot_general %6 %w {batch_x=[], batch_y=[], contract_x=[1], contract_y=[0]}
    %8 = abs %7
    %9 = sqrt %8
    %10 = reduce_sum %6 {dims=[1]}
    %11 = transpose %3 {dims=[1,0]}
    %12 = cos %11
    return %9, %10, %12
  })");
  testing::TileCodeCache code;
  compiler::CompileOptions options = exact_options();
  options.observe_pass = wrong_pass("eliminate_common_subexpressions", ir::Op::maximum, ir::Op::minimum);
  const auto fails = [&](const ir::Graph& g) {
    const std::vector<ir::Array> inputs = testing::random_inputs(g, 1);
    const auto report = compiler::check_graph(g, inputs, options, code, engine());
    return report.ok() && !report->agrees();
  };
  ASSERT_TRUE(fails(graph));
  const ir::Graph small = compiler::reduce_graph(graph, fails);
  EXPECT_EQ(small.nodes.size(), 3u) << ir::print(small);
  EXPECT_EQ(small.nodes[2].op, ir::Op::maximum);
  EXPECT_TRUE(fails(parse(ir::print(small))));  // the text shows it as well
}

TEST(ReduceGraph, KeepsWhatIsAskedFor) {
  const ir::Graph graph = parse(R"(graph @p(%x: f32[4,6,5], %i: i64[3]) -> (f32[24,5], f32[3,6,5]) {
    %0 = constant {value=[1, 2, 3, 4, 5]} : f32[5]
    %1 = broadcast %0 {dims=[2]} : f32[4,6,5]
    %2 = add %x %1
    %3 = slice %2 {starts=[0,1,0], limits=[4,6,5], strides=[1,1,1]}
    %4 = concat %3 %2 {axis=1}
    %5 = reshape %2 : f32[24,5]
    %6 = tanh %5
    %7 = gather %2 %i {axis=0}
    return %6, %7
  })");
  const auto has = [](ir::Op op) {
    return [op](const ir::Graph& g) {
      return std::any_of(g.nodes.begin(), g.nodes.end(), [&](const ir::Node& n) { return n.op == op; });
    };
  };
  const ir::Graph one = compiler::reduce_graph(graph, has(ir::Op::tanh));
  EXPECT_EQ(one.nodes.size(), 2u) << ir::print(one);
  EXPECT_EQ(one.nodes[1].type(), (ir::Type{DType::f32, {1, 1}})) << ir::print(one);
  // Both, and so what is between them: the sum that they share.
  const auto both = [&](const ir::Graph& g) { return has(ir::Op::reshape)(g) && has(ir::Op::gather)(g); };
  const ir::Graph small = compiler::reduce_graph(graph, both);
  EXPECT_EQ(small.nodes.size(), small.parameters.size() + 2) << ir::print(small);
  // A constant stays, as small as it can be.
  const ir::Graph constant = compiler::reduce_graph(
      graph, [&](const ir::Graph& g) { return has(ir::Op::constant)(g) && has(ir::Op::broadcast)(g); });
  EXPECT_EQ(constant.nodes[0].type(), (ir::Type{DType::f32, {1}})) << ir::print(constant);
}

TEST(ReduceGraph, TriesAreBounded) {
  const ir::Graph graph = parse(kProgram);
  int calls = 0;
  const auto never = [&](const ir::Graph&) { return ++calls, false; };
  const ir::Graph same = compiler::reduce_graph(graph, never, {.max_tries = 5, .progress = {}});
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(ir::print(same), ir::print(graph));
}

}  // namespace
}  // namespace leat
