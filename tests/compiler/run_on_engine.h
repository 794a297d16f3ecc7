// Runs a program on an engine, so on all of its devices, and compares its outputs with the interpreter's.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "compiler/compile.h"
#include "ir/interpreter.h"
#include "ir/printer.h"
#include "runtime/engine/engine.h"
#include "runtime/program/program.h"
#include "tests/compiler/tile_code_cache.h"
#include "tests/conformance/random_graph.h"

namespace leat::testing {

/// The outputs of a run, or the fault of the first that has none. Inputs lie on cpu:0; a program that has
/// them elsewhere moves them.
inline StatusOr<std::vector<ir::Array>> run_on_engine(runtime::Engine& engine, const ir::Graph& graph,
                                                      std::shared_ptr<const runtime::Program> program,
                                                      const std::vector<ir::Array>& inputs) {
  runtime::RunRequest request;
  request.program = std::move(program);
  for (const ir::Array& a : inputs) {
    runtime::Ref<runtime::Buffer> buffer = engine.Allocate(a.byte_count()).value();
    if (a.byte_count() > 0) std::memcpy(buffer->data(), a.bytes.get(), a.byte_count());
    request.inputs.push_back(runtime::Value::Ready(std::move(buffer)));
  }
  std::vector<runtime::Ref<runtime::Value>> outputs;
  for (std::size_t o = 0; o < graph.outputs.size(); ++o) outputs.push_back(runtime::Value::Pending());
  request.outputs = outputs;
  const runtime::Ref<runtime::Run> run = engine.Submit(std::move(request));
  if (Status s = run->Wait(); !s.ok()) return s;
  if (Status s = run->status(); !s.ok()) return s;
  std::vector<ir::Array> arrays;
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    if (outputs[o]->state() != runtime::Value::State::ready) return outputs[o]->status();
    const runtime::Ref<runtime::Value> here = engine.OnHost(outputs[o]);
    if (Status s = here->Wait(); !s.ok()) return s;
    if (here->state() != runtime::Value::State::ready) return here->status();
    ir::Array& array = arrays.emplace_back(ir::Array::Zeros(graph.type(graph.outputs[o])));
    if (array.byte_count() > 0) std::memcpy(array.bytes.get(), here->buffer()->data(), array.byte_count());
  }
  return arrays;
}

/// "" or how two outcomes differ.
inline std::string difference(const StatusOr<std::vector<ir::Array>>& expected,
                              const StatusOr<std::vector<ir::Array>>& actual) {
  if (expected.status().code() != actual.status().code())
    return "expected \"" + expected.status().ToString() + "\", got \"" + actual.status().ToString() + "\"";
  for (std::size_t o = 0; expected.ok() && o < expected->size(); ++o) {
    if (const std::string why = compare_bits((*expected)[o], (*actual)[o]); !why.empty())
      return "output " + std::to_string(o) + ": " + why;
  }
  return "";
}

/// Random graphs, each as `change` makes it, on all devices of the engine: none differs from the interpreter.
/// Returns how many copies between devices that took.
inline int check_random_graphs(runtime::Engine& engine, const compiler::CompileOptions& options,
                               const std::function<ir::Graph(ir::Graph graph, std::uint64_t seed)>& change) {
  int copies = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const ir::Graph graph = change(random_graph(seed), seed);
    const std::vector<ir::Array> inputs = random_inputs(graph, seed);
    const auto expected = ir::interpret(graph, inputs);
    if (!expected.ok()) continue;
    TileCodeCache code;
    const auto program = compiler::compile(graph, options, code);
    if (!program.ok()) {
      ADD_FAILURE() << "LEAT_SEED=" << seed << " " << program.status().ToString() << ir::print(graph);
      return copies;
    }
    for (const runtime::Step& step : (*program)->steps) copies += step.name == "copy" ? 1 : 0;
    if (const std::string at = difference(expected, run_on_engine(engine, graph, *program, inputs));
        !at.empty()) {
      ADD_FAILURE() << "LEAT_SEED=" << seed << " " << at << "\n" << runtime::print(**program);
      return copies;
    }
  }
  return copies;
}

}  // namespace leat::testing
