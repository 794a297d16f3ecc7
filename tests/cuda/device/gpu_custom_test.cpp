// Custom ops with a launch function: on a GPU, in order with the kernels around them.
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "compiler/frontend/context_state.h"
#include "leat/leat.h"
#include "tests/cuda/fake/launches.h"

namespace leat {
namespace {

using fake_cuda::FakeGpu;

class GpuCustom : public ::testing::Test {
 protected:
  GpuCustom() { gpu_.Serve(context_->state()->engine()); }

  std::string Dump(const Tensor& t, std::string_view stage) {
    return context_->Dump(std::span(&t, 1), stage).value();
  }
  /// Queues out = by * in, as a kernel of the user's would.
  CudaFunction Scale(float by) {
    return [this, by](const CudaLaunch& launch) {
      ++launches_;
      device_ = launch.device;
      const auto at = [](const CustomArray& a) { return reinterpret_cast<std::uint64_t>(a.data); };
      const std::uint64_t from = at(launch.inputs[0]), to = at(launch.outputs[0]);
      const auto count = static_cast<std::size_t>(launch.inputs[0].shape.num_elements());
      EXPECT_EQ(launch.inputs[0].dtype, DType::f32);
      EXPECT_EQ(launch.outputs[0].shape, launch.inputs[0].shape);
      const auto queued = gpu_.driver().QueueOperation(
          static_cast<runtime::cuda::CuStream>(launch.stream), "scale", [this, from, to, count, by] {
            const auto* const x = static_cast<const float*>(gpu_.driver().HostAddress(from, 4 * count));
            auto* const y = static_cast<float*>(gpu_.driver().HostAddress(to, 4 * count));
            if (x == nullptr || y == nullptr) return std::string("its memory is not there");
            for (std::size_t i = 0; i < count; ++i) y[i] = by * x[i];
            return std::string();
          });
      EXPECT_EQ(queued, runtime::cuda::CuResult::success);
      return Status();
    };
  }
  static Tensor Call(std::string_view name, const Tensor& x) {
    return custom(name, {x}, {x.dtype(), x.shape()});
  }
  static Status StatusOf(const Tensor& t) {
    try {
      t.wait();
      return {};
    } catch (const Error& e) {
      return e.status();
    }
  }

  FakeGpu gpu_{{.devices = 2}};
  std::atomic<int> launches_{0}, device_{-1};
  std::unique_ptr<Context> context_ = std::make_unique<Context>(
      ContextOptions{.workers = 2, .gpu_devices = 2, .cuda_driver = LEAT_FAKE_CUDA});
  Context::Scope scope_{*context_};
};

TEST_F(GpuCustom, RunsBetweenTheKernelsAroundIt) {
  context_->RegisterCustom("twice", CustomOp{.cuda = Scale(2)});
  const auto f = [](const Tensor& x) {
    return cumsum(Call("twice", cumsum(sort(x * 3 - 1, 0), 0)) + 1, 0) * 2;
  };
  const Tensor h = arange(500, DType::f32);
  const std::vector<float> want = (cumsum(cumsum(sort(h * 3 - 1, 0), 0) * 2 + 1, 0) * 2).to_vector<float>();
  for (const char* device : {"gpu:0", "gpu:1"}) {
    const Tensor x = to_device(h, device).wait();
    for (int run = 0; run < 4; ++run) EXPECT_EQ(f(x).to_vector<float>(), want) << device << run;
    EXPECT_EQ(device_, device[4] - '0');
    const std::string program = Dump(f(x), "program");
    EXPECT_NE(program.find("custom \"twice\" by its launch function"), std::string::npos) << program;
    EXPECT_EQ(program.find("from the device"), std::string::npos) << program;
  }
  EXPECT_EQ(launches_, 8);
}

TEST_F(GpuCustom, ItsErrorsPoisonItsResults) {
  context_->RegisterCustom(
      "bad", CustomOp{.cuda = [](const CudaLaunch&) { return Status(Code::internal, "no luck"); }});
  context_->RegisterCustom("thrower", CustomOp{.cuda = [](const CudaLaunch&) -> Status {
                             throw std::runtime_error("less luck");
                           }});
  const Tensor x = to_device(arange(100, DType::f32), "gpu:0").wait();
  for (int run = 0; run < 3; ++run) {
    const Tensor good = cumsum(x, 0), bad = Call("bad", x + 1) * 2, thrown = Call("thrower", x) + 1;
    eval(good, bad, thrown);
    EXPECT_EQ(good.data<float>()[99], 4950);
    const Status s = StatusOf(bad), t = StatusOf(thrown);
    EXPECT_EQ(s.code(), Code::custom_op_failed);
    EXPECT_NE(s.message().find("custom op \"bad\" on gpu:0: no luck"), std::string::npos) << s.message();
    EXPECT_NE(s.ToString().find("gpu_custom_test.cpp:"), std::string::npos) << s.ToString();
    EXPECT_EQ(t.code(), Code::custom_op_failed);
    EXPECT_NE(t.message().find("custom op \"thrower\" on gpu:0 threw: less luck"), std::string::npos)
        << t.message();
  }
}

TEST_F(GpuCustom, WithBothFunctionsItRunsWhereItsOperandsAre) {
  std::atomic<int> here{0};
  context_->RegisterCustom("both",
                           {.host =
                                [&](std::span<const CustomArray> in, std::span<const CustomArray> out) {
                                  ++here;
                                  for (std::size_t i = 0; i < 10; ++i)
                                    out[0].as<float>()[i] = 5 * in[0].as<float>()[i];
                                  return Status();
                                },
                            .cuda = Scale(5)});
  const Tensor x = arange(10, DType::f32);
  EXPECT_EQ(Call("both", x).to_vector<float>()[9], 45);
  EXPECT_EQ(here, 1);
  EXPECT_EQ(launches_, 0);
  EXPECT_EQ(Call("both", to_device(x, "gpu:0")).to_vector<float>()[9], 45);
  EXPECT_EQ(here, 1);
  EXPECT_EQ(launches_, 1);
}

TEST_F(GpuCustom, WithALaunchFunctionOnlyItIsNotPlacedOnACpu) {
  context_->RegisterCustom("twice", CustomOp{.cuda = Scale(2)});
  const Tensor x = arange(10, DType::f32).wait();
  EXPECT_EQ(Call("twice", x).to_vector<float>()[9], 18);
  EXPECT_EQ(launches_, 1);
  const std::string placed = Dump(Call("twice", x), "placed");
  EXPECT_NE(
      placed.find("// gpu:0: custom op \"twice\" has a launch function for GPUs only; its operands are on "
                  "cpu:0"),
      std::string::npos)
      << placed;
}

TEST_F(GpuCustom, WhereNothingPutsItOnAGpuThatIsAnError) {
  context_->RegisterCustom("make", CustomOp{.cuda = [](const CudaLaunch&) { return Status(); }});
  const Status s = StatusOf(custom("make", {}, {DType::f32, {4}}));
  EXPECT_EQ(s.code(), Code::unimplemented);
  EXPECT_NE(s.message().find("custom op \"make\" has a launch function for GPUs only, and runs on cpu:0"),
            std::string::npos)
      << s.message();
  Context host_only({.workers = 1});
  const Context::Scope scope(host_only);
  host_only.RegisterCustom("make", CustomOp{.cuda = [](const CudaLaunch&) { return Status(); }});
  const Status t = StatusOf(Call("make", arange(4, DType::f32)));
  EXPECT_EQ(t.code(), Code::unimplemented);
  EXPECT_NE(t.message().find("has a launch function for GPUs only"), std::string::npos) << t.message();
}

TEST_F(GpuCustom, WithoutAnyFunctionItIsRefused) {
  try {
    context_->RegisterCustom("nothing", CustomOp{});
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::invalid_argument);
    EXPECT_STREQ(e.status().message().c_str(), "RegisterCustom: \"nothing\" has no function");
  }
}

TEST_F(GpuCustom, EstimatesPutItOnlyWhereItHasAFunction) {
  Context context({.workers = 2,
                   .gpu_devices = 1,
                   .cuda_driver = LEAT_FAKE_CUDA,
                   .placement = PlacementPolicy::automatic});
  const Context::Scope scope(context);
  gpu_.Serve(context.state()->engine());
  std::atomic<int> here{0};
  context.RegisterCustom("there", CustomOp{.cuda = Scale(2)});
  context.RegisterCustom("here", [&](std::span<const CustomArray> in, std::span<const CustomArray> out) {
    ++here;
    for (std::size_t i = 0; i < 64; ++i) out[0].as<float>()[i] = 3 * in[0].as<float>()[i];
    return Status();
  });
  const Tensor x = arange(64, DType::f32).wait();
  EXPECT_EQ((Call("here", Call("there", x + 1)) + 1).to_vector<float>()[63], 64 * 6 + 1);
  EXPECT_EQ(
      (Call("there", to_device(Call("here", to_device(x, "gpu:0")), "cpu:0")) + 1).to_vector<float>()[63],
      63 * 6 + 1);
  EXPECT_EQ(launches_, 2);
  EXPECT_EQ(here, 2);
}

}  // namespace
}  // namespace leat
