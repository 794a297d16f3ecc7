// The public API on a GPU: values go there, are computed there and come back, with the CPU's bits.
#include <gtest/gtest.h>

#include "compiler/frontend/context_state.h"
#include "leat/leat.h"
#include "tests/cuda/fake/launches.h"

namespace leat {
namespace {

using fake_cuda::FakeGpu;

class GpuContext : public ::testing::Test {
 protected:
  GpuContext() { gpu_.Serve(context_->state()->engine()); }
  std::string Dump(const Tensor& t, std::string_view stage) {
    return context_->Dump(std::span(&t, 1), stage).value();
  }
  FakeGpu gpu_{{.devices = 2}};
  std::unique_ptr<Context> context_ = std::make_unique<Context>(ContextOptions{
      .workers = 2, .gpu_devices = 2, .cuda_driver = LEAT_FAKE_CUDA, .exact_contractions = true});
  Context::Scope scope_{*context_};
};

TEST_F(GpuContext, AValueGoesThereAndComesBack) {
  const Tensor x = to_device(arange(1000, DType::f32), "gpu:0");
  EXPECT_EQ(x.data<float>()[999], 999);
  EXPECT_EQ(to_device(x, "cpu:0").data<float>()[7], 7);
}

TEST_F(GpuContext, WhatIsComputedThereHasTheBitsOfTheCpu) {
  const Tensor x = (arange(100'000, DType::f32) - 50'000) * 1e-3f;
  const auto f = [](const Tensor& t) { return exp(sin(t)) + sqrt(abs(t)) / (t * t + 1); };
  const std::vector<float> want = f(x).to_vector<float>();
  EXPECT_EQ(f(to_device(x, "gpu:0")).to_vector<float>(), want);
  EXPECT_GT(gpu_.driver().calls()["cuLaunchKernel"], 0);
}

TEST_F(GpuContext, ReductionsThereAreThoseOfTheCpu) {
  Generator random(3);
  const Tensor x = random.normal({37, 5000}).wait(), g = to_device(x, "gpu:1").wait();
  EXPECT_EQ(softmax(g, -1).to_vector<float>(), softmax(x, -1).to_vector<float>());
  EXPECT_EQ(sum(g).item<float>(), sum(x).item<float>());
  EXPECT_EQ(sum(g, {0}).to_vector<float>(), sum(x, {0}).to_vector<float>());
  EXPECT_EQ(max(g, {1}).to_vector<float>(), max(x, {1}).to_vector<float>());
}

TEST_F(GpuContext, OneResultStaysThereForTheNext) {
  const Tensor x = to_device(arange(4096, DType::f32), "gpu:0").wait();
  const Tensor y = (x * 2).wait();
  const std::int64_t before = gpu_.driver().calls()["cuMemcpyDtoHAsync"];
  const Tensor z = (y + x).wait();
  EXPECT_EQ(gpu_.driver().calls()["cuMemcpyDtoHAsync"], before);
  EXPECT_EQ(z.data<float>()[4095], 4095 * 3);
  EXPECT_EQ(gpu_.driver().calls()["cuMemcpyDtoHAsync"], before + 1);
}

// One kernel makes both; the poisoned operand is known before it is queued (an input), or after (computed
// there).
TEST_F(GpuContext, AResultThatSharesAKernelWithAPoisonedOneArrives) {
  const Tensor table = to_device(ones({8, 4}), "gpu:0").wait(),
               y = to_device(full({3, 4}, 1.5f), "gpu:0").wait();
  const Tensor at = to_device(tensor({std::int64_t{3}, std::int64_t{9}, std::int64_t{1}}), "gpu:0").wait();
  for (const bool before : {false, true}) {
    const Tensor rows = gather(table, at);
    if (before) {
      eval(rows);
      EXPECT_THROW(rows.wait(), Error);
    }
    const Tensor twice = y + y, sum = rows + twice;
    eval(twice, sum);
    EXPECT_EQ(twice.data<float>()[11], 3.0f) << before;
    try {
      sum.wait();
      ADD_FAILURE() << "it has a value";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::out_of_range);
    }
  }
}

TEST_F(GpuContext, TwoDevicesAndTheHostTakeTurns) {
  const Tensor x = arange(3000, DType::f32);
  const Tensor a = to_device(x, "gpu:0") * 2, b = to_device(x, "gpu:1") + 1;
  const Tensor c = a + to_device(b, "gpu:0");
  const Tensor d = to_device(c, "cpu:0") - x;
  EXPECT_EQ(d.data<float>()[2999], 2999 * 2 + 2999 + 1 - 2999);
  EXPECT_GT(gpu_.driver().calls()["cuMemcpyPeerAsync"], 0);
}

TEST_F(GpuContext, WhatAGpuHasNoCodeForRunsOnTheHostInSight) {
  const Tensor x = to_device(arange(64, DType::f32), "gpu:0");
  context_->RegisterCustom("twice", [](std::span<const CustomArray> in, std::span<const CustomArray> out) {
    for (std::size_t i = 0; i < 64; ++i) out[0].as<float>()[i] = 2 * in[0].as<float>()[i];
    return Status();
  });
  const auto f = [&](float by) { return custom("twice", {x * by}, {DType::f32, {64}}) + 1; };
  EXPECT_EQ(f(1).data<float>()[63], 63 * 2 + 1);
  const std::string program = Dump(f(3), "program");
  EXPECT_NE(program.find("from the device"), std::string::npos) << program;
  EXPECT_NE(
      Dump(f(3), "placed").find("// cpu:0: custom_call has no code for a GPU; its operands are on gpu:0"),
      std::string::npos)
      << Dump(f(3), "placed");
}

TEST_F(GpuContext, OpsWithCodeOfTheirOwnRunThereInOneProgram) {
  Generator random(11);
  const Tensor x = random.normal({6, 40}).wait(), w = random.normal({40, 24}).wait();
  const Tensor image = random.normal({2, 3, 9, 9}).wait(), taps = random.normal({4, 3, 3, 3}).wait();
  const Tensor rows = tensor({std::int64_t{5}, std::int64_t{0}, std::int64_t{3}});
  const auto f = [](const Tensor& a, const Tensor& b, const Tensor& i, const Tensor& t, const Tensor& r) {
    const Tensor product = relu(matmul(a, b));
    const Tensor order = sort(gather(product, r, 0), 1) + cumsum(gather(product, r, 0), 1);
    return std::vector<Tensor>{order, argmax(order, 1), relu(conv(i, t)), top_k(order, 3).values};
  };
  const std::vector<Tensor> want = f(x, w, image, taps, rows);
  const auto there = [](const Tensor& t) { return to_device(t, "gpu:0"); };
  const std::vector<Tensor> got = f(there(x), there(w), there(image), there(taps), there(rows));
  const std::string program = Dump(got[0], "program");
  EXPECT_EQ(program.find("from the device"), std::string::npos) << program;
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (i == 1) {
      EXPECT_EQ(got[i].to_vector<std::int64_t>(), want[i].to_vector<std::int64_t>());
    } else {
      EXPECT_EQ(got[i].to_vector<float>(), want[i].to_vector<float>()) << i;
    }
  }
}

// Sizes are numbers among a kernel's parameters: other extents are another plan, never other code.
TEST_F(GpuContext, SymbolsTakeTheirExtentsFromTheInputsThere) {
  const Graph graph = Graph::Parse(R"(graph @f(%x: f32[n,40]) -> (f32[n,40], f32[n,40]) {
  %0 = copy %x {device="gpu:0"} : f32[n,40]
  %1 = reduce_max %0 {dims=[1]} : f32[n]
  %2 = broadcast %1 {dims=[0]} : f32[n,40]
  %3 = sub %0 %2 : f32[n,40]
  %4 = attention %3 %0 %0 {scale=0.25} : f32[n,40]
  return %3, %4
}
)")
                          .value();
  const Executable there = Compile(graph).value();
  Generator random(5);
  std::int64_t modules = 0;
  for (const std::int64_t n : {6, 1, 5}) {
    const Tensor x = random.normal({n, 40}).wait(), apart = x - max(x, {1}, true);
    const std::vector<Future> y = there.Run({.inputs = {x}}).value();
    EXPECT_EQ(y[0].Get().value().to_vector<float>(), apart.to_vector<float>()) << n;
    EXPECT_EQ(y[1].Get().value().to_vector<float>(),
              attention(apart, x, x, {}, false, 0.25).to_vector<float>());
    if (modules == 0) modules = gpu_.driver().calls()["cuModuleLoadDataEx"];
    EXPECT_EQ(gpu_.driver().calls()["cuModuleLoadDataEx"], modules) << n;
  }
  EXPECT_GT(modules, 0);
  const auto bad = there.Run({.inputs = {ones({4, 3})}});
  EXPECT_EQ(bad.status().message(), "Run: input 0 (%x) is f32[4,3], the graph wants f32[n,40]");
}

TEST_F(GpuContext, AnIndexOutsidePoisonsWhatDependsOnIt) {
  const Tensor x = to_device(arange(10, DType::f32), "gpu:0").wait();
  const Tensor bad = gather(x, to_device(arange(11, DType::i64), "gpu:0"), 0) + 1, good = cumsum(x, 0);
  eval(bad, good);
  EXPECT_EQ(good.data<float>()[9], 45);
  try {
    bad.wait();
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::out_of_range);
    EXPECT_NE(std::string(e.what()).find("gather: an index is out of range"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("gpu_context_test.cpp:"), std::string::npos) << e.what();
  }
  EXPECT_EQ(gather(x, arange(10, DType::i64), 0).data<float>()[9], 9);  // the device goes on
}

TEST_F(GpuContext, ARunThatIsStoppedComesToRest) {
  const Tensor x = to_device(arange(1500, DType::f32), "gpu:0").wait();
  for (int i = 0; i < 10; ++i) {
    std::stop_source source;
    Tensor y = x;
    for (int k = 0; k < 3; ++k) y = cumsum(sort(y * 1.5f, 0), 0) - 1;
    eval(std::span<const Tensor>(&y, 1), {.stop = source.get_token()});
    if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100 * i));
    source.request_stop();
    try {
      y.wait();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::cancelled) << e.what();
    }
  }
  EXPECT_EQ(cumsum(x, 0).data<float>()[2], 3);
}

TEST_F(GpuContext, BranchesTakeStreamsOfTheirOwnAndTheProgramShowsIt) {
  const auto columns = [](const Tensor& t) { return t - sum(t, {0}, true); };
  const auto rows = [](const Tensor& t) { return t * max(t, {1}, true); };
  const auto f = [&](const Tensor& t) {
    const Tensor a = columns(rows(columns(t))), b = rows(columns(rows(t)));
    return a + b;
  };
  const Tensor h = (reshape(arange(10'000, DType::f32), {100, 100}) * 1e-4f).wait();
  const Tensor x = to_device(h, "gpu:0").wait();
  const Tensor y = f(x);
  const std::string program = Dump(y, "program");
  EXPECT_NE(program.find("stream 0"), std::string::npos) << program;
  EXPECT_NE(program.find("stream 1"), std::string::npos) << program;
  EXPECT_NE(program.find("(stream)"), std::string::npos) << program;
  EXPECT_EQ(y.to_vector<float>(), f(h).to_vector<float>());
}

TEST_F(GpuContext, ManyRunsAtOnceKeepApart) {
  std::vector<Tensor> results;
  for (int i = 0; i < 40; ++i) {
    Tensor x = to_device(full({2000}, static_cast<float>(i)), i % 2 == 0 ? "gpu:0" : "gpu:1");
    results.push_back(sum(x * 2 + 1));
    results.back().eval();
  }
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(results[static_cast<std::size_t>(i)].item<float>(),
              2000.0f * (2.0f * static_cast<float>(i) + 1));
}

TEST_F(GpuContext, AFaultPoisonsWhatDependsOnIt) {
  const Tensor x = to_device(arange(100, DType::i32), "gpu:0").wait();
  const Tensor bad = 7 / x, after = bad + 1, good = x + 1;
  eval(after, good);
  EXPECT_EQ(good.data<std::int32_t>()[99], 100);
  try {
    after.wait();
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::invalid_argument);
    EXPECT_NE(std::string(e.what()).find("integer division by zero"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("gpu_context_test.cpp:"), std::string::npos) << e.what();
  }
  EXPECT_EQ((x + 2).data<std::int32_t>()[0], 2);  // the device goes on
}

TEST_F(GpuContext, OutOfMemoryIsAnErrorWithTheSizes) {
  const Tensor x = to_device(zeros({1 << 20}), "gpu:0").wait();
  const Tensor big = broadcast_to(reshape(x, {1, 1 << 20}), {100, 1 << 20}) + 1;  // 400 of 256 MiB
  try {
    big.wait();
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::resource_exhausted);
    EXPECT_NE(std::string(e.what()).find("419430400 bytes asked for"), std::string::npos) << e.what();
  }
  EXPECT_EQ((x + 1).data<float>()[5], 1);
}

// The limit of an engine is that of each of its devices, GPUs too.
TEST_F(GpuContext, ADeviceOverItsLimitFailsTheRunAndTheOthersHaveTheirsToThemselves) {
  Context limited({.workers = 2,
                   .gpu_devices = 2,
                   .cuda_driver = LEAT_FAKE_CUDA,
                   .memory_limit = 3 << 20,
                   .exact_contractions = true});
  const Context::Scope scope(limited);
  gpu_.Serve(limited.state()->engine());
  const Tensor h = zeros({1 << 19}).wait();  // 2 MiB on each of the three
  const Tensor a = to_device(h, "gpu:0").wait(), b = to_device(h, "gpu:1").wait();
  const Tensor two = broadcast_to(reshape(a, {1, 1 << 19}), {2, 1 << 19}) + 1;
  try {
    two.wait();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::resource_exhausted);
    EXPECT_NE(std::string(e.what()).find("4194304 bytes"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("3145728"), std::string::npos) << e.what();
  }
  EXPECT_EQ((sum(a) + 1).item<float>(), 1);
  EXPECT_EQ((sum(b) + 2).item<float>(), 2);
}

TEST_F(GpuContext, ALostDeviceFailsItsValuesAndTheHostLivesOn) {
  const Tensor x = to_device(arange(100, DType::f32), "gpu:0").wait(), h = arange(100, DType::f32).wait();
  const Tensor other = to_device(h, "gpu:1").wait();
  gpu_.driver().FailLaunch(1, runtime::cuda::CuResult::illegal_address);
  const auto expect_lost = [](const Tensor& t) {
    try {
      t.wait();
      FAIL() << "nothing was thrown";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::device_lost) << e.what();
      EXPECT_NE(std::string(e.what()).find("CUDA_ERROR_ILLEGAL_ADDRESS"), std::string::npos) << e.what();
    }
  };
  expect_lost(x * 2);
  expect_lost(x * 3);
  EXPECT_EQ((h * 2).data<float>()[99], 198);
  EXPECT_EQ((other * 2).data<float>()[99], 198);
}

TEST(GpuOptions, WhatCannotBeHadIsAnError) {
  FakeGpu gpu({.devices = 1});
  const auto message = [](ContextOptions options) {
    try {
      const Context context(std::move(options));
      return std::string("nothing was thrown");
    } catch (const Error& e) {
      return std::string(e.what());
    }
  };
  EXPECT_EQ(message({.gpu_devices = 2, .cuda_driver = LEAT_FAKE_CUDA}),
            "not_found: engine: 2 GPUs are asked for, but " LEAT_FAKE_CUDA " has 1");
  EXPECT_NE(message({.gpu_devices = 1, .cuda_driver = "/nowhere"})
                .find("not_found: engine: 1 GPUs are asked for, but no CUDA driver: /nowhere"),
            std::string::npos);
  EXPECT_EQ(message({.gpu_devices = 65}), "invalid_argument: engine: gpu_devices must be 0 to 64");
}

}  // namespace
}  // namespace leat
