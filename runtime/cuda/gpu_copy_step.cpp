// Copies to, from and between GPUs, and the step that ends a device's part of a run.
//
// Host memory of tensors is not pinned: a copy goes through pinned blocks of the device, which the host fills
// or empties, so that the driver never has to wait.
#include <algorithm>
#include <cstring>

#include "runtime/cuda/gpu_run.h"
#include "runtime/cuda/gpu_steps.h"

namespace leat::runtime::cuda {
namespace {

// The host fills one block while the device fetches the one before.
constexpr std::size_t kBlock = std::size_t{4} << 20;
// PCIe 4 x16, and what a launch takes.
constexpr double kBytesPerNs = 20, kLatencyNs = 10'000;

CuAddress address(const void* pointer) { return reinterpret_cast<CuAddress>(pointer); }

class CopyIn final : public GpuStepBody {
 public:
  CopyIn(DeviceId to, std::int64_t bytes) : GpuStepBody(to), bytes_(static_cast<std::size_t>(bytes)) {}
  Status Execute(StepContext& context, std::int64_t, std::int64_t) const override {
    StepTurn turn(context, device());
    if (!turn.status().ok()) return turn.status();
    if (bytes_ == 0) return turn.Done();
    Gpu& gpu = turn.gpu();
    StatusOr<Ref<Buffer>> staging = gpu.pinned().Allocate(bytes_);
    if (!staging.ok()) return staging.status().WithNote("pinned host memory for a copy to " + gpu.name());
    auto* const pinned = static_cast<std::byte*>((*staging)->data());
    turn.run().Hold(context.step_ordinal(), *std::move(staging));
    const auto* const from = static_cast<const std::byte*>(context.pointers[0]);
    for (std::size_t at = 0; at < bytes_; at += kBlock) {
      const std::size_t n = std::min(kBlock, bytes_ - at);
      std::memcpy(pinned + at, from + at, n);
      if (at == 0) turn.BeginsHere();
      if (Status s = gpu.Check(
              gpu.driver().MemcpyHtoDAsync(address(context.pointers[1]) + at, pinned + at, n, turn.stream()),
              "cuMemcpyHtoDAsync");
          !s.ok()) {
        return s;
      }
    }
    return turn.Done();
  }
  bool ReadsUnaligned(std::size_t) const override { return true; }
  std::string_view kind() const override { return "copy"; }
  std::string ToString() const override { return "copy " + std::to_string(bytes_) + "B to the device"; }

 private:
  const std::size_t bytes_;
};

class CopyOut final : public GpuStepBody {
 public:
  CopyOut(DeviceId from, std::int64_t bytes) : GpuStepBody(from), bytes_(static_cast<std::size_t>(bytes)) {}
  bool defers() const override { return true; }
  Status Execute(StepContext& context, std::int64_t, std::int64_t) const override {
    StepTurn turn(context, device());
    if (!turn.status().ok()) return turn.status();
    if (bytes_ > 0) {
      Gpu& gpu = turn.gpu();
      StatusOr<Ref<Buffer>> staging = gpu.pinned().Allocate(bytes_);
      if (!staging.ok()) return staging.status().WithNote("pinned host memory for a copy from " + gpu.name());
      void* const pinned = (*staging)->data();
      turn.run().Hold(context.step_ordinal(), *std::move(staging));
      if (Status s = gpu.Check(
              gpu.driver().MemcpyDtoHAsync(pinned, address(context.pointers[0]), bytes_, turn.stream()),
              "cuMemcpyDtoHAsync");
          !s.ok()) {
        return s;
      }
    }
    return turn.Defer(*this);
  }
  Status Finish(StepContext& context) const override {
    GpuRun& run = *context.gpu(device());
    if (Status s = run.gpu().lost(); !s.ok()) return s;
    if (bytes_ > 0) std::memcpy(context.pointers[1], run.held(context.step_ordinal())->data(), bytes_);
    run.Hold(context.step_ordinal(), nullptr);
    return {};
  }
  std::string_view kind() const override { return "copy"; }
  std::string ToString() const override { return "copy " + std::to_string(bytes_) + "B from the device"; }

 private:
  const std::size_t bytes_;
};

class CopyAcross final : public GpuStepBody {
 public:
  CopyAcross(DeviceId from, DeviceId to, std::int64_t bytes)
      : GpuStepBody(to), from_(from), bytes_(static_cast<std::size_t>(bytes)) {}
  Status Execute(StepContext& context, std::int64_t, std::int64_t) const override {
    StepTurn turn(context, device());
    if (!turn.status().ok()) return turn.status();
    if (bytes_ == 0) return turn.Done();
    Gpu& gpu = turn.gpu();
    if (Status s = gpu.Check(gpu.driver().MemcpyPeerAsync(
                                 address(context.pointers[1]), gpu.context(), address(context.pointers[0]),
                                 context.gpu(from_)->gpu().context(), bytes_, turn.stream()),
                             "cuMemcpyPeerAsync");
        !s.ok()) {
      return s;
    }
    return turn.Done();
  }
  std::string_view kind() const override { return "copy"; }
  std::string ToString() const override {
    return "copy " + std::to_string(bytes_) + "B from device " + std::to_string(from_);
  }

 private:
  const DeviceId from_;
  const std::size_t bytes_;
};

class Settle final : public GpuStepBody {
 public:
  explicit Settle(DeviceId device) : GpuStepBody(device) {}
  bool defers() const override { return true; }
  bool settles() const override { return true; }
  Status Execute(StepContext& context, std::int64_t, std::int64_t) const override {
    StepTurn turn(context, device());
    Gpu& gpu = turn.gpu();
    Status status = turn.status();
    GpuRun& run = turn.run();
    const std::uint32_t mine = context.stream_use().stream;
    // Whatever steps did not run: the streams join here.
    for (std::uint32_t number : run.streams()) {
      if (number == mine || !run.touched(number) || !status.ok()) continue;
      status =
          gpu.Check(gpu.driver().EventRecord(run.join_event(number), run.stream(number)), "cuEventRecord");
      if (status.ok())
        status = gpu.Check(gpu.driver().StreamWaitEvent(turn.stream(), run.join_event(number), 0),
                           "cuStreamWaitEvent");
    }
    if (status.ok()) return turn.Defer(*this);
    // The memory of the run is about to be given back.
    if (gpu.lost().ok()) {
      for (std::uint32_t number : run.streams()) {
        const CuStream stream = run.stream(number);
        if (gpu.driver().StreamSynchronize(stream) != CuResult::success)
          gpu.driver().StreamSynchronize(stream);
      }
    }
    gpu.AwaitQuiet();
    return status;
  }
  Status Finish(StepContext& context) const override { return context.gpu(device())->gpu().lost(); }
  std::string_view kind() const override { return "settle"; }
  std::string ToString() const override { return "the device is done"; }
};

}  // namespace

CopyCost make_gpu_copy_step(DeviceId from, bool from_gpu, DeviceId to, bool to_gpu, std::int64_t bytes) {
  CopyCost copy;
  copy.cost_ns = kLatencyNs + static_cast<double>(bytes) / kBytesPerNs;
  if (from_gpu && to_gpu) {
    copy.body = std::make_shared<CopyAcross>(from, to, bytes);
  } else if (from_gpu) {
    copy.body = std::make_shared<CopyOut>(from, bytes);
  } else {
    copy.body = std::make_shared<CopyIn>(to, bytes);
  }
  return copy;
}

DeviceId device_of_copy(const StepBody& body) { return static_cast<const GpuStepBody&>(body).device(); }

std::shared_ptr<const StepBody> make_settle_step(DeviceId device) { return std::make_shared<Settle>(device); }

}  // namespace leat::runtime::cuda
