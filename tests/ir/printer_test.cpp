// Graph -> text -> graph -> text.
#include "ir/printer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ir/inference.h"
#include "ir/parser.h"
#include "ir/verifier.h"

namespace leat::ir {
namespace {

using Integers = std::vector<std::int64_t>;

/// The text, once it is known to come back the same.
std::string round_trip(const Graph& graph) {
  EXPECT_EQ(verify(graph).message(), "");
  const std::string text = print(graph);
  StatusOr<Graph> again = parse(text, "t");
  EXPECT_EQ(again.status().message(), "") << text;
  if (!again.ok()) return text;
  EXPECT_EQ(verify(*again).message(), "");
  EXPECT_EQ(print(*again), text);
  return text;
}

TEST(Printer, Layer) {
  Graph g("layer");
  const std::int64_t n = g.SymbolDim("n", 64);
  const Value x = g.AddParameter("x", {DType::f32, {n, 128}});
  const Value w = g.AddParameter("w", {DType::f32, {128, 64}});
  const std::uint32_t at = g.AddLocation({{"train.cpp", 41}, "relu", "encoder/layer0"});
  const Value y = *g.Add(Op::dot_general, {x, w},
                         {{Attr::batch_x, Integers{}},
                          {Attr::batch_y, Integers{}},
                          {Attr::contract_x, Integers{1}},
                          {Attr::contract_y, Integers{0}}},
                         {}, g.AddLocation({{"train.cpp", 40}, "", ""}));
  const Value zero = g.AddConstant(make_scalar(0.0f));
  const Value zeros = *g.Add(Op::broadcast, {zero}, {{Attr::dims, Integers{}}}, {{DType::f32, {n, 64}}}, at);
  const Value relu = *g.Add(Op::maximum, {y, zeros}, {}, {}, at);
  const Value top = *g.Add(Op::top_k, {relu}, {{Attr::k, std::int64_t{3}}});
  g.outputs = {relu, {top.node, 1}};
  EXPECT_EQ(round_trip(g),
            R"(graph @layer(%x: f32[n<=64,128], %w: f32[128,64]) -> (f32[n,64], i64[n,3]) {
  %0 = dot_general %x %w {batch_x=[], batch_y=[], contract_x=[1], contract_y=[0]} : f32[n,64]  // at train.cpp:40
  %1 = constant {value=0} : f32[]
  %2 = broadcast %1 {dims=[]} : f32[n,64]  // at train.cpp:41 label="relu" scope="encoder/layer0"
  %3 = maximum %0 %2 : f32[n,64]  // at train.cpp:41 label="relu" scope="encoder/layer0"
  %4:2 = top_k %3 {k=3} : f32[n,3], i64[n,3]
  return %3, %4#1
}
)");
}

TEST(Printer, WithoutLocations) {
  Graph g("f");
  const Value x = g.AddParameter("x", {DType::f32, {2}});
  g.outputs = {*g.Add(Op::exp, {x}, {}, {}, g.AddLocation({{"a.cpp", 1}, "", ""}))};
  EXPECT_EQ(print(g, {.locations = false}),
            "graph @f(%x: f32[2]) -> (f32[2]) {\n  %0 = exp %x : f32[2]\n  return %0\n}\n");
}

TEST(Printer, NamesThatAreNoIdentifiersAreQuoted) {
  Graph g("a graph");
  const Value x = g.AddParameter("input:0", {DType::f32, {g.SymbolDim("h/2"), kUnknownDim}});
  const Value zero = g.AddParameter("0", {DType::f32, {}});
  const Value y = *g.Add(Op::exp, {x}, {}, {}, g.AddLocation({{"my \"file\".cpp", 7}, "a\nb", "\x01"}));
  const Value z = *g.Add(Op::neg, {zero});
  g.outputs = {y, z};
  EXPECT_EQ(round_trip(g),
            R"(graph @"a graph"(%"input:0": f32["h/2",?], %"0": f32[]) -> (f32["h/2",?], f32[]) {
  %0 = exp %"input:0" : f32["h/2",?]  // at "my \"file\".cpp":7 label="a\nb" scope="\x01"
  %1 = neg %"0" : f32[]
  return %0, %1
}
)");
  const Graph again = *parse(print(g));
  EXPECT_EQ(again.name, "a graph");
  EXPECT_EQ(again.parameter_names[0], "input:0");
  const NodeLocation& at = again.locations[again.nodes[2].location];
  EXPECT_STREQ(at.source.file, "my \"file\".cpp");
  EXPECT_EQ(at.source.line, 7u);
  EXPECT_EQ(at.label, "a\nb");
  EXPECT_EQ(at.scope, "\x01");
}

TEST(Printer, OptionalAttributesAtTheirDefaultAreNotPrinted) {
  Graph g("f");
  const Value x = g.AddParameter("x", {DType::f32, {4}});
  g.outputs = {*g.Add(Op::cumulative_sum, {x},
                      {{Attr::axis, std::int64_t{0}}, {Attr::exclusive, false}, {Attr::backward, true}})};
  EXPECT_NE(round_trip(g).find("%0 = cumulative_sum %x {axis=0, backward=true} : f32[4]\n"),
            std::string::npos);
}

TEST(Printer, LimitsOfSlicesToTheEnd) {
  Graph g("f");
  const Value x = g.AddParameter("x", {DType::f32, {g.SymbolDim("n"), 4}});
  g.outputs = {*g.Add(Op::slice, {x},
                      {{Attr::starts, Integers{0, 1}},
                       {Attr::limits, Integers{kToTheEnd, 3}},
                       {Attr::strides, Integers{1, 1}}})};
  EXPECT_NE(round_trip(g).find("limits=[end, 3]"), std::string::npos);
}

template <class T>
std::string literal_text(std::vector<T> values, Shape shape) {
  const Literal literal = make_literal({dtype_of<T>(), std::move(shape)}, values.data());
  Graph g("f");
  g.outputs = {g.AddConstant(literal)};
  round_trip(g);
  const Graph again = *parse(print(g));
  const Literal& back = again.nodes[0].attrs().literal(Attr::value);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(back.bytes.get()), literal.byte_count()),
            std::string_view(reinterpret_cast<const char*>(literal.bytes.get()), literal.byte_count()))
      << print(g);
  return print(literal);
}

TEST(Printer, LiteralsComeBackBitForBit) {
  EXPECT_EQ(literal_text<float>({0.1f}, {}), "0.1");
  EXPECT_EQ(literal_text<float>({0.1f}, {1}), "[0.1]");
  EXPECT_EQ(literal_text<float>({-0.0f, 0.0f}, {2}), "[-0, 0]");
  EXPECT_EQ(literal_text<float>({2, 2, 2, 2}, {2, 2}), "2");
  EXPECT_EQ(literal_text<float>({}, {0, 3}), "[]");
  EXPECT_EQ(literal_text<float>({INFINITY, -INFINITY, 1e-45f, 3.4028235e38f}, {4}),
            "[inf, -inf, 1e-45, 3.4028235e+38]");
  EXPECT_EQ(literal_text<double>({0.1, 5e-324, 1.7976931348623157e308}, {3}),
            "[0.1, 5e-324, 1.7976931348623157e+308]");
  EXPECT_EQ(literal_text<std::int8_t>({-128, 127}, {2}), "[-128, 127]");
  EXPECT_EQ(literal_text<std::uint64_t>({18446744073709551615u, 0}, {2}), "[18446744073709551615, 0]");
  EXPECT_EQ(literal_text<std::int64_t>({std::numeric_limits<std::int64_t>::min()}, {}),
            "-9223372036854775808");
  bool flags[] = {true, false};
  EXPECT_EQ(print(make_literal({DType::bool_, {2}}, flags)), "[true, false]");
  EXPECT_EQ(print(make_scalar(std::nanf(""))), "nan");
}

TEST(Printer, EveryHalfComesBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; bits += 1) {
    const auto h = float16::FromBits(static_cast<std::uint16_t>(bits));
    const auto b = bfloat16::FromBits(static_cast<std::uint16_t>(bits));
    const bool h_nan = std::isnan(static_cast<float>(h)), b_nan = std::isnan(static_cast<float>(b));
    // Through the text of one literal each, 64 at a time.
    static std::vector<float16> hs;
    static std::vector<bfloat16> bs;
    if (!h_nan) hs.push_back(h);
    if (!b_nan) bs.push_back(b);
    if (hs.size() >= 64 || bits == 0xffff) {
      if (!hs.empty()) literal_text(hs, {static_cast<std::int64_t>(hs.size())});
      hs.clear();
    }
    if (bs.size() >= 64 || bits == 0xffff) {
      if (!bs.empty()) literal_text(bs, {static_cast<std::int64_t>(bs.size())});
      bs.clear();
    }
  }
}

TEST(Printer, LongLiteralsAreHex) {
  std::vector<std::uint16_t> values(65);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint16_t>(i * 257);
  const std::string text = literal_text(values, {5, 13});
  EXPECT_EQ(text.substr(0, 14), "0x000001010202");
  EXPECT_EQ(text.size(), 2 + 4 * 65u);
  Graph g("f");
  g.outputs = {g.AddConstant(make_literal({DType::u16, {65}}, values.data()))};
  EXPECT_NE(print(g, {.max_literal_elements = 10}).find("value=<130 bytes>"), std::string::npos);
}

std::shared_ptr<Graph> negation(std::string name) {
  auto graph = std::make_shared<Graph>(std::move(name));
  const Value x = graph->AddParameter("x", {DType::f32, {3}});
  graph->outputs = {*graph->Add(Op::neg, {x})};
  return graph;
}

TEST(Printer, SubgraphsAreNamedApartAndPrintedOnce) {
  using Sub = std::shared_ptr<const Graph>;
  const Sub a = negation("g"), b = negation("g");
  Graph g("g");
  const Value p = g.AddParameter("p", {DType::bool_, {}});
  const Value x = g.AddParameter("x", {DType::f32, {3}});
  const Value y = *g.Add(Op::cond, {p, x}, {{Attr::then_branch, a}, {Attr::else_branch, b}});
  g.outputs = {*g.Add(Op::fused, {y}, {{Attr::body, a}})};
  EXPECT_EQ(round_trip(g), R"(graph @g(%p: bool[], %x: f32[3]) -> (f32[3]) {
  %0 = cond %p %x {then_branch=@g_1, else_branch=@g_2} : f32[3]
  %1 = fused %0 {body=@g_1} : f32[3]
  return %1
}

graph @g_1(%x: f32[3]) -> (f32[3]) {
  %0 = neg %x : f32[3]
  return %0
}

graph @g_2(%x: f32[3]) -> (f32[3]) {
  %0 = neg %x : f32[3]
  return %0
}
)");
}

TEST(Printer, ManyParametersStandOnLinesOfTheirOwn) {
  Graph g("f");
  for (int i = 0; i < 5; ++i) g.AddParameter("p" + std::to_string(i), {DType::f32, {}});
  EXPECT_EQ(round_trip(g),
            "graph @f(\n    %p0: f32[],\n    %p1: f32[],\n    %p2: f32[],\n    %p3: f32[],\n    %p4: f32[]) "
            "-> () {\n"
            "  return\n}\n");
}

TEST(Printer, BrokenGraphsPrintToo) {
  Graph g("f");
  Node node;
  node.op = Op::add;
  node.inputs = {{7, 0}, {0, 3}};
  node.results.push_back({DType::f32, {symbol_dim(4)}});
  g.AddUnchecked(node);
  g.outputs = {{9, 1}};
  g.parameters = {12};
  g.parameter_names = {"x"};
  EXPECT_EQ(print(g),
            "graph @f(<no node>) -> (<no type>) {\n  %0 = add <no value 7#0> <no value 0#3> : "
            "f32[<no symbol 4>]\n  return <no value 9#1>\n}\n");
}

}  // namespace
}  // namespace leat::ir
