// include/leat/graph_ops.h is what the op table says (LEAT_UPDATE=1 writes it anew), and its functions build
// graphs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "ir/ops.h"
#include "leat/create.h"
#include "leat/executable.h"
#include "leat/graph_ops.h"

namespace leat {
namespace {

constexpr std::string_view kGraphOpsOpening =
    R"(// GraphBuilder::Add with a function for each op: operands and attributes have names and types, so that a
// compiler and an editor know them. Generated from the op table (ir/ops.def): tests/frontend/
// graph_ops_header_test.cpp compares this file with the table, and writes it anew with LEAT_UPDATE=1.
//
// Each returns the first result of the node, or the error of GraphBuilder::Add, which names the line of the
// call. There is no implicit broadcast and no promotion. Attributes that may be left out come last.
//
//   GraphBuilder g;
//   const auto x = g.Input("x", DType::f32, {"n", 128}), w = g.Input("w", DType::f32, {128, 64});
//   const auto y = graph_ops::dot_general(g, x, w, {}, {}, {1}, {0});
//   const auto z = graph_ops::exp(g, *y);
#pragma once

#include "leat/graph_builder.h"

namespace leat::graph_ops {

using Handle = GraphBuilder::Handle;
using Integers = GraphBuilder::Integers;
)";

std::string_view parameter_type(ir::AttrKind kind) {
  switch (kind) {
    case ir::AttrKind::boolean: return "bool";
    case ir::AttrKind::integer: return "std::int64_t";
    case ir::AttrKind::real: return "double";
    case ir::AttrKind::integers: return "Integers";
    case ir::AttrKind::string: return "std::string";
    case ir::AttrKind::dtype: return "DType";
    case ir::AttrKind::graph: return "Graph";
    case ir::AttrKind::literal: break;
  }
  return "";
}

std::string_view absent(ir::AttrKind kind) {
  return kind == ir::AttrKind::boolean ? "false" : kind == ir::AttrKind::integer ? "0" : "{}";
}

std::string condition(const ir::AttrSpec& spec) {
  const std::string name(ir::name(spec.attr));
  if (spec.kind == ir::AttrKind::boolean) return name;
  return spec.kind == ir::AttrKind::integer ? name + " != 0" : "!" + name + ".empty()";
}

/// Whether the result type is always written, or may be.
bool is_declared(ir::Op op) {
  return op == ir::Op::iota || op == ir::Op::reshape || op == ir::Op::broadcast ||
         op == ir::Op::random_bits || op == ir::Op::custom_call;
}
bool may_be_declared(ir::Op op) { return op == ir::Op::reorder; }

/// Breaks a line after commas, before column 110.
std::string wrapped(const std::string& line, const std::string& indent) {
  constexpr std::size_t kColumns = 110;
  std::string text, rest = line;
  while (rest.size() > kColumns) {
    const std::size_t at = rest.rfind(", ", kColumns - 2);
    text += rest.substr(0, at + 1) + "\n";
    rest = indent + rest.substr(at + 2);
  }
  return text + rest;
}

std::string function_of(const ir::OpInfo& info) {
  std::string parameters = "GraphBuilder& g", operands, required, optional, after;
  // random_bits reads a key; the table has it among the sources.
  const int count = info.op == ir::Op::random_bits ? 1 : ir::operand_count(info.op);
  if (count < 0) {
    parameters += ", const std::vector<Handle>& operands";
    operands = "operands";
  } else {
    constexpr const char* kNames[] = {"x", "y", "z"};
    for (int i = 0; i < count; ++i) {
      parameters += std::string(", Handle ") + kNames[i];
      operands += (i > 0 ? ", " : "") + std::string(kNames[i]);
    }
    operands = "{" + operands + "}";
    if (count == 0) operands = "std::span<const Handle>()";
  }
  for (const ir::AttrSpec& spec : info.attributes) {
    const std::string name(ir::name(spec.attr));
    if (spec.optional) {
      optional +=
          ", " + std::string(parameter_type(spec.kind)) + " " + name + " = " + std::string(absent(spec.kind));
      after += "  if (" + condition(spec) + ") attributes.emplace_back(\"" + name + "\", " + name + ");\n";
    } else {
      const bool small = spec.kind <= ir::AttrKind::real || spec.kind == ir::AttrKind::dtype;
      const std::string type(parameter_type(spec.kind));
      parameters += (small ? ", " + type + " " : ", const " + type + "& ") + name;
      required += (required.empty() ? "" : ", ") + ("{\"" + name + "\", " + name + "}");
    }
  }
  if (is_declared(info.op)) parameters += ", const GraphType& type";
  parameters += optional;
  if (may_be_declared(info.op)) parameters += ", const std::optional<GraphType>& type = {}";
  const std::string type = is_declared(info.op) || may_be_declared(info.op) ? "type" : "{}";
  std::string summary(info.summary), doc = "\n///";
  std::size_t column = 3;
  std::istringstream words(summary + ".");
  for (std::string word; words >> word; column += 1 + word.size()) {
    if (column + 1 + word.size() > 110) doc += "\n///", column = 3;
    doc += " " + word;
  }
  std::string text = doc + "\n" +
                     wrapped("inline StatusOr<Handle> " + std::string(info.name) + "(" + parameters +
                                 ", SourceLocation where = SourceLocation::current()) {",
                             "    ") +
                     "\n";
  std::string list = "{" + required + "}";
  if (!after.empty()) {
    const std::string start = required.empty() ? ";" : " = " + list + ";";
    text += wrapped("  GraphBuilder::Attributes attributes" + start, "      ") + "\n" + after;
    list = "attributes";
  }
  text += wrapped("  return g.Add(\"" + std::string(info.name) + "\", " + operands + ", " + list + ", " +
                      type + ", where);",
                  "      ") +
          "\n";
  return text + "}\n";
}

std::string generate_graph_ops() {
  std::string text(kGraphOpsOpening);
  for (const ir::OpInfo& info : ir::all_ops()) {
    // Inputs and constants have functions of their own; fused nodes are the compiler's.
    if (info.op == ir::Op::parameter || info.op == ir::Op::constant || info.op == ir::Op::fused) continue;
    text += function_of(info);
  }
  return text + "\n}  // namespace leat::graph_ops\n";
}

TEST(GraphOpsHeader, MatchesTheTable) {
  const std::string path = LEAT_SOURCE_DIR "/include/leat/graph_ops.h";
  if (std::getenv("LEAT_UPDATE") != nullptr) std::ofstream(path) << generate_graph_ops();
  std::ifstream in(path);
  std::stringstream have;
  have << in.rdbuf();
  EXPECT_EQ(have.str(), generate_graph_ops());
}

TEST(GraphOpsHeader, BuildsGraphs) {
  GraphBuilder g("layer");
  const auto x = g.Input("x", DType::f32, {"n", 3}), w = g.Input("w", DType::f32, {3, 2});
  const auto product = graph_ops::dot_general(g, x, w, {}, {}, {1}, {0}).value();
  const auto zero = g.Scalar(0.0f);
  const auto zeros = graph_ops::broadcast(g, zero, {}, {DType::f32, {"n", 2}}).value();
  const auto relu = graph_ops::maximum(g, product, zeros).value();
  const auto sums = graph_ops::cumulative_sum(g, relu, 1, true).value();
  const auto joined = graph_ops::concat(g, {relu, sums}, 1).value();
  const Graph graph = g.Finish({joined}).value();
  EXPECT_EQ(graph.output_type(0), "f32[n,4]");
  EXPECT_NE(graph.ToString().find("cumulative_sum %3 {axis=1, exclusive=true}"), std::string::npos)
      << graph.ToString();
  const Executable run = Compile(graph).value();
  const auto result = run.Run(
      {.inputs = {tensor({{1.0f, 2.0f, 3.0f}}), tensor({{1.0f, -1.0f}, {1.0f, 0.0f}, {1.0f, 0.0f}})}});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ((*result)[0].tensor().to_vector<float>(), (std::vector<float>{6, 0, 0, 6}));
}

TEST(GraphOpsHeader, ErrorsNameTheLineOfTheCall) {
  GraphBuilder g;
  const auto x = g.Input("x", DType::f32, {2}), y = g.Input("y", DType::f32, {3});
  const auto sum = graph_ops::add(g, x, y);
  const unsigned line = __LINE__ - 1;
  ASSERT_FALSE(sum.ok());
  EXPECT_EQ(sum.status().message(),
            "add: operands must have one shape, got f32[2] and f32[3] (dimension 0: 2 against 3) [C3]");
  EXPECT_EQ(sum.status().where().line, line);
}

}  // namespace
}  // namespace leat
