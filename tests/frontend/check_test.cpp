// Check and Reduce from C++.
#include "leat/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/frontend/fill_inputs.h"
#include "compiler/frontend/graph_state.h"
#include "leat/leat.h"

namespace leat {
namespace {

using ::testing::HasSubstr;

Graph parsed(std::string_view text) { return Graph::Parse(text).value(); }

TEST(Check, AgreesOnRandomInputsWithIndicesInRange) {
  const Graph g = parsed(R"(graph @p(%t: f32[9,4], %i: i64[30], %w: f32[4,3]) -> (f32[30,3]) {
    %one = constant {value=0} : i64[]
    %z = broadcast %one {dims=[]} : i64[30]
    %j = maximum %i %z
    %r = gather %t %j {axis=0}
    %y = matmul %r %w
    return %y
  })");
  const CheckReport report = Check(g, {.seed = 3}).value();
  EXPECT_TRUE(report.agrees) << report.text;
  EXPECT_TRUE(report.fault.ok()) << report.fault.ToString();
  EXPECT_EQ(report.values, 5);  // four kept, and the output
  EXPECT_THAT(report.text, HasSubstr("have the interpreter's bits"));
}

TEST(Check, TakesInputs) {
  const Graph g = parsed("%x: i32[3]\n%y: i32[3]\n%z = div %x %y");
  const auto with = [&](std::vector<Tensor> inputs) {
    CheckOptions options;
    options.inputs = std::move(inputs);
    return Check(g, options);
  };
  const Tensor x = tensor<std::int32_t>({1, 2, 3}), zero = tensor<std::int32_t>({1, 0, 1});
  EXPECT_TRUE(with({x, x}).value().fault.ok());
  EXPECT_EQ(with({x, zero}).value().fault.code(), Code::invalid_argument);
  EXPECT_TRUE(with({x, zero}).value().agrees);
  EXPECT_EQ(with({x}).status().message(), "Check: 1 inputs for a graph of 2");
  EXPECT_EQ(with({x, ones({3})}).status().message(), "Check: input 1 is f32[3], the graph wants i32[3]");
}

TEST(Check, SymbolsAreAnError) {
  const Graph g = parsed("%x: f32[n]\n%y = exp %x");
  EXPECT_EQ(Check(g).status().message(), "Check: graph @main has symbolic dimensions");
  EXPECT_EQ(Reduce(g, [](const Graph&) { return true; }).status().code(), Code::failed_precondition);
}

TEST(Reduce, ShrinksToWhatFails) {
  const Graph g = parsed("%x: f32[64,8]\n%a = exp %x\n%b = neg %a\n%c = tanh %b");
  const Graph small =
      Reduce(g, [](const Graph& c) { return c.ToString().find("neg") != std::string::npos; }).value();
  EXPECT_THAT(small.ToString(), HasSubstr("%0 = neg "));
  EXPECT_EQ(small.input_type(0), "f32[1,1]");
  EXPECT_EQ(small.ToString().find("exp"), std::string::npos);
  EXPECT_EQ(Reduce(g, [](const Graph&) { return false; }).status().message(),
            "Reduce: the graph does not fail");
}

TEST(FillInputs, IndicesAreInRange) {
  const Graph g =
      parsed(R"(graph @p(%t: f32[9,4], %i: i64[500], %m: i64[500], %u: f32[5,4]) -> (f32[500,4], i64[500]) {
    %k = convert %i {dtype=i32}
    %r = gather %t %k {axis=0}
    %n = mul %m %m
    return %r, %n
  })");
  const ir::Graph& graph = g.state().graph;
  EXPECT_EQ(frontend::index_extents(graph), (std::vector<std::int64_t>{0, 9, 0, 0}));
  const std::vector<ir::Array> arrays = frontend::fill_inputs(graph, "normal", 1).value();
  const auto [least, greatest] =
      std::minmax_element(arrays[1].as<std::int64_t>(), arrays[1].as<std::int64_t>() + 500);
  EXPECT_EQ(*least, 0);
  EXPECT_EQ(*greatest, 8);
  EXPECT_LT(*std::min_element(arrays[2].as<std::int64_t>(), arrays[2].as<std::int64_t>() + 500), 0);
}

}  // namespace
}  // namespace leat
