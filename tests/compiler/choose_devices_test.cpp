#include "compiler/passes/choose_devices.h"

#include <algorithm>
#include <random>

#include "compiler/passes/passes.h"
#include "compiler/passes/task_graph.h"
#include "tests/compiler/run_on_engine.h"
#include "tests/compiler/run_program.h"

namespace leat::compiler {
namespace {

using Why = DeviceChoice::Why;

std::vector<DeviceDescription> cpus(std::size_t count, int workers = 2) {
  std::vector<DeviceDescription> devices(count);
  for (std::size_t d = 0; d < count; ++d) {
    devices[d].name = "cpu:" + std::to_string(d);
    devices[d].workers = workers;
  }
  return devices;
}
std::vector<DeviceDescription> cpu_and_gpu() {
  std::vector<DeviceDescription> devices = cpus(1);
  devices.push_back(describe_gpu_device(0, *runtime::cuda::gpu_description("sm_90")));
  return devices;
}
std::vector<std::string> names_of(const std::vector<DeviceDescription>& devices) {
  std::vector<std::string> names;
  for (const DeviceDescription& device : devices) names.push_back(device.name);
  return names;
}

/// The device of the first node with this op.
int device_of(const ir::Graph& graph, const DevicePlan& plan, ir::Op op) {
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].op == op) return plan.nodes[n].device;
  }
  return -1;
}

TEST(TaskGraph, WhatFusesIsOneTaskAndViewsAreNone) {
  const ir::Graph graph = testing::parse(
      "graph @g(%x: f32[8,16], %w: f32[16,4]) -> (f32[8,16], f32[8,4]) {\n"
      "%m = reduce_max %x {dims=[1]}\n%b = broadcast %m {dims=[0]} : f32[8,16]\n%s = sub %x %b\n%e = exp %s\n"
      "%t = reduce_sum %e {dims=[1]}\n%c = broadcast %t {dims=[0]} : f32[8,16]\n%y = div %e %c\n"
      "%z = matmul %y %w\nreturn %y, %z\n}");
  const TaskGraph tasks = make_task_graph(graph);
  ASSERT_EQ(tasks.tasks.size(), 2u);  // softmax, and the product
  const TaskGraph::Task &softmax = tasks.tasks[0], &product = tasks.tasks[1];
  EXPECT_EQ(softmax.nodes_end - softmax.nodes_begin, 5u);
  EXPECT_EQ(softmax.reads_end - softmax.reads_begin, 1u);
  EXPECT_EQ(softmax.bytes, 2 * 8 * 16 * 4);
  EXPECT_EQ(product.reads_end - product.reads_begin, 2u);
  EXPECT_EQ(tasks.items[tasks.reads[product.reads_begin]].producer, 0u);
}

TEST(TaskGraph, OfAViewAndWhatItIsOfTheSmallerIsCopied) {
  const ir::Graph graph = testing::parse(
      "graph @g(%x: f32[8], %y: f32[1000]) -> (f32[8,100], f32[10]) {\n"
      "%b = broadcast %x {dims=[0]} : f32[8,100]\n%s = slice %y {starts=[0], limits=[10], strides=[1]}\n"
      "%e = exp %b\n%f = exp %s\nreturn %e, %f\n}");
  const TaskGraph tasks = make_task_graph(graph);
  ASSERT_EQ(tasks.items.size(), 2u);
  EXPECT_EQ(tasks.items[0].bytes, 8 * 4);
  EXPECT_EQ(tasks.items[1].bytes, 10 * 4);
}

TEST(ChooseDevices, SmallWorkStaysOnTheCpu) {
  const ir::Graph graph = testing::parse(
      "%x: f32[64,64]\n%w: f32[64,64]\n%y = matmul %x %w\n%z = tanh %y\n%u = matmul %z %w\n%v = exp %u\n");
  const DevicePlan plan = choose_devices(graph, cpu_and_gpu());
  for (const DeviceChoice& choice : plan.nodes) EXPECT_EQ(choice.device, 0);
  EXPECT_LT(plan.makespan_ns, plan.alone_ns[1]);
}

TEST(ChooseDevices, WhereTheInputsAreDecides) {
  const ir::Graph graph = testing::parse(
      "%x: f32[4096,4096]\n%w: f32[4096,4096]\n%y = exp %x\n%z = add %y %w\n%v = tanh %z\n%u = sqrt %v\n");
  const std::vector<DeviceDescription> devices = cpu_and_gpu();
  // From the host the same work is not worth its copies.
  EXPECT_EQ(device_of(graph, choose_devices(graph, devices, std::vector<std::uint16_t>{1, 1}), ir::Op::tanh),
            1);
  EXPECT_EQ(device_of(graph, choose_devices(graph, devices), ir::Op::tanh), 0);
}

/// tanh of tanh of ... of `count` elements; 64 of them are a task.
ir::Graph tanh_chain(int elements, int length) {
  const std::string type = "f32[" + std::to_string(elements) + "]";
  std::string text = "graph @g(%y0: " + type + ") -> (" + type + ") {\n";
  for (int k = 0; k < length; ++k)
    text += "%y" + std::to_string(k + 1) + " = tanh %y" + std::to_string(k) + "\n";
  return testing::parse(text + "return %y" + std::to_string(length) + "\n}");
}

TEST(ChooseDevices, MuchWorkOnFewBytesGoesToTheGpu) {
  const ir::Graph graph = tanh_chain(1 << 22, 30);
  const DevicePlan plan = choose_devices(graph, cpu_and_gpu());
  EXPECT_EQ(device_of(graph, plan, ir::Op::tanh), 1);
  EXPECT_LT(plan.makespan_ns, 0.2 * plan.alone_ns[0]);
}

TEST(ChooseDevices, CopiesAreCounted) {
  // 64 MiB of sums: 0.04 ms on the GPU, 6.7 ms here, 8.4 ms for the copy alone.
  const ir::Graph graph = testing::parse("%x: f32[4096,4096]\n%y = add %x %x\n");
  std::vector<DeviceDescription> devices = cpu_and_gpu();
  EXPECT_EQ(device_of(graph, choose_devices(graph, devices), ir::Op::add), 0);
  for (DeviceDescription& device : devices) {
    device.copy_latency_ns = 0;
    device.copy_bytes_per_ns = 1e9;
  }
  EXPECT_EQ(device_of(graph, choose_devices(graph, devices), ir::Op::add), 1);
}

TEST(ChooseDevices, AChainGoesThoughItsFirstTaskAloneWouldNot) {
  // 13 us here; 4 us there, behind a copy of 10 us, which only the tasks that follow pay for.
  const ir::Graph one = tanh_chain(330, 64), many = tanh_chain(330, 12 * 64);
  EXPECT_EQ(device_of(one, choose_devices(one, cpu_and_gpu()), ir::Op::tanh), 0);
  const DevicePlan plan = choose_devices(many, cpu_and_gpu());
  EXPECT_EQ(device_of(many, plan, ir::Op::tanh), 1);
  EXPECT_LT(plan.mixed_ns, 0.5 * plan.alone_ns[0]);  // found task by task
}

ir::Graph branches(int count, int length) {
  std::string text = "graph @g(%x: f32[512,512]) -> (f32[512,512]) {\n";
  std::string sum;
  for (int b = 0; b < count; ++b) {
    std::string at = "%x";
    for (int k = 0; k < length; ++k) {
      const std::string next = "%b" + std::to_string(b) + "_" + std::to_string(k);
      text += next + " = matmul " + at + " %x\n";
      at = next;
    }
    const std::string next = "%s" + std::to_string(b);
    if (!sum.empty()) text += next + " = add " + sum + " " + at + "\n";
    sum = sum.empty() ? at : next;
  }
  return testing::parse(text + "return " + sum + "\n}");
}

TEST(ChooseDevices, IndependentBranchesAreSpread) {
  const ir::Graph graph = branches(4, 3);
  const DevicePlan plan = choose_devices(graph, cpus(2));
  EXPECT_LT(plan.makespan_ns, 0.6 * plan.alone_ns[0]);
  EXPECT_LT(choose_devices(graph, cpus(4)).makespan_ns, 0.4 * plan.alone_ns[0]);
}

TEST(ChooseDevices, NoWorseThanEverythingOnOneDevice) {
  std::mt19937_64 random(7);
  int mixed = 0;
  for (int round = 0; round < 60; ++round) {
    // Layers of products and sums of what the layers before them made.
    std::string text = "graph @g(%v0: f32[256,256], %v1: f32[256,256]) -> (f32[256,256]) {\n";
    const int count = 2 + static_cast<int>(random() % 60);
    for (int k = 2; k < count + 2; ++k) {
      const auto pick = [&] {
        return " %v" + std::to_string(k - 1 -
                                      static_cast<int>(random() % std::min<std::uint64_t>(
                                                                      8, static_cast<std::uint64_t>(k))));
      };
      text +=
          "%v" + std::to_string(k) + " = " + (random() % 3 == 0 ? "add" : "matmul") + pick() + pick() + "\n";
    }
    const ir::Graph graph = testing::parse(text + "return %v" + std::to_string(count + 1) + "\n}");
    for (const std::vector<DeviceDescription>& devices : {cpus(2), cpus(3), cpu_and_gpu()}) {
      const DevicePlan plan = choose_devices(graph, devices);
      for (const double alone : plan.alone_ns) EXPECT_LE(plan.makespan_ns, alone);
      mixed += plan.winner == DevicePlan::kMixed && plan.makespan_ns < plan.alone_ns[0] ? 1 : 0;
    }
  }
  EXPECT_GT(mixed, 30);
}

TEST(ChooseDevices, WhatTheProgramSaysWins) {
  const ir::Graph graph = testing::parse(
      "graph @g(%x: f32[64], %y: f32[64]) -> (f32[64], f32[64]) {\n%t = copy %x {device=\"cpu:1\"}\n"
      "%a = mul %t %t\n%b = reverse %a {dims=[0]}\n%c = add %b %y\n%d = neg %y\nreturn %c, %d\n}");
  const DevicePlan plan = choose_devices(graph, cpus(3));
  EXPECT_EQ(device_of(graph, plan, ir::Op::mul), 1);
  EXPECT_EQ(device_of(graph, plan, ir::Op::add), 1);
  EXPECT_EQ(device_of(graph, plan, ir::Op::neg), 0);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Op op = graph.nodes[n].op;
    EXPECT_EQ(plan.nodes[n].why, op == ir::Op::parameter || op == ir::Op::reverse ? Why::operands
                                 : op == ir::Op::neg                              ? Why::estimate
                                                                                  : Why::requested)
        << ir::name(op);
  }
}

TEST(ChooseDevices, ControlFlowAndWhatHasNoCodeStayOnTheHost) {
  const ir::Graph graph = testing::parse(
      "graph @g(%x: f32[4096,4096], %p: bool[]) -> (f32[4096,4096], f32[4096,4096]) {\n"
      "%s = sort %x {axis=1}\n"
      "%c = cond %p %x {then_branch=@t, else_branch=@t}\nreturn %s, %c\n}\n"
      "graph @t(%x: f32[4096,4096]) -> (f32[4096,4096]) {\n%y = neg %x\nreturn %y\n}");
  const DevicePlan plan = choose_devices(graph, cpu_and_gpu(), std::vector<std::uint16_t>{1, 1}, true);
  EXPECT_EQ(device_of(graph, plan, ir::Op::cond), 0);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].op == ir::Op::cond) {
      EXPECT_EQ(plan.nodes[n].why, Why::host);
    }
  }
}

TEST(ChooseDevices, EstimatesAreOfEveryDeviceAndTheSameEachTime) {
  const ir::Graph graph = branches(3, 2);
  const std::vector<DeviceDescription> devices = cpu_and_gpu();
  const DevicePlan plan = choose_devices(graph, devices, {}, true), again = choose_devices(graph, devices);
  EXPECT_EQ(plan.makespan_ns, again.makespan_ns);
  double end = 0;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    EXPECT_EQ(plan.nodes[n].device, again.nodes[n].device);
    if (plan.nodes[n].why != Why::estimate) continue;
    const auto& estimates = plan.estimates[plan.nodes[n].task];
    ASSERT_NE(estimates, nullptr);
    ASSERT_EQ(estimates->size(), 2u);
    const DeviceEstimate& e = (*estimates)[plan.nodes[n].device];
    EXPECT_NEAR(e.start_ns + e.run_ns, e.finish_ns, 1e-6 * e.finish_ns);
    end = std::max(end, e.finish_ns);
  }
  EXPECT_NEAR(end, plan.makespan_ns, 1e-6 * end);
  const std::string text = summarize(plan, names_of(devices));
  EXPECT_NE(text.find("placed by estimates: "), std::string::npos) << text;
  EXPECT_NE(text.find("all on cpu:0: "), std::string::npos) << text;
}

TEST(ChooseDevices, WhatReadsNothingIsOnTheFirstDeviceAndGoesFromThere) {
  const ir::Graph graph = testing::parse(
      "%x: f32[4096]\n%t = copy %x {device=\"cpu:1\"}\n%i = iota {axis=0} : f32[4096]\n%j = exp %i\n"
      "%y = add %j %t\n");
  CompileOptions options = testing::exact_options();
  options.devices = cpus(2);
  options.place_automatically = true;
  const auto program = testing::check_program(graph, options);
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(program->steps.back().device, 1) << runtime::print(*program);
}

// Whatever the estimates say, the bits are the interpreter's.
TEST(ChooseDevices, PlacedByEstimatesTheBitsAreTheSame) {
  auto engine = runtime::Engine::Create({.workers = 2, .cpu_devices = 3}).value();
  std::vector<DeviceDescription> devices = cpus(3);
  for (DeviceDescription& device : devices) {  // so that even little work is spread
    device.launch_ns = 5000;
    device.workers = 1;
    device.copy_latency_ns = 10;
  }
  CompileOptions options = testing::exact_options();
  options.devices = devices;
  options.place_automatically = true;
  const int copies =
      testing::check_random_graphs(*engine, options, [&](const ir::Graph& graph, std::uint64_t seed) {
        return seed % 4 == 0 ? testing::move_values(graph, names_of(devices), seed) : graph;
      });
  EXPECT_GT(copies, 150);
}

}  // namespace
}  // namespace leat::compiler
