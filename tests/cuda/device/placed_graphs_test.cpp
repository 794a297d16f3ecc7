// Random graphs that estimates spread over the host and a GPU: the interpreter's bits.
#include "compiler/compile.h"
#include "tests/compiler/run_on_engine.h"
#include "tests/cuda/fake/launches.h"

namespace leat::compiler {
namespace {

TEST(PlacedGraphs, SpreadOverHostAndGpuTheBitsAreTheSame) {
  fake_cuda::FakeGpu gpu({.devices = 1, .most_delay_us = 20});
  const auto engine =
      runtime::Engine::Create({.workers = 2, .gpu_devices = 1, .cuda_driver = LEAT_FAKE_CUDA}).value();
  gpu.Serve(*engine);
  CompileOptions options;
  options.exact_contractions = true;
  options.tier = Tier::tiles;
  options.place_automatically = true;
  options.devices.push_back(describe_gpu_device(0, engine->gpu(1)->description()));
  // A host as slow as a launch, and copies that cost little: so that both are used.
  options.devices[0].launch_ns = 5000;
  for (DeviceDescription& device : options.devices) device.copy_latency_ns = 100;
  const std::unique_ptr<CodeCache> code = make_code_cache({});
  int here = 0, there = 0, both = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("LEAT_SEED=" + std::to_string(seed));
    const ir::Graph graph = testing::random_graph(seed);
    const std::vector<ir::Array> inputs = testing::random_inputs(graph, seed);
    const auto expected = ir::interpret(graph, inputs);
    if (!expected.ok()) continue;
    const auto program = compile(graph, options, *code);
    ASSERT_TRUE(program.ok()) << program.status().ToString();
    int on_host = 0, on_gpu = 0;
    for (const runtime::Step& step : (*program)->steps) {
      if (step.body == nullptr || step.name == "copy" || step.name == "settle" || step.name == "graph")
        continue;
      ++(step.device == 1 ? on_gpu : on_host);
    }
    here += on_host;
    there += on_gpu;
    both += on_host > 0 && on_gpu > 0 ? 1 : 0;
    ASSERT_EQ(testing::difference(expected, testing::run_on_engine(*engine, graph, *program, inputs)), "")
        << runtime::print(**program);
  }
  EXPECT_GT(here, 20);
  EXPECT_GT(there, 20);
  EXPECT_GT(both, 5);
}

}  // namespace
}  // namespace leat::compiler
