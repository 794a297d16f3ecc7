// What goes wrong with device graphs, and with what they launch.
#include <thread>

#include "tests/cuda/device/gpu_graph.h"

namespace leat {
namespace {

// Of each call that graphs need, at each of its turns: the run is as right as without one, and the next are.
TEST_F(GpuGraph, WhereACallFailsTheStepsAreLaunchedOneByOne) {
  options_.exact_contractions = false;
  options_.devices[kThere].opened = engine_->gpu(kThere);
  const ir::Graph graph = Parse(
      "%x: f32[16,16]\n%y: f32[16,16]\n%a = sqrt %x\n"
      "%p = dot_general %a %y {batch_x=[], batch_y=[], contract_x=[1], contract_y=[0]}\n%b = sqrt %p\n"
      "%m = reduce_max %b {dims=[0]}\n%n = broadcast %m {dims=[1]} : f32[16,16]\n%c = add %b %n\n");
  std::vector<ir::Array> inputs;
  for (int i = 0; i < 2; ++i) {
    inputs.push_back(ir::Array::Zeros({DType::f32, {16, 16}}));
    std::fill_n(inputs.back().as<float>(), 256, 1.0f);
  }
  const auto run = [&] {
    const Program program = Compile(graph);  // with instances of its own
    for (int k = 0; k < 4; ++k)              // at once, built, patched, patched
      EXPECT_EQ(Difference(graph, inputs, Run(program, There(inputs))), "") << k;
    engine_->TrimMemory();
  };
  run();
  for (const char* entry : {"cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphCreate", "cuGraphDestroy",
                            "cuGraphAddKernelNode", "cuGraphAddChildGraphNode", "cuGraphInstantiateWithFlags",
                            "cuGraphExecKernelNodeSetParams", "cuGraphExecChildGraphNodeSetParams",
                            "cuGraphExecDestroy", "cuGraphLaunch"}) {
    New(entry);
    run();
    const std::int64_t calls = New(entry);
    EXPECT_GT(calls, 0) << entry;
    for (std::int64_t nth = 1; nth <= calls; ++nth) {
      for (const CuResult result : {CuResult::out_of_memory, CuResult::invalid_value}) {
        SCOPED_TRACE(std::string(entry) + ", call " + std::to_string(nth));
        gpu_.driver().FailCall(entry, static_cast<int>(nth), result);
        run();
      }
    }
  }
}

TEST_F(GpuGraph, AFaultPoisonsWhatDependsOnItAndTheNextRunIsAGraphAgain) {
  const ir::Graph graph = Parse(
      "graph @g(%x: i32[100], %y: i32[100]) -> (i32[100], i32[100], i32[]) {\n%z = div %x %y\n"
      "%c = cumulative_sum %z {axis=0}\n%d = cumulative_sum %x {axis=0}\n%s = reduce_max %d {dims=[0]}\n"
      "return %c, %d, %s\n}\n");
  const Program program = Compile(graph);
  ASSERT_EQ(GraphsOf(*program).size(), 1u) << runtime::print(*program);
  std::vector<ir::Array> inputs = {ir::Array::Zeros({DType::i32, {100}}),
                                   ir::Array::Zeros({DType::i32, {100}})};
  std::fill_n(inputs[0].as<std::int32_t>(), 100, 7);
  std::fill_n(inputs[1].as<std::int32_t>(), 100, 2);
  for (int run = 1; run <= 6; ++run) {
    const bool faults = run % 2 == 0;
    inputs[1].as<std::int32_t>()[50] = faults ? 0 : 2;
    const std::vector<Ref<Value>> outputs = Run(program, There(inputs));
    EXPECT_EQ(New("cuGraphLaunch"), run == 1 ? 0 : 1);
    if (!faults) {
      EXPECT_EQ(Difference(graph, inputs, outputs), "");
      continue;
    }
    EXPECT_EQ(outputs[0]->state(), Value::State::poisoned);
    EXPECT_NE(outputs[0]->status().message().find("integer division by zero"), std::string::npos)
        << outputs[0]->status().message();
    ASSERT_EQ(outputs[1]->state(), Value::State::ready);
    EXPECT_EQ(static_cast<const std::int32_t*>(Host(outputs[1]->content()))[99], 700);
    EXPECT_EQ(outputs[2]->state(), Value::State::ready);
  }
}

TEST_F(GpuGraph, WithoutAnInputTheRestIsLaunchedOneByOne) {
  const ir::Graph graph = Parse(
      "graph @g(%x: f32[64], %y: f32[64]) -> (f32[64], f32[64]) {\n%a = cumulative_sum %x {axis=0}\n"
      "%b = sqrt %a\n%c = cumulative_sum %b {axis=0}\n%d = cumulative_sum %y {axis=0}\nreturn %c, %d\n}\n");
  const Program program = Compile(graph);
  ASSERT_EQ(GraphsOf(*program).size(), 1u) << runtime::print(*program);
  std::vector<ir::Array> inputs = {ir::Array::Zeros({DType::f32, {64}}),
                                   ir::Array::Zeros({DType::f32, {64}})};
  std::fill_n(inputs[0].as<float>(), 64, 2.0f);
  std::vector<Ref<Value>> poisoned = There(inputs);
  poisoned[1] = Value::Pending();
  poisoned[1]->SetPoisoned(Status(Code::invalid_argument, "it has none"));
  // From the first run on, whose events nobody has recorded.
  for (int run = 1; run <= 6; ++run) {
    const bool whole = run % 3 == 0;
    const std::vector<Ref<Value>> outputs = Run(program, whole ? There(inputs) : poisoned);
    EXPECT_EQ(New("cuGraphLaunch"), whole ? 1 : 0) << run;
    ASSERT_EQ(outputs[0]->state(), Value::State::ready) << outputs[0]->status().ToString();
    const auto want = ir::interpret(graph, inputs).value();
    EXPECT_EQ(std::memcmp(Host(outputs[0]->content()), want[0].bytes.get(), 256), 0);
    EXPECT_EQ(outputs[1]->state(), whole ? Value::State::ready : Value::State::poisoned);
  }
}

TEST_F(GpuGraph, AStoppedRunComesToRest) {
  const ir::Graph graph = Parse(kBranches);
  const Program program = Compile(graph);
  const std::vector<ir::Array> inputs = testing::random_inputs(graph, 1);
  const std::vector<Ref<Value>> values = There(inputs);
  for (int run = 0; run < 20; ++run) {
    std::stop_source source;
    std::thread stopper([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(60 * run));
      source.request_stop();
    });
    const std::vector<Ref<Value>> outputs = Run(program, values, {}, source.get_token());
    stopper.join();
    if (outputs[0]->state() == Value::State::ready) {
      EXPECT_EQ(Difference(graph, inputs, outputs), "");
    } else {
      EXPECT_EQ(outputs[0]->status().code(), Code::cancelled) << outputs[0]->status().ToString();
    }
  }
  EXPECT_EQ(Difference(graph, inputs, Run(program, values)), "");
}

TEST_F(GpuGraph, ALostDeviceFailsTheRun) {
  const ir::Graph graph = Parse(kBranches);
  const Program program = Compile(graph);
  const std::vector<Ref<Value>> values = There(testing::random_inputs(graph, 1));
  for (int run = 0; run < 2; ++run) Run(program, values);
  gpu_.driver().FailLaunch(3, CuResult::illegal_address);
  for (int run = 0; run < 2; ++run) {
    const std::vector<Ref<Value>> outputs = Run(program, values);
    EXPECT_EQ(outputs[0]->status().code(), Code::device_lost) << outputs[0]->status().ToString();
  }
}

}  // namespace
}  // namespace leat
