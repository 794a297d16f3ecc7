// What the tests of the suite for a GPU share: an engine with a GPU, or with the fake of one, and programs
// that run there.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "compiler/compile.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "tests/compiler/run_on_engine.h"
#include "tests/conformance/op_cases.h"
#include "tests/cuda/fake/launches.h"

namespace leat {

inline constexpr runtime::DeviceId kGpu = 2;  // the first

inline bool on_fake() { return std::getenv("LEAT_TEST_FAKE_CUDA") != nullptr; }
inline int gpus() { return on_fake() ? 2 : 1; }

/// The graph with all of its inputs on the GPU, so that it is computed there as far as there is code.
inline ir::Graph on_gpu(const ir::Graph& graph) {
  ir::Graph to(graph.name);
  to.symbols = graph.symbols;
  to.locations = graph.locations;
  std::vector<ir::Value> first(graph.nodes.size());
  std::size_t parameter = 0;
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    ir::Node node = graph.nodes[n];
    if (node.op == ir::Op::parameter) {
      const ir::Value there = to.AddParameter(graph.parameter_names[parameter++], node.type());
      first[n] = to.Add(ir::Op::copy, {there}, {{ir::Attr::device, std::string("gpu:0")}}).value();
      continue;
    }
    for (ir::Value& v : node.inputs) v = {first[v.node].node, v.result};
    first[n] = to.AddUnchecked(std::move(node));
  }
  for (const ir::Value v : graph.outputs) to.outputs.push_back({first[v.node].node, v.result});
  return to;
}

class GpuSuite : public ::testing::Test {
 protected:
  void SetUp() override {
    if (on_fake()) {
      fake_.emplace(fake_cuda::FakeOptions{.devices = gpus(), .most_delay_us = 20});
    } else {
      const auto driver = runtime::cuda::Driver::Open();
      if (!driver.ok()) GTEST_SKIP() << driver.status().message();
      if ((*driver)->device_count() == 0) GTEST_SKIP() << (*driver)->path() << " knows no GPU";
    }
    auto engine = runtime::Engine::Create({.workers = 2,
                                           .cpu_devices = 2,
                                           .gpu_devices = gpus(),
                                           .cuda_driver = on_fake() ? LEAT_FAKE_CUDA : ""});
    ASSERT_TRUE(engine.ok()) << engine.status().ToString();
    engine_ = *std::move(engine);
    if (fake_) fake_->Serve(*engine_);
    options_.exact_contractions = true;
    options_.tier = compiler::Tier::tiles;
    options_.devices.resize(2);
    options_.devices[1].name = "cpu:1";
    for (int d = 0; d < gpus(); ++d) {
      const auto number = static_cast<runtime::DeviceId>(kGpu + d);
      options_.devices.push_back(compiler::describe_gpu_device(d, engine_->gpu(number)->description()));
    }
    options_.custom_call = [](std::string_view target) -> const ir::CustomFunction* {
      const auto& functions = testing::case_functions();
      const auto found = functions.find(std::string(target));
      return found == functions.end() ? nullptr : &found->second;
    };
  }

  using Outcome = StatusOr<std::vector<ir::Array>>;
  /// How what the GPU makes of `graph` differs from the interpreter's, or "".
  std::string Difference(const ir::Graph& graph, const std::vector<ir::Array>& inputs) {
    ir::InterpretOptions options;
    options.custom_calls = &testing::case_functions();
    return Difference(graph, inputs, ir::interpret(graph, inputs, options));
  }
  /// The same of a random graph. Where some value of it faults others may be there, so that tells nothing.
  std::string DifferenceUnlessItFaults(const ir::Graph& graph, std::uint64_t seed) {
    const std::vector<ir::Array> inputs = testing::random_inputs(graph, seed);
    const Outcome expected = ir::interpret(graph, inputs);
    return expected.ok() ? Difference(graph, inputs, expected) : "";
  }
  std::string Difference(const ir::Graph& graph, const std::vector<ir::Array>& inputs,
                         const Outcome& expected) {
    const auto program = compiler::compile(graph, options_, *code_);
    if (!program.ok()) return program.status().ToString();
    for (const runtime::Step& step : (*program)->steps) {
      if (step.body == nullptr || step.body->kind() == "copy" || step.name == "settle") continue;
      if (step.name == "graph") {
        ++graphs_;
      } else {
        ++(step.device >= kGpu ? on_gpu_ : on_host_);
      }
    }
    for (int run = 1; run <= runs_; ++run) {
      const std::string at =
          testing::difference(expected, testing::run_on_engine(*engine_, graph, *program, inputs));
      if (!at.empty()) return "run " + std::to_string(run) + ", " + at + "\n" + runtime::print(**program);
    }
    return "";
  }

  std::optional<fake_cuda::FakeGpu> fake_;
  std::unique_ptr<runtime::Engine> engine_;
  std::unique_ptr<compiler::CodeCache> code_ = compiler::make_code_cache({});
  compiler::CompileOptions options_;
  int runs_ = 1;  // of each program: the second one builds device graphs, later ones patch them
  int on_gpu_ = 0, on_host_ = 0, graphs_ = 0;  // steps
};

}  // namespace leat
