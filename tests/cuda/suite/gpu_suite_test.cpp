// On a GPU: every op and random graphs to the interpreter's bits, faults, and what happens when its memory is
// full. tools/gpu packs it for a machine that has one, and runs it there, under compute-sanitizer too.
//
// Without a GPU every test is skipped and says why. With LEAT_TEST_FAKE_CUDA=1 it runs on the fake driver, as
// every build does: then the suite itself is what is tested.
#include "tests/cuda/suite/gpu_suite.h"

#include <algorithm>
#include <random>
#include <thread>

namespace leat {
namespace {

/// Ops that are no loop kernels.
bool has_code_of_its_own(ir::Op op) {
  switch (ir::op_info(op).family) {
    case ir::Family::movement: return op != ir::Op::reorder;  // layouts of the CPU's convolutions
    case ir::Family::arg_reduce:
    case ir::Family::cumulative:
    case ir::Family::window:
    case ir::Family::sorting:
    case ir::Family::contraction: return true;
    default: return false;
  }
}

/// Of an op and dtype: LEAT_SUITE_CASES, else all; a few on the fake, where an emulated kernel takes LLVM 30
/// ms and tests of the emulated GPU have all.
std::size_t most_cases(ir::Op op) {
  if (const char* most = std::getenv("LEAT_SUITE_CASES")) return std::strtoul(most, nullptr, 10);
  return !on_fake() ? 1 << 20 : has_code_of_its_own(op) ? 4 : 1;
}

class GpuOps : public GpuSuite, public ::testing::WithParamInterface<ir::Op> {};

TEST_P(GpuOps, HaveTheInterpretersBits) {
  const ir::Op op = GetParam();
  int checked = 0;
  for (int d = 0; d < kDTypeCount; ++d) {
    const auto dtype = static_cast<DType>(d);
    if (!testing::op_accepts(op, dtype)) continue;
    testing::OpCases cases = testing::op_cases(op, dtype);
    std::mt19937 random(static_cast<unsigned>(d));  // a few of each are others for each dtype
    std::shuffle(cases.cases.begin(), cases.cases.end(), random);
    if (cases.cases.size() > most_cases(op)) cases.cases.resize(most_cases(op));
    for (const testing::OpCase& c : cases.cases) {
      SCOPED_TRACE(std::string(ir::name(op)) + " of " + std::string(name(dtype)) + ": " + c.what + "\n" +
                   ir::print(c.graph, {.max_literal_elements = 40}));
      ASSERT_EQ(Difference(on_gpu(c.graph), c.inputs), "");
      ++checked;
    }
  }
  EXPECT_GT(checked, 0);
  RecordProperty("steps_on_gpu", on_gpu_);
  RecordProperty("steps_on_host", on_host_);
  const ir::OpInfo& info = ir::op_info(op);
  if (info.elementwise() || info.family == ir::Family::reduce || has_code_of_its_own(op)) {
    EXPECT_GT(on_gpu_, 0);
  }
}

std::vector<ir::Op> every_op() {
  std::vector<ir::Op> ops;
  for (const ir::OpInfo& info : ir::all_ops()) ops.push_back(info.op);
  return ops;
}
INSTANTIATE_TEST_SUITE_P(All, GpuOps, ::testing::ValuesIn(every_op()),
                         [](const auto& info) { return std::string(ir::name(info.param)); });

TEST_F(GpuSuite, RandomGraphsHaveTheInterpretersBits) {
  runs_ = 3;
  const std::uint64_t count = on_fake() ? 10 : 500;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    SCOPED_TRACE("LEAT_SEED=" + std::to_string(seed));
    const ir::Graph graph = on_gpu(testing::random_graph(seed));
    ASSERT_EQ(DifferenceUnlessItFaults(graph, seed), "");
  }
  EXPECT_GT(on_gpu_, 10);
  EXPECT_GT(graphs_, 3);
}

TEST_F(GpuSuite, WithoutDeviceGraphsToo) {
  options_.device_graphs = false;
  for (std::uint64_t seed = 1; seed <= (on_fake() ? 10u : 100u); ++seed) {
    SCOPED_TRACE("LEAT_SEED=" + std::to_string(seed));
    const ir::Graph graph = on_gpu(testing::random_graph(seed));
    ASSERT_EQ(DifferenceUnlessItFaults(graph, seed), "");
  }
  EXPECT_EQ(graphs_, 0);
}

// Values wander between the host, a virtual CPU and the GPUs; ops that a GPU has no code for bring theirs
// back. Faults have the interpreter's code.
TEST_F(GpuSuite, ValuesThatWanderKeepTheirBits) {
  runs_ = 3;
  std::vector<std::string> names;
  for (const compiler::DeviceDescription& device : options_.devices) names.push_back(device.name);
  const std::uint64_t seeds = std::getenv("LEAT_LONG") != nullptr ? 1000 : on_fake() ? 60 : 500;
  std::int64_t launches = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("LEAT_SEED=" + std::to_string(seed));
    const ir::Graph graph = testing::move_values(
        testing::random_graph(seed, {.most_ops = 16, .most_elements = 2000}), names, seed);
    // Steps that share memory wait for each other: few of them are in device graphs.
    options_.reuse_from_bytes = seed % 3 == 0 ? compiler::CompileOptions().reuse_from_bytes : 0;
    ASSERT_EQ(Difference(graph, testing::random_inputs(graph, seed)), "") << ir::print(graph);
    if (fake_) launches = fake_->driver().calls()["cuLaunchKernel"];
  }
  EXPECT_GT(fake_ ? launches : on_gpu_, static_cast<std::int64_t>(seeds));
  EXPECT_GE(graphs_, static_cast<int>(seeds / 20));
}

TEST_F(GpuSuite, LargeRandomGraphsToo) {
  runs_ = on_fake() ? 2 : 3;
  testing::RandomGraphOptions large;
  large.most_elements = on_fake() ? 20'000 : 4'000'000;
  large.most_ops = 12;
  for (std::uint64_t seed = 1; seed <= (on_fake() ? 3u : 40u); ++seed) {
    SCOPED_TRACE("LEAT_SEED=" + std::to_string(seed));
    const ir::Graph graph = on_gpu(testing::random_graph(seed, large));
    ASSERT_EQ(DifferenceUnlessItFaults(graph, seed), "");
  }
}

TEST_F(GpuSuite, PlacedByEstimatesTheBitsStay) {
  runs_ = 3;
  options_.place_automatically = true;
  for (compiler::DeviceDescription& device : options_.devices) {  // so that even little work is spread
    device.launch_ns = 5000;
    device.copy_latency_ns = 100;
  }
  for (std::uint64_t seed = 1; seed <= (on_fake() ? 20u : 200u); ++seed) {
    SCOPED_TRACE("LEAT_SEED=" + std::to_string(seed));
    const ir::Graph graph = testing::random_graph(seed);
    ASSERT_EQ(DifferenceUnlessItFaults(graph, seed), "");
  }
  EXPECT_GT(on_gpu_, 10);
}

TEST_F(GpuSuite, RunsAtOnceKeepApart) {
  const ir::Graph graph = on_gpu(testing::random_graph(11));
  const auto program = compiler::compile(graph, options_, *code_).value();
  std::vector<std::thread> threads;
  std::vector<std::string> differences(4);
  for (std::size_t k = 0; k < differences.size(); ++k) {
    threads.emplace_back([&, k] {
      for (std::uint64_t seed = 0; seed < 20 && differences[k].empty(); ++seed) {
        const std::vector<ir::Array> inputs = testing::random_inputs(graph, 100 * k + seed);
        const Outcome expected = ir::interpret(graph, inputs);
        const Outcome actual = testing::run_on_engine(*engine_, graph, program, inputs);
        if (expected.ok()) differences[k] = testing::difference(expected, actual);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& at : differences) EXPECT_EQ(at, "");
}

TEST_F(GpuSuite, AFaultPoisonsItsValueAndTheDeviceGoesOn) {
  const ir::Graph graph = on_gpu(ir::parse("%x: i32[1000]\n%y: i32[1000]\n%z = div %x %y\n").value());
  const ir::Type type{DType::i32, {1000}};
  std::vector<ir::Array> inputs = {ir::Array::Zeros(type), ir::Array::Zeros(type)};
  auto* const divisors = reinterpret_cast<std::int32_t*>(inputs[1].bytes.get());
  std::fill(divisors, divisors + 1000, 3);
  EXPECT_EQ(Difference(graph, inputs), "");
  divisors[999] = 0;
  const auto program = compiler::compile(graph, options_, *code_).value();
  const Outcome fault = testing::run_on_engine(*engine_, graph, program, inputs);
  EXPECT_EQ(fault.status().code(), Code::invalid_argument);
  EXPECT_NE(fault.status().message().find("integer division by zero"), std::string::npos)
      << fault.status().message();
  divisors[999] = 1;
  EXPECT_EQ(Difference(graph, inputs), "");
}

TEST_F(GpuSuite, MoreThanItsMemoryIsAnErrorWithTheSizes) {
  // Two values of 5/8 of the memory each.
  const std::int64_t elements = engine_->gpu(kGpu)->memory_bytes() / 4 * 5 / 8;
  const std::string extent = std::to_string(elements);
  const ir::Graph graph =
      on_gpu(ir::parse("graph @g(%x: f32[1]) -> (f32[" + extent + "], f32[" + extent +
                       "]) {\n%b = reshape %x : f32[]\n%w = broadcast %b {dims=[]} : f32[" + extent +
                       "]\n%y = exp %w\n%z = sqrt %w\nreturn %y, %z\n}\n")
                 .value());
  const auto program = compiler::compile(graph, options_, *code_).value();
  runtime::RunRequest request;
  request.program = program;
  runtime::Ref<runtime::Buffer> x = engine_->Allocate(4).value();
  std::memset(x->data(), 0, 4);
  request.inputs = {runtime::Value::Ready(x)};
  const std::vector<runtime::Ref<runtime::Value>> outputs = {runtime::Value::Pending(),
                                                             runtime::Value::Pending()};
  request.outputs = outputs;
  const auto run = engine_->Submit(std::move(request));
  ASSERT_TRUE(run->Wait().ok());
  EXPECT_EQ(run->status().code(), Code::resource_exhausted) << run->status().ToString();
  EXPECT_NE(run->status().message().find(std::to_string(4 * elements)), std::string::npos)
      << run->status().message();
  const ir::Graph small = on_gpu(ir::parse("%x: f32[1000]\n%y = exp %x\n").value());
  EXPECT_EQ(Difference(small, testing::random_inputs(small, 3)), "");  // the device goes on
}

}  // namespace
}  // namespace leat
