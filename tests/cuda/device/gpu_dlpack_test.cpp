// Device memory by DLPack, and the embedder's streams: on the fake driver, whose streams are slow, so that
// what does not wait reads something else.
#include <dlpack/dlpack.h>
#include <gtest/gtest.h>

#include "compiler/frontend/context_state.h"
#include "leat/leat.h"
#include "tests/cuda/fake/launches.h"

namespace leat {
namespace {

using runtime::cuda::CuAddress;
using runtime::cuda::CuResult;

constexpr std::int64_t kCount = 4000;
constexpr std::size_t kBytes = kCount * sizeof(float);

/// Another user of the driver: its own stream, device memory and pinned memory.
class Embedder {
 public:
  Embedder() : driver_(*runtime::cuda::Driver::Open(LEAT_FAKE_CUDA)) {
    Expect(driver_->DevicePrimaryCtxRetain(&context_, 0));
    const Here here(*this);
    Expect(driver_->StreamCreate(&stream_, 1));
    Expect(driver_->MemAlloc(&memory_, kBytes + 64));
    void* pinned = nullptr;
    Expect(driver_->MemHostAlloc(&pinned, kBytes, 0));
    pinned_ = static_cast<float*>(pinned);
  }
  ~Embedder() {
    {
      const Here here(*this);
      Expect(driver_->StreamDestroy(stream_));
      Expect(driver_->MemFree(memory_));
      Expect(driver_->MemFreeHost(pinned_));
    }
    Expect(driver_->DevicePrimaryCtxRelease(0));
  }
  /// Queues writing `value` everywhere, after a while.
  void Write(float value) {
    std::fill(pinned_, pinned_ + kCount, value);
    const Here here(*this);
    Slow();
    Expect(driver_->MemcpyHtoDAsync(memory_, pinned_, kBytes, stream_));
  }
  /// Queues reading `from`, after a while; Values() waits for it.
  void Read(const void* from) {
    const Here here(*this);
    Slow();
    Expect(driver_->MemcpyDtoHAsync(pinned_, reinterpret_cast<CuAddress>(from), kBytes, stream_));
  }
  std::vector<float> Values() {
    const Here here(*this);
    Expect(driver_->StreamSynchronize(stream_));
    return {pinned_, pinned_ + kCount};
  }
  void* context() const { return context_; }
  void* memory() const { return reinterpret_cast<void*>(memory_); }
  CudaStream stream() const { return CudaStream(stream_); }

 private:
  struct Here {
    explicit Here(const Embedder& e) : driver(*e.driver_) { Expect(driver.CtxPushCurrent(e.context_)); }
    ~Here() {
      runtime::cuda::CuContext popped = nullptr;
      Expect(driver.CtxPopCurrent(&popped));
    }
    const runtime::cuda::Driver& driver;
  };
  static void Expect(CuResult result) { EXPECT_EQ(static_cast<int>(result), 0); }
  void Slow() {
    for (int i = 0; i < 20; ++i) Expect(driver_->MemcpyHtoDAsync(memory_ + kBytes, pinned_, 16, stream_));
  }

  const std::shared_ptr<const runtime::cuda::Driver> driver_;
  runtime::cuda::CuContext context_ = nullptr;
  runtime::cuda::CuStream stream_ = nullptr;
  CuAddress memory_ = 0;
  float* pinned_ = nullptr;
};

/// Memory of the embedder's as a DLManagedTensor.
struct Foreign {
  DLManagedTensor managed{};
  std::int64_t shape[1] = {kCount}, strides[1] = {1};
  std::atomic<int> deleted{0};
  explicit Foreign(const Embedder& embedder) {
    managed.dl_tensor = {embedder.memory(), {kDLCUDA, 0}, 1, {kDLFloat, 32, 1}, shape, strides, 0};
    managed.manager_ctx = this;
    managed.deleter = [](DLManagedTensor* self) { ++static_cast<Foreign*>(self->manager_ctx)->deleted; };
  }
};

class GpuDlpack : public ::testing::Test {
 protected:
  GpuDlpack() { gpu_.Serve(context_->state()->engine()); }
  std::string ErrorOf(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::invalid_argument);
      return e.status().message();
    }
    return "no error";
  }
  fake_cuda::FakeGpu gpu_{{.devices = 1}};
  Embedder embedder_;
  std::unique_ptr<Context> context_ = std::make_unique<Context>(
      ContextOptions{.workers = 2, .gpu_devices = 1, .cuda_driver = LEAT_FAKE_CUDA});
  std::unique_ptr<Context::Scope> scope_ = std::make_unique<Context::Scope>(*context_);
};

TEST_F(GpuDlpack, AnExportIsWhereTheValueIsAndComesBackAsItself) {
  const Tensor x = (to_device(arange(kCount, DType::f32), "gpu:0") + 1).wait();
  DLManagedTensor* const out = to_dlpack(x);
  EXPECT_EQ(out->dl_tensor.device.device_type, kDLCUDA);
  EXPECT_EQ(out->dl_tensor.device.device_id, 0);
  EXPECT_EQ(out->dl_tensor.shape[0], kCount);
  void* const data = out->dl_tensor.data;
  const Tensor back = from_dlpack(out, embedder_.stream());
  DLManagedTensor* const again = to_dlpack(back);
  EXPECT_EQ(again->dl_tensor.data, data);
  again->deleter(again);
  EXPECT_EQ((back * 2).data<float>()[kCount - 1], 2 * kCount);
  DLManagedTensor* const host = to_dlpack(to_device(back, "cpu:0"));
  EXPECT_EQ(host->dl_tensor.device.device_type, kDLCPU);
  EXPECT_EQ(static_cast<const float*>(host->dl_tensor.data)[1], 2);
  host->deleter(host);
}

TEST_F(GpuDlpack, WhatTheStreamStillWritesIsWaitedFor) {
  const Tensor ones = to_device(full({kCount}, 1.0f), "gpu:0").wait();
  for (int round = 1; round <= 5; ++round) {
    Foreign foreign(embedder_);
    embedder_.Write(static_cast<float>(round));
    {
      const Tensor x = from_dlpack(&foreign.managed, embedder_.stream());
      EXPECT_EQ(sum(x + ones).item<float>(), static_cast<float>(kCount * (round + 1)));
      EXPECT_EQ(foreign.deleted, 0);
    }
    context_->wait_all();  // runs hold what they read until they are at rest
    EXPECT_EQ(foreign.deleted, 1);
  }
}

TEST_F(GpuDlpack, AStreamCanBeWaitedForWithoutATensor) {
  Foreign foreign(embedder_);
  {
    const Tensor x = from_dlpack(&foreign.managed, CudaStream::None());
    embedder_.Write(7);
    wait_for_stream(embedder_.stream());
    EXPECT_EQ((x * 2).data<float>()[kCount - 1], 14);
  }
  context_->wait_all();
  EXPECT_EQ(foreign.deleted, 1);
}

TEST_F(GpuDlpack, MemoryIsUsedAgainOnlyBehindTheStreamThatReadsIt) {
  const auto compute = [] { return (to_device(full({kCount}, -1.0f), "gpu:0") * 3).wait(); };
  compute();  // has its arena from now on
  for (int round = 1; round <= 5; ++round) {
    Tensor x = to_device(full({kCount}, static_cast<float>(round)), "gpu:0").wait();
    DLManagedTensor* const out = to_dlpack(x, embedder_.stream());
    void* const data = out->dl_tensor.data;
    x = Tensor();
    embedder_.Read(data);
    context_->wait_all();
    out->deleter(out);  // the read is queued, and slow
    bool reused = false;
    std::vector<Tensor> results;
    for (int k = 0; k < 4; ++k) {  // whoever gets the block writes into it
      results.push_back(compute());
      DLManagedTensor* const there = to_dlpack(results.back(), CudaStream::None());
      reused = reused || there->dl_tensor.data == data;
      there->deleter(there);
    }
    EXPECT_TRUE(reused);
    EXPECT_EQ(embedder_.Values(), std::vector<float>(kCount, static_cast<float>(round)));
  }
}

TEST_F(GpuDlpack, AnExportOutlivesItsContext) {
  DLManagedTensor* const out = to_dlpack(to_device(full({kCount}, 5.0f), "gpu:0"), embedder_.stream());
  scope_.reset();
  context_.reset();
  embedder_.Read(out->dl_tensor.data);
  out->deleter(out);
  EXPECT_EQ(embedder_.Values(), std::vector<float>(kCount, 5.0f));
}

TEST_F(GpuDlpack, AnEngineWorksInTheEmbeddersContext) {
  scope_.reset();
  context_.reset();
  const std::int64_t retained = gpu_.driver().calls()["cuDevicePrimaryCtxRetain"];
  {
    const Engine engine({.workers = 2,
                         .gpu_devices = 1,
                         .cuda_driver = LEAT_FAKE_CUDA,
                         .cuda_contexts = {embedder_.context()}});
    gpu_.Serve(*engine.state());
    Context context(engine);
    const Context::Scope scope(context);
    EXPECT_EQ(sum(to_device(full({kCount}, 2.0f), "gpu:0")).item<float>(), 2 * kCount);
  }
  EXPECT_EQ(gpu_.driver().calls()["cuDevicePrimaryCtxRetain"], retained);
  embedder_.Write(3);  // its context is still its own
  EXPECT_EQ(embedder_.Values()[0], 3);
  EXPECT_EQ(
      ErrorOf([&] { Engine({.gpu_devices = 1, .cuda_driver = LEAT_FAKE_CUDA, .cuda_contexts = {nullptr}}); }),
      "engine: cuda_contexts must have one for each of gpu_devices, none of them null");
}

TEST_F(GpuDlpack, WhatDoesNotFitIsRefusedAndStaysTheCallers) {
  Foreign foreign(embedder_);
  DLTensor& t = foreign.managed.dl_tensor;
  const auto import = [&](CudaStream stream) {
    return [&, stream] { from_dlpack(&foreign.managed, stream); };
  };
  EXPECT_EQ(ErrorOf(import(CudaStream(std::intptr_t{0}))),
            "from_dlpack: 0 names no stream; name the default one by 1 (legacy) or 2 (per thread)");
  t.device.device_id = 3;
  EXPECT_EQ(ErrorOf(import(CudaStream())),
            "from_dlpack: memory of CUDA device 3, which is none of this Context's GPUs "
            "(ContextOptions::gpu_devices)");
  t.device = {kDLOpenCL, 0};
  EXPECT_EQ(ErrorOf(import(CudaStream())),
            "from_dlpack: memory of device type 4, neither of the CPU nor of a GPU of CUDA");
  t.device = {kDLCUDA, 0};
  t.byte_offset = 4;
  EXPECT_EQ(ErrorOf(import(CudaStream())),
            "from_dlpack: memory of a GPU must be dense and aligned to 16 bytes; this is not aligned: make a "
            "contiguous copy where it comes from");
  t.byte_offset = 0;
  foreign.shape[0] = kCount / 2;
  foreign.strides[0] = 2;
  EXPECT_EQ(ErrorOf(import(CudaStream())),
            "from_dlpack: memory of a GPU must be dense and aligned to 16 bytes; this is strided: make a "
            "contiguous copy where it comes from");
  EXPECT_EQ(ErrorOf([] { wait_for_stream(CudaStream(), "cpu:0"); }),
            "wait_for_stream: \"cpu:0\" is no GPU of this Context");
  EXPECT_EQ(foreign.deleted, 0);
}

}  // namespace
}  // namespace leat
