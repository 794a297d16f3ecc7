// Whole programs on fake GPUs, from graphs: every op with code of its own, and random graphs whose values
// wander between the host and two devices; each result has the interpreter's bits, each fault its code.
//
//   LEAT_LONG=1 gpu_test --gtest_filter='*GpuGraphs*'     # every case of every op
#include <cstdlib>
#include <cstring>

#include "compiler/compile.h"
#include "ir/printer.h"
#include "runtime/engine/engine.h"
#include "tests/conformance/op_cases.h"
#include "tests/conformance/random_graph.h"
#include "tests/cuda/fake/launches.h"

namespace leat {
namespace {

using fake_cuda::FakeGpu;
using runtime::Ref;
using runtime::Value;

const std::vector<std::string> kDevices = {"cpu:0", "gpu:0", "gpu:1"};
const bool kLong = std::getenv("LEAT_LONG") != nullptr;

/// The graph on gpu:0: its inputs are copied there, its outputs back.
ir::Graph on_gpu(const ir::Graph& graph) {
  ir::Graph to(graph.name);
  to.locations = graph.locations;
  const auto copy = [&](ir::Value v, const char* device) {
    return to.Add(ir::Op::copy, {v}, {{ir::Attr::device, std::string(device)}}).value();
  };
  std::vector<ir::Value> values(graph.nodes.size());  // the first results
  std::size_t parameter = 0;
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    ir::Node node = graph.nodes[n];
    if (node.op == ir::Op::parameter) {
      values[n] = copy(to.AddParameter(graph.parameter_names[parameter++], node.type()), "gpu:0");
      continue;
    }
    for (ir::Value& v : node.inputs) v = {values[v.node].node, v.result};
    values[n] = to.AddUnchecked(std::move(node));
  }
  for (ir::Value v : graph.outputs) to.outputs.push_back(copy({values[v.node].node, v.result}, "cpu:0"));
  return to;
}

using Outcome = StatusOr<std::vector<ir::Array>>;

class GpuGraphs : public ::testing::Test {
 protected:
  GpuGraphs() { gpu_.Serve(*engine_); }

  StatusOr<std::shared_ptr<const runtime::Program>> Compile(const ir::Graph& graph) {
    compiler::CompileOptions options;
    options.exact_contractions = true;
    options.reuse_from_bytes = 0;
    options.tier = compiler::Tier::tiles;
    for (int d = 0; d < 2; ++d)
      options.devices.push_back(compiler::describe_gpu_device(
          d, engine_->gpu(static_cast<runtime::DeviceId>(1 + d))->description()));
    options.custom_call = [](std::string_view target) -> const ir::CustomFunction* {
      const auto& functions = testing::case_functions();
      const auto found = functions.find(std::string(target));
      return found == functions.end() ? nullptr : &found->second;
    };
    return compiler::compile(graph, options, *code_);
  }

  Outcome Run(const std::shared_ptr<const runtime::Program>& program, const ir::Graph& graph,
              const std::vector<ir::Array>& inputs) {
    runtime::RunRequest request;
    request.program = program;
    for (const ir::Array& a : inputs) {
      Ref<runtime::Buffer> buffer = engine_->Allocate(a.byte_count()).value();
      if (a.byte_count() > 0) std::memcpy(buffer->data(), a.bytes.get(), a.byte_count());
      request.inputs.push_back(Value::Ready(std::move(buffer)));
    }
    std::vector<Ref<Value>> outputs;
    for (std::size_t o = 0; o < graph.outputs.size(); ++o) outputs.push_back(Value::Pending());
    request.outputs = outputs;
    const Ref<runtime::Run> run = engine_->Submit(std::move(request));
    if (Status s = run->Wait(); !s.ok()) return s;
    if (Status s = run->status(); !s.ok()) return s;
    std::vector<ir::Array> arrays;
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      const Ref<Value> value = engine_->OnHost(outputs[o]);
      if (Status s = value->Wait(); !s.ok()) return s;
      if (Status s = value->status(); !s.ok()) return s;
      arrays.push_back(ir::Array::Zeros(graph.type(graph.outputs[o])));
      if (arrays.back().byte_count() > 0)
        std::memcpy(arrays.back().bytes.get(), value->buffer()->data(), arrays.back().byte_count());
    }
    return arrays;
  }

  /// "" where the graph does what the interpreter does.
  std::string Difference(const ir::Graph& graph, const std::vector<ir::Array>& inputs,
                         const std::vector<std::string>& on_device = {}) {
    ir::InterpretOptions interpret_options;
    interpret_options.custom_calls = &testing::case_functions();
    const Outcome expected = ir::interpret(graph, inputs, interpret_options);
    const auto program = Compile(graph);
    if (!program.ok()) return program.status().ToString();
    for (const std::string& name : on_device) {
      for (const runtime::Step& step : (*program)->steps) {
        if (step.name.starts_with(name) && step.device == 0) return name + " runs on the host";
      }
    }
    const Outcome actual = Run(*program, graph, inputs);
    if (expected.status().code() != actual.status().code()) {
      return "expected \"" + expected.status().ToString() + "\", got \"" + actual.status().ToString() +
             "\"\n" + runtime::print(**program);
    }
    for (std::size_t o = 0; expected.ok() && o < expected->size(); ++o) {
      const std::string at = testing::compare_bits((*expected)[o], (*actual)[o]);
      if (!at.empty()) return "output " + std::to_string(o) + ": " + at + "\n" + runtime::print(**program);
    }
    return "";
  }

  FakeGpu gpu_{{.devices = 2, .most_delay_us = 20}};
  std::unique_ptr<compiler::CodeCache> code_ = compiler::make_code_cache({});
  std::unique_ptr<runtime::Engine> engine_ =
      runtime::Engine::Create({.workers = 2, .gpu_devices = 2, .cuda_driver = LEAT_FAKE_CUDA}).value();
};

class GpuGraphsOp : public GpuGraphs, public ::testing::WithParamInterface<ir::Op> {};

TEST_P(GpuGraphsOp, HasTheInterpretersBitsThere) {
  const ir::Op op = GetParam();
  int checked = 0;
  for (int d = 0; d < kDTypeCount; ++d) {
    const auto dtype = static_cast<DType>(d);
    if (!testing::op_accepts(op, dtype)) continue;
    testing::OpCases cases = testing::op_cases(op, dtype);
    // Other ones for each dtype; an emulated kernel takes LLVM 30 ms.
    std::mt19937 random(static_cast<unsigned>(d));
    std::shuffle(cases.cases.begin(), cases.cases.end(), random);
    if (!kLong && cases.cases.size() > 4) cases.cases.resize(4);
    for (const testing::OpCase& c : cases.cases) {
      const ir::Graph graph = on_gpu(c.graph);
      SCOPED_TRACE(c.what + "\n" + ir::print(graph, {.max_literal_elements = 40}));
      ASSERT_EQ(Difference(graph, c.inputs), "");
      ++checked;
    }
  }
  EXPECT_GT(checked, 0);
}

std::vector<ir::Op> ops_with_code_of_their_own() {
  std::vector<ir::Op> ops;
  for (const ir::OpInfo& info : ir::all_ops()) {
    switch (info.family) {
      case ir::Family::movement:
      case ir::Family::arg_reduce:
      case ir::Family::cumulative:
      case ir::Family::window:
      case ir::Family::sorting:
      case ir::Family::contraction: ops.push_back(info.op); break;
      default: break;
    }
  }
  return ops;
}

INSTANTIATE_TEST_SUITE_P(Ops, GpuGraphsOp, ::testing::ValuesIn(ops_with_code_of_their_own()),
                         [](const auto& info) { return std::string(ir::name(info.param)); });

// Values wander between the host and two devices; ops that a GPU has no code for bring theirs back.
TEST_F(GpuGraphs, RandomGraphsHaveTheInterpretersBits) {
  const std::uint64_t seeds = kLong ? 1000 : 60;
  std::int64_t launches = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const ir::Graph graph = testing::move_values(
        testing::random_graph(seed, {.most_ops = 16, .most_elements = 2000}), kDevices, seed);
    ASSERT_EQ(Difference(graph, testing::random_inputs(graph, seed)), "") << ir::print(graph);
    launches = gpu_.driver().calls()["cuLaunchKernel"];
  }
  EXPECT_GT(launches, static_cast<std::int64_t>(seeds));
}

}  // namespace
}  // namespace leat
