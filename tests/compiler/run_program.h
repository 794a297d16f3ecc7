// Compiles a graph on the tile tier and runs it step by step: how the unit tests of passes compare bits.
#pragma once

#include <gtest/gtest.h>

#include "compiler/compile.h"
#include "ir/interpreter.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "runtime/program/sequential_run.h"
#include "tests/compiler/tile_code_cache.h"
#include "tests/conformance/random_graph.h"

namespace leat::testing {

inline ir::Graph parse(std::string_view text) {
  StatusOr<ir::Graph> graph = ir::parse(text);
  EXPECT_TRUE(graph.ok()) << graph.status().ToString();
  return graph.ok() ? *std::move(graph) : ir::Graph();
}

inline compiler::CompileOptions exact_options(int workers = 1) {
  compiler::CompileOptions options;
  options.exact_contractions = true;
  options.reuse_from_bytes = 0;
  options.tier = compiler::Tier::tiles;
  options.devices[0].workers = workers;
  return options;
}

/// The program of `graph`, after its outputs on random inputs were found to be the interpreter's.
inline std::shared_ptr<const runtime::Program> check_program(const ir::Graph& graph,
                                                             const compiler::CompileOptions& options,
                                                             std::uint64_t seed = 1) {
  TileCodeCache code;
  const auto program = compiler::compile(graph, options, code);
  EXPECT_TRUE(program.ok()) << program.status().ToString() << "\n" << ir::print(graph);
  if (!program.ok()) return nullptr;
  std::vector<ir::Array> inputs = random_inputs(graph, seed), outputs;
  const auto expected = ir::interpret(graph, inputs);
  EXPECT_TRUE(expected.ok()) << expected.status().ToString();
  std::vector<void*> in, out;
  for (ir::Array& a : inputs) in.push_back(a.bytes.get());
  for (ir::Value v : graph.outputs) {
    outputs.push_back(ir::Array::Zeros(graph.type(v)));
    out.push_back(outputs.back().bytes.get());
  }
  const Status status = runtime::SequentialRun(**program).Run(in, out);
  EXPECT_TRUE(status.ok()) << status.ToString();
  for (std::size_t o = 0; expected.ok() && o < outputs.size(); ++o) {
    EXPECT_EQ(compare_bits((*expected)[o], outputs[o]), "") << "output " << o << "\n"
                                                            << runtime::print(**program);
  }
  return *program;
}

}  // namespace leat::testing
