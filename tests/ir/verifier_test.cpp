// verify(): what is wrong with a graph as a whole, and where. bind_symbols, which verifies first.
#include "ir/verifier.h"

#include <gtest/gtest.h>

#include "ir/inference.h"
#include "ir/parser.h"
#include "ir/printer.h"

namespace leat::ir {
namespace {

using Integers = std::vector<std::int64_t>;

Type f32_type(Shape shape) { return {DType::f32, std::move(shape)}; }

Graph good() {
  return *parse(R"(graph @f(%x: f32[n,3], %y: f32[n,3]) -> (f32[n,3]) {
  %0 = add %x %y : f32[n,3]  // at a.cpp:3
  %1 = exp %0 : f32[n,3]
  return %1
})");
}

std::string error_of(const Graph& graph) { return verify(graph).ToString(); }

TEST(Verifier, AcceptsAGoodGraph) { EXPECT_EQ(error_of(good()), "ok"); }

TEST(Verifier, TypesThatInferenceDoesNotGive) {
  Graph g = good();
  g.nodes[2].results[0].dtype = DType::f64;
  EXPECT_EQ(error_of(g),
            "invalid_argument: add: the result type is f32[n,3], written as f64[n,3] [C12] (at a.cpp:3)\n"
            "  in %0 of @f");
  g = good();
  g.nodes[2].results.clear();
  EXPECT_EQ(verify(g).message(), "add: has 1 results, written with 0 [C12]\n  in %0 of @f");
  g = good();
  g.nodes[1].results[0].shape = {2, 3};
  EXPECT_EQ(verify(g).message(),
            "add: operands must have one shape, got f32[n,3] and f32[2,3] (dimension 0: n against 2) [C3]\n"
            "  in %0 of @f");
  // Less than inference knows is wrong too: the graph would not print as it is.
  g = *parse("%x: f32[2]\n%0 = exp %x");
  g.nodes[1].results[0].shape = {kUnknownDim};
  EXPECT_EQ(verify(g).message(), "exp: the result type is f32[2], written as f32[?] [C12]\n  in %0 of @main");
}

TEST(Verifier, Attributes) {
  Graph g = *parse("%x: f32[2,3]\n%0 = reverse %x {dims=[1]}");
  g.nodes[1].attributes = nullptr;
  EXPECT_EQ(verify(g).message(), "reverse: needs the attribute dims [C2]\n  in %0 of @main");
  g.nodes[1].attributes = std::make_shared<const Attributes>(Attributes{{Attr::dims, true}});
  EXPECT_EQ(verify(g).message(),
            "reverse: the attribute dims must be a list of integers [C2]\n  in %0 of @main");
}

TEST(Verifier, References) {
  Graph g = good();
  g.nodes[2].inputs[1] = {3, 0};
  EXPECT_EQ(verify(g).message(), "add: operand 1 is not a result of an earlier node [C50]\n  in %0 of @f");
  g = good();
  g.nodes[3].inputs[0] = {3, 0};  // itself
  EXPECT_EQ(verify(g).message(), "exp: operand 0 is not a result of an earlier node [C50]\n  in %1 of @f");
  g = good();
  g.nodes[3].inputs[0] = {2, 1};
  EXPECT_EQ(verify(g).message(), "exp: operand 0 is not a result of an earlier node [C50]\n  in %1 of @f");
  g = good();
  g.outputs = {{1, 0}, {9, 0}};
  EXPECT_EQ(verify(g).message(), "output 1 of @f is not a value of it [C50]");
  g = good();
  g.nodes[3].op = static_cast<Op>(250);
  EXPECT_EQ(verify(g).message(), "op 250 does not exist [C50]\n  in %1 of @f");
}

TEST(Verifier, Parameters) {
  Graph g = good();
  g.parameter_names.pop_back();
  EXPECT_EQ(verify(g).message(), "@f has 2 parameters and 1 names of parameters [C51]");
  g = good();
  g.parameters[1] = 2;
  EXPECT_EQ(verify(g).message(), "parameter 1 of @f is no parameter node [C51]");
  g = good();
  g.parameters[1] = 0;
  EXPECT_EQ(verify(g).message(), "parameter 1 of @f is listed twice [C51]");
  g = good();
  std::swap(g.parameters[0], g.parameters[1]);
  EXPECT_EQ(verify(g).message(), "parameter 1 of @f is node 0, before parameter 0, which is node 1 [C60]");
  g = good();
  g.parameter_names[1] = "x";
  EXPECT_EQ(verify(g).message(), "@f has two parameters named x [C51]");
  g = good();
  g.parameter_names[1] = "";
  EXPECT_EQ(verify(g).message(), "parameter 1 of @f has no name [C51]");
  g = good();
  Node node;
  node.results.push_back(f32_type({}));
  g.AddUnchecked(node);
  EXPECT_EQ(verify(g).message(), "@f has 3 parameter nodes and lists 2 [C51]");
}

TEST(Verifier, SymbolsAndLocations) {
  Graph g = good();
  g.nodes[0].results[0].shape = {-5, 3};
  EXPECT_EQ(verify(g).message(),
            "parameter: the graph has no symbol 4 (a negative extent?) [C52]\n  in %x of @f");
  g = good();
  g.symbols.push_back({"n", -1});
  EXPECT_EQ(verify(g).message(), "@f has two symbols named n [C52]");
  g = good();
  g.symbols[0].name = "";
  EXPECT_EQ(verify(g).message(), "a symbol of @f has no name [C52]");
  g = good();
  g.nodes[3].location = 77;
  EXPECT_EQ(verify(g).message(), "exp: location 77 is not in the graph's table [C53]\n  in %1 of @f");
}

TEST(Verifier, Subgraphs) {
  auto sub = std::make_shared<Graph>(good());
  sub->nodes[3].inputs[0] = {8, 0};
  Graph g("main");
  const Value x = g.AddParameter("x", f32_type({2, 3}));
  Node node;
  node.op = Op::fused;
  node.inputs = {x, x};
  node.results.push_back(f32_type({2, 3}));
  node.attributes =
      std::make_shared<const Attributes>(Attributes{{Attr::body, std::shared_ptr<const Graph>(sub)}});
  g.AddUnchecked(node);
  EXPECT_EQ(verify(g).message(),
            "exp: operand 0 is not a result of an earlier node [C50]\n  in %1 of @f\n  in %0 of @main");
}

/// levels graphs, each of which applies the one below.
Graph nest(int levels) {
  std::shared_ptr<const Graph> inner = std::make_shared<const Graph>(*parse("%x: f32[2]\n%0 = neg %x"));
  for (int i = 0; i < levels; ++i) {
    Graph g("g" + std::to_string(i));
    const Value x = g.AddParameter("x", f32_type({2}));
    const Value y = *g.Add(Op::fused, {x}, {{Attr::body, inner}});
    g.outputs = {*g.Add(Op::fused, {y}, {{Attr::body, inner}})};
    inner = std::make_shared<const Graph>(std::move(g));
  }
  return *inner;
}

TEST(Verifier, NestingIsBoundedAndSharedSubgraphsAreCheckedOnce) {
  EXPECT_EQ(error_of(nest(64)), "ok");  // 2^64 graphs, were they not shared
  EXPECT_NE(error_of(nest(65)).find("nests sub-graphs more than 64 deep [C49]"), std::string::npos);
}

// --- bind_symbols -------------------------------------------------------------------------------------

std::string bound(std::string_view text, std::vector<std::int64_t> extents) {
  StatusOr<Graph> graph = parse(text);
  if (!graph.ok()) return graph.status().message();
  StatusOr<Graph> result = bind_symbols(*graph, extents);
  if (!result.ok()) return result.status().message();
  EXPECT_EQ(verify(*result).message(), "");
  EXPECT_TRUE(result->symbols.empty());
  return print(*result);
}

TEST(BindSymbols, InfersEveryTypeAnew) {
  EXPECT_EQ(bound(R"(graph @f(%x: f32[n,4], %y: f32[m]) {
  %0 = slice %x {starts=[1, 0], limits=[end, 4], strides=[1, 1]} : f32[?,4]
  %1 = concat %0 %x {axis=0} : f32[?,4]
  %2 = reshape %1 : f32[?]  // at a.cpp:7
  %3 = iota {axis=0} : i32[m]
  %4 = broadcast %y {dims=[1]} : f32[n,m]
  return %2, %3, %4
})",
                  {3, 1}),
            R"(graph @f(%x: f32[3,4], %y: f32[1]) -> (f32[20], i32[1], f32[3,1]) {
  %0 = slice %x {starts=[1, 0], limits=[3, 4], strides=[1, 1]} : f32[2,4]
  %1 = concat %0 %x {axis=0} : f32[5,4]
  %2 = reshape %1 : f32[20]  // at a.cpp:7
  %3 = iota {axis=0} : i32[1]
  %4 = broadcast %y {dims=[1]} : f32[3,1]
  return %2, %3, %4
}
)");
}

TEST(BindSymbols, SubgraphsToo) {
  EXPECT_EQ(bound(R"(
graph @f(%p: bool[], %x: f32[n], %y: f32[m]) {
  %0 = cond %p %x {then_branch=@a, else_branch=@b}
  %1 = fused %y {body=@a}
  return %0, %1
}
graph @a(%x: f32[k]) { %0 = fused %x {body=@b} return %0 }
graph @b(%x: f32[k]) { %0 = neg %x return %0 }
)",
                  {3, 5}),
            R"(graph @f(%p: bool[], %x: f32[3], %y: f32[5]) -> (f32[3], f32[5]) {
  %0 = cond %p %x {then_branch=@a, else_branch=@b} : f32[3]
  %1 = fused %y {body=@a_1} : f32[5]
  return %0, %1
}

graph @a(%x: f32[3]) -> (f32[3]) {
  %0 = fused %x {body=@b} : f32[3]
  return %0
}

graph @b(%x: f32[3]) -> (f32[3]) {
  %0 = neg %x : f32[3]
  return %0
}

graph @a_1(%x: f32[5]) -> (f32[5]) {
  %0 = fused %x {body=@b_1} : f32[5]
  return %0
}

graph @b_1(%x: f32[5]) -> (f32[5]) {
  %0 = neg %x : f32[5]
  return %0
}
)");
}

TEST(BindSymbols, Errors) {
  const std::string_view text =
      "%x: f32[n<=8,2]\n%y: f32[m,2]\n%0 = reshape %x : f32[m]  // at a.cpp:2\n%1 = exp %y";
  EXPECT_EQ(bound(text, {3}), "@main has 2 symbols, got 1 extents [C54]");
  EXPECT_EQ(bound(text, {9, 18}), "the extent of n must be at least 0 and at most 8, got 9 [C54]");
  EXPECT_EQ(bound(text, {3, -1}), "the extent of m must be at least 0, got -1 [C54]");
  EXPECT_EQ(bound(text, {3, 5}),
            "reshape: must keep the dtype and the number of elements, got f32[3,2] and f32[5] [C21]\n"
            "  in @main with n=3, m=5");
  EXPECT_EQ(bound(text, {3, std::int64_t{1} << 60}),
            "parameter: f32[1152921504606846976,2] is larger than 2^62 bytes [C6]\n"
            "  in @main with n=3, m=1152921504606846976");
  EXPECT_EQ(bound("%x: f32[?,n]\n%0 = exp %x", {2}),
            "parameter: the extents of f32[?,2] do not follow from the symbols [C55]\n  in @main with n=2");
  EXPECT_EQ(
      bound("%x: f32[n]\n%0 = slice %x {starts=[2], limits=[5], strides=[1]}", {4}),
      "slice: needs 0 <= start <= limit <= extent, got start 2, limit 5 in dimension 0 of f32[4] [C24]\n"
      "  in @main with n=4");
  Graph broken = *parse(text);
  broken.outputs = {{99, 0}};
  EXPECT_EQ(bind_symbols(broken, Integers{1, 2}).status().message(),
            "output 0 of @main is not a value of it [C50]");
}

TEST(BindSymbols, SharedSubgraphsAreBoundOnce) {
  Graph g("main");
  const Value x = g.AddParameter("x", f32_type({2}));
  auto inner = std::make_shared<const Graph>(nest(63));
  g.outputs = {*g.Add(Op::fused, {x}, {{Attr::body, std::shared_ptr<const Graph>(inner)}})};
  StatusOr<Graph> result = bind_symbols(g, {});
  EXPECT_EQ(result.status().message(), "");
}

}  // namespace
}  // namespace leat::ir
