// Programs on the fake GPU whose inputs lie there, and what there is of their device graphs.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ir/parser.h"
#include "runtime/cuda/gpu_run.h"
#include "runtime/cuda/gpu_steps.h"
#include "tests/compiler/run_on_engine.h"
#include "tests/cuda/fake/launches.h"

namespace leat {

using fake_cuda::FakeGpu;
using runtime::Buffer;
using runtime::Ref;
using runtime::Value;
using runtime::cuda::CuResult;
using runtime::cuda::GraphMember;

inline constexpr runtime::DeviceId kThere = 1;
// No two of these reductions run as one kernel; %c needs %x only, %f needs both.
inline constexpr const char* kBranches =
    "%x: f32[48,48]\n%y: f32[48,48]\n"
    "%m = reduce_max %x {dims=[0]}\n%n = broadcast %m {dims=[1]} : f32[48,48]\n%a = sub %x %n\n"
    "%o = reduce_max %a {dims=[1]}\n%p = broadcast %o {dims=[0]} : f32[48,48]\n%c = mul %a %p\n"
    "%q = reduce_max %y {dims=[0]}\n%r = broadcast %q {dims=[1]} : f32[48,48]\n%d = sub %y %r\n"
    "%s = reduce_max %d {dims=[1]}\n%t = broadcast %s {dims=[0]} : f32[48,48]\n%e = mul %d %t\n"
    "%f = add %c %e\n%g = reduce_max %f {dims=[0]}\n";

class GpuGraph : public ::testing::Test {
 protected:
  using Program = std::shared_ptr<const runtime::Program>;
  using Outcome = StatusOr<std::vector<ir::Array>>;

  GpuGraph() {
    gpu_.Serve(*engine_);
    options_.exact_contractions = true;
    options_.tier = compiler::Tier::tiles;
    options_.devices.push_back(compiler::describe_gpu_device(0, engine_->gpu(kThere)->description()));
    options_.input_devices = {kThere, kThere};
  }
  static ir::Graph Parse(const std::string& text) { return ir::parse(text).value(); }
  Program Compile(const ir::Graph& graph) { return compiler::compile(graph, options_, *code_).value(); }

  Ref<Value> There(const ir::Array& array) {
    Ref<Buffer> buffer = engine_->Allocate(array.byte_count(), kThere).value();
    std::memcpy(Host(*buffer), array.bytes.get(), array.byte_count());
    return Value::Ready(std::move(buffer));
  }
  std::vector<Ref<Value>> There(const std::vector<ir::Array>& arrays) {
    std::vector<Ref<Value>> values;
    for (const ir::Array& a : arrays) values.push_back(There(a));
    return values;
  }
  void* Host(const Buffer& buffer) {
    return gpu_.driver().HostAddress(reinterpret_cast<std::uint64_t>(buffer.data()), buffer.bytes());
  }

  /// The outputs; `memory`, where given, is what they are written to.
  std::vector<Ref<Value>> Run(const Program& program, const std::vector<Ref<Value>>& inputs,
                              const std::vector<Ref<Buffer>>& memory = {}, std::stop_token stop = {}) {
    runtime::RunRequest request;
    request.program = program;
    request.inputs = inputs;
    request.stop = stop;
    for (std::size_t o = 0; o < program->outputs.size(); ++o) {
      request.outputs.push_back(Value::Pending());
      if (!memory.empty()) request.outputs[o]->GiveBuffer(memory[o]);
    }
    std::vector<Ref<Value>> outputs = request.outputs;
    EXPECT_TRUE(engine_->Submit(std::move(request))->Wait().ok());
    return outputs;
  }
  Outcome Arrays(const ir::Graph& graph, const std::vector<Ref<Value>>& outputs) {
    std::vector<ir::Array> arrays;
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      if (outputs[o]->state() != Value::State::ready) return outputs[o]->status();
      ir::Array& array = arrays.emplace_back(ir::Array::Zeros(graph.type(graph.outputs[o])));
      std::memcpy(array.bytes.get(), Host(outputs[o]->content()), array.byte_count());
    }
    return arrays;
  }
  std::string Difference(const ir::Graph& graph, const std::vector<ir::Array>& inputs,
                         const std::vector<Ref<Value>>& outputs) {
    return testing::difference(ir::interpret(graph, inputs), Arrays(graph, outputs));
  }

  /// Calls of an entry since the last time that this was asked.
  std::int64_t New(const std::string& entry) {
    const std::int64_t all = gpu_.driver().calls()[entry];
    return all - std::exchange(seen_[entry], all);
  }

  static std::vector<std::span<const GraphMember>> GraphsOf(const runtime::Program& program) {
    std::vector<std::span<const GraphMember>> graphs;
    for (const runtime::Step& step : program.steps) {
      if (!step.body) continue;
      if (const auto members = runtime::cuda::graph_members(*step.body); !members.empty())
        graphs.push_back(members);
    }
    return graphs;
  }
  static std::int64_t Launches(const GraphMember& member) {
    return static_cast<std::int64_t>(runtime::cuda::launched_codes(*member.body).size());
  }
  /// Launches of the steps of the graphs that use a buffer.
  static std::int64_t LaunchesThatUse(const runtime::Program& program, std::uint32_t buffer) {
    std::int64_t count = 0;
    for (const auto& members : GraphsOf(program)) {
      for (const GraphMember& m : members) {
        if (std::any_of(m.uses.begin(), m.uses.end(), [&](runtime::Use u) { return u.buffer == buffer; }))
          count += Launches(m);
      }
    }
    return count;
  }

  FakeGpu gpu_{{.devices = 1, .most_delay_us = 20}};
  std::unique_ptr<runtime::Engine> engine_ =
      runtime::Engine::Create({.workers = 2, .gpu_devices = 1, .cuda_driver = LEAT_FAKE_CUDA}).value();
  std::unique_ptr<compiler::CodeCache> code_ = compiler::make_code_cache({});
  compiler::CompileOptions options_;
  std::map<std::string, std::int64_t> seen_;
};

}  // namespace leat
