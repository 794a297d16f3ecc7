// Device graphs: what a run launches, instantiates and patches; their edges; where they end.
#include "tests/cuda/device/gpu_graph.h"

#include <thread>

#include "compiler/frontend/context_state.h"
#include "leat/leat.h"

namespace leat {
namespace {

TEST_F(GpuGraph, FromTheSecondRunOnOneCallLaunchesAll) {
  const ir::Graph graph = Parse(kBranches);
  const Program program = Compile(graph);
  ASSERT_EQ(GraphsOf(*program).size(), 1u) << runtime::print(*program);
  const std::vector<ir::Array> inputs = testing::random_inputs(graph, 1);
  const std::vector<Ref<Value>> values = There(inputs);
  const std::vector<Ref<Value>> first = Run(program, values);
  EXPECT_EQ(Difference(graph, inputs, first), "");
  EXPECT_GT(New("cuLaunchKernel"), 3);
  EXPECT_EQ(New("cuGraphLaunch"), 0);
  const std::vector<Ref<Buffer>> memory = {first[0]->buffer()};
  for (int run = 2; run <= 4; ++run) {
    std::memset(Host(*memory[0]), 0xff, memory[0]->bytes());
    EXPECT_EQ(Difference(graph, inputs, Run(program, values, memory)), "");
    EXPECT_EQ(New("cuLaunchKernel"), 0);
    EXPECT_EQ(New("cuGraphLaunch"), 1);
    EXPECT_EQ(New("cuGraphInstantiateWithFlags"), run == 2 ? 1 : 0);
    EXPECT_EQ(New("cuGraphExecKernelNodeSetParams"), 0);
  }
}

TEST_F(GpuGraph, OtherMemoryPatchesWhatUsesIt) {
  const ir::Graph graph = Parse(kBranches);
  const Program program = Compile(graph);
  std::vector<ir::Array> inputs = testing::random_inputs(graph, 1);
  std::vector<Ref<Value>> values = There(inputs);
  std::vector<Ref<Buffer>> memory = {engine_->Allocate(48 * 4, kThere).value()};
  for (int run = 0; run < 2; ++run) Run(program, values, memory);
  New("cuGraphExecKernelNodeSetParams");
  for (std::size_t i = 0; i < 2; ++i) {
    inputs[i] = testing::random_inputs(graph, 2 + i)[i];
    values[i] = There(inputs[i]);
    EXPECT_EQ(Difference(graph, inputs, Run(program, values, memory)), "");
    const std::int64_t readers = LaunchesThatUse(*program, program->inputs[i]);
    EXPECT_EQ(New("cuGraphExecKernelNodeSetParams"), readers);
    EXPECT_GT(readers, 0);
    EXPECT_LT(readers, 4);
  }
  memory = {engine_->Allocate(48 * 4, kThere).value()};
  EXPECT_EQ(Difference(graph, inputs, Run(program, values, memory)), "");
  EXPECT_EQ(New("cuGraphExecKernelNodeSetParams"), LaunchesThatUse(*program, program->outputs[0]));
  Run(program, values, memory);
  EXPECT_EQ(New("cuGraphExecKernelNodeSetParams"), 0);
  EXPECT_EQ(New("cuGraphInstantiateWithFlags"), 1);
}

TEST_F(GpuGraph, ItsEdgesAreThoseOfTheProgram) {
  options_.reuse_from_bytes = 0;  // edges for memory too
  const ir::Graph graph = Parse(kBranches);
  const Program program = Compile(graph);
  const std::vector<Ref<Value>> values = There(testing::random_inputs(graph, 1));
  for (int run = 0; run < 2; ++run) Run(program, values);
  ASSERT_EQ(GraphsOf(*program).size(), 1u);
  const std::span<const GraphMember> members = GraphsOf(*program)[0];
  const auto made = gpu_.driver().Graphs();
  ASSERT_EQ(made.size(), 1u);
  std::map<std::uint32_t, std::size_t> last;  // the last node of each step
  std::size_t node = 0;
  for (const GraphMember& m : members) {
    std::set<std::size_t> want;
    for (const runtime::Edge& e : program->edges) {
      if (e.to == m.step && last.contains(e.from) && e.cause != runtime::Cause::stream)
        want.insert(last[e.from]);
    }
    for (std::int64_t k = 0; k < Launches(m); ++k, ++node) {
      ASSERT_LT(node, made[0].size());
      const std::vector<std::size_t>& after = made[0][node].after;
      EXPECT_EQ(std::set<std::size_t>(after.begin(), after.end()), want) << m.step;
      want = {node};
    }
    last[m.step] = node - 1;
  }
  EXPECT_EQ(node, made[0].size());
}

// A graph and what is outside of it wait for each other by edges that say so.
TEST_F(GpuGraph, TheProgramShowsTheGraphAndTheEdgesThatItCauses) {
  const std::string text =
      runtime::print(*Compile(Parse(std::string(kBranches) + "%z = copy %f {device=\"cpu:0\"}\n")));
  EXPECT_NE(text.find(" graph on 1 stream "), std::string::npos) << text;
  EXPECT_NE(text.find(" in one launch"), std::string::npos) << text;
  EXPECT_NE(text.find("(device_graph)"), std::string::npos) << text;
}

TEST_F(GpuGraph, ProductsOfTheLibraryAreCaptured) {
  options_.exact_contractions = false;
  options_.devices[kThere].opened = engine_->gpu(kThere);
  const ir::Graph graph = Parse(
      "%x: f32[16,16]\n%y: f32[16,16]\n%a = sqrt %x\n"
      "%p = dot_general %a %y {batch_x=[], batch_y=[], contract_x=[1], contract_y=[0]}\n%b = sqrt %p\n"
      "%q = dot_general %b %b {batch_x=[], batch_y=[], contract_x=[1], contract_y=[0]}\n%c = neg %q\n");
  const Program program = Compile(graph);
  ASSERT_EQ(GraphsOf(*program).size(), 1u) << runtime::print(*program);
  ASSERT_NE(runtime::print(*program).find("cuBLASLt"), std::string::npos) << runtime::print(*program);
  std::vector<ir::Array> inputs;
  for (float value : {4.0f, 1.0f}) {
    inputs.push_back(ir::Array::Zeros({DType::f32, {16, 16}}));
    std::fill_n(inputs.back().as<float>(), 256, value);
  }
  std::vector<Ref<Value>> values = There(inputs);
  for (int run = 1; run <= 3; ++run) {
    EXPECT_EQ(Difference(graph, inputs, Run(program, values)), "");
    EXPECT_EQ(New("cublasLtMatmul"), run < 3 ? 2 : 0);  // at once, then captured
  }
  const auto made = gpu_.driver().Graphs();
  ASSERT_EQ(made.size(), 1u);
  int children = 0;
  for (const fake_cuda::FakeGraphNode& node : made[0]) children += node.child_nodes == 1 ? 1 : 0;
  EXPECT_EQ(children, 2);
  std::fill_n(inputs[1].as<float>(), 256, 4.0f);
  values[1] = There(inputs[1]);
  EXPECT_EQ(Difference(graph, inputs, Run(program, values)), "");
  EXPECT_EQ(New("cuGraphExecChildGraphNodeSetParams"), 1);
}

// Of one over several images at a time all that it launches is one child.
TEST_F(GpuGraph, ConvolutionsOfTheLibraryAreCaptured) {
  options_.exact_contractions = false;
  options_.devices[kThere].opened = engine_->gpu(kThere);
  options_.most_column_bytes = 2 * 4 * 2 * 9 * 4 * 4;  // two of three images
  const ir::Graph graph = Parse(
      "%x: f32[3,2,6,6]\n%w: f32[4,2,3,3]\n%a = sqrt %x\n"
      "%p = convolution %a %w {strides=[1, 1], low=[0, 0], high=[0, 0], input_dilation=[1, 1], dilation=[1, "
      "1], "
      "groups=1}\n%m = reduce_max %p {dims=[1]}\n%c = neg %m\n");
  const Program program = Compile(graph);
  ASSERT_EQ(GraphsOf(*program).size(), 1u) << runtime::print(*program);
  ASSERT_NE(runtime::print(*program).find("im2col of 2 of 3 images"), std::string::npos)
      << runtime::print(*program);
  std::vector<ir::Array> inputs;
  for (const Shape& shape : {Shape{3, 2, 6, 6}, Shape{4, 2, 3, 3}}) {
    inputs.push_back(ir::Array::Zeros({DType::f32, shape}));
    std::fill_n(inputs.back().as<float>(), shape.num_elements(), 4.0f);
  }
  std::vector<Ref<Value>> values = There(inputs);
  for (int run = 1; run <= 3; ++run) {
    EXPECT_EQ(Difference(graph, inputs, Run(program, values)), "");
    EXPECT_EQ(New("cublasLtMatmul"), run < 3 ? 2 : 0);
  }
  std::fill_n(inputs[1].as<float>(), inputs[1].type.shape.num_elements(), 9.0f);
  values[1] = There(inputs[1]);
  EXPECT_EQ(Difference(graph, inputs, Run(program, values)), "");
  EXPECT_EQ(New("cuGraphExecChildGraphNodeSetParams"), 1);
  EXPECT_EQ(New("cuGraphInstantiateWithFlags"), 1);
}

TEST_F(GpuGraph, RunsAtOnceHaveGraphsOfTheirOwn) {
  const ir::Graph graph = Parse(kBranches);
  const Program program = Compile(graph);
  std::vector<std::thread> threads;
  std::vector<std::string> differences(4);
  for (std::size_t k = 0; k < differences.size(); ++k) {
    threads.emplace_back([&, k] {
      for (std::uint64_t seed = 0; seed < 8 && differences[k].empty(); ++seed) {
        const std::vector<ir::Array> inputs = testing::random_inputs(graph, 100 * k + seed);
        differences[k] = Difference(graph, inputs, Run(program, There(inputs)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& at : differences) EXPECT_EQ(at, "");
  EXPECT_GT(New("cuGraphLaunch"), 20);
}

TEST_F(GpuGraph, ATracedRunHasATimeForEachKernel) {
  const ir::Graph graph = Parse(kBranches);
  const Program program = Compile(graph);
  const std::vector<Ref<Value>> values = There(testing::random_inputs(graph, 1));
  for (int run = 0; run < 2; ++run) Run(program, values);
  New("cuGraphLaunch");
  engine_->SetTracing(true);
  Run(program, values);
  std::set<std::uint32_t> timed, want;
  for (const runtime::TraceEvent& event : engine_->TakeTrace()) {
    if (event.kind == runtime::TraceEvent::Kind::device) timed.insert(event.step);
  }
  const std::span<const GraphMember> members = GraphsOf(*program)[0];
  for (const GraphMember& m : members) want.insert(m.step);
  EXPECT_EQ(timed, want);
  EXPECT_EQ(New("cuGraphLaunch"), 0);
  engine_->SetTracing(false);
  Run(program, values);
  EXPECT_EQ(New("cuGraphLaunch"), 1);
}

// Three kernels, a value for the host, five kernels.
std::string chain_with_copy(int extent) {
  const std::string type = "f32[" + std::to_string(extent) + "," + std::to_string(extent) + "]";
  std::string text = "graph @g(%x: " + type + ") -> (" + type + ", " + type + ") {\n", at = "%x", copied;
  for (int k = 0; k < 8; ++k) {
    const std::string n = std::to_string(k), axis = std::to_string(k % 2), other = std::to_string(1 - k % 2);
    text += "%s" + n + " = reduce_max " + at + " {dims=[" + axis + "]}\n%b" + n + " = broadcast %s" + n +
            " {dims=[" + other + "]} : " + type + "\n%y" + n + " = sub " + at + " %b" + n + "\n";
    at = "%y" + n;
    if (k == 2) text += "%c = copy " + at + " {device=\"cpu:0\"}\n";
  }
  return text + "return %c, " + at + "\n}\n";
}

// A copy that much work could hide is not held up by what it does not wait for; where there is little work
// one launch is better.
TEST_F(GpuGraph, IsCutWhereACopyCouldOverlap) {
  const Program large = Compile(Parse(chain_with_copy(4096))), small = Compile(Parse(chain_with_copy(16)));
  EXPECT_EQ(GraphsOf(*large).size(), 2u) << runtime::print(*large);
  EXPECT_EQ(GraphsOf(*small).size(), 1u) << runtime::print(*small);
}

TEST_F(GpuGraph, ThereIsNoneWhereTheOptionSaysSo) {
  options_.device_graphs = false;
  EXPECT_TRUE(GraphsOf(*Compile(Parse(kBranches))).empty());
}

TEST(GpuGraphOption, TurnsThemOffForAContext) {
  for (const bool on : {true, false}) {
    FakeGpu gpu({.devices = 1});
    Context context({.workers = 2, .gpu_devices = 1, .cuda_driver = LEAT_FAKE_CUDA, .device_graphs = on});
    const Context::Scope scope(context);
    gpu.Serve(context.state()->engine());
    const Tensor x = to_device(reshape(arange(600, DType::f32), {20, 30}), "gpu:0").wait();
    std::vector<float> first;
    for (int run = 0; run < 3; ++run) {
      const Tensor y = cumsum(sort(cumsum(x - max(x, {0}, true), 1) - max(x, {1}, true), 1), 0);
      if (run == 0) first = y.to_vector<float>();
      EXPECT_EQ(y.to_vector<float>(), first);
      context.wait_all();  // a run whose value has come may still hold its graph: the next would make its own
    }
    EXPECT_EQ(gpu.driver().calls()["cuGraphLaunch"], on ? 2 : 0);
  }
}

}  // namespace
}  // namespace leat
