// What one run of a Program holds of a GPU: its streams, events, pinned memory and what it waits for.
//
// Made with an Instance and pooled with it; one run at a time uses it. The steps of the run take turns on the
// streams: StepTurn puts a step behind what it waits for, and marks where it is done for who waits for it.
//
//   StepTurn turn(context, device);                           // in Execute of a GpuStepBody
//   if (!turn.status().ok()) return turn.status();
//   ... driver calls on turn.stream() ...
//   return turn.Done();
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/cuda/gpu.h"
#include "runtime/program/program.h"

namespace leat::runtime::cuda {

/// The body of a step that is handed to a GPU.
class GpuStepBody : public StepBody {
 public:
  explicit GpuStepBody(DeviceId device) : device_(device) {}
  bool queued() const final { return true; }
  DeviceId device() const { return device_; }
  /// Pinned memory that the step needs in each run.
  virtual std::size_t pinned_bytes() const { return 0; }
  /// What it launches, in order.
  virtual std::vector<std::shared_ptr<const GpuCode>> codes() const { return {}; }

 private:
  const DeviceId device_;
};

/// When a step was done by the device, on the host's steady clock.
struct StreamTime {
  std::uint32_t step;
  std::uint32_t track;  // the stream's set times kStreams, plus its number
  std::int64_t begin_ns, end_ns;
};

class GpuRun {
 public:
  static StatusOr<std::unique_ptr<GpuRun>> Create(std::shared_ptr<Gpu> gpu, const Program& program,
                                                  DeviceId device);
  ~GpuRun();
  Gpu& gpu() const { return *gpu_; }
  CuStream stream(std::uint32_t number) const { return (*streams_)[number]; }
  /// The event of a step that others wait for; null for any other step.
  CuEvent event(std::uint32_t step) const { return events_[step]; }
  /// The step's pinned memory, cleared by Begin.
  std::byte* pinned(std::uint32_t step) const {
    return static_cast<std::byte*>(pinned_->data()) + offsets_[step];
  }
  Completion& completion(std::uint32_t step) { return completions_[step]; }
  /// Events for streams to join at the end, one per stream.
  CuEvent join_event(std::uint32_t number) const { return joins_[number]; }
  const std::vector<std::uint32_t>& streams_used() const { return used_; }
  /// Keeps a staging buffer until the run is at rest, or the next use of the step.
  void Hold(std::uint32_t step, Ref<Buffer> buffer);
  const Ref<Buffer>& held(std::uint32_t step) const { return held_[step]; }

  void Begin(bool timed);  // of a run
  void AtRest();           // gives staging buffers back

  // Times, of a timed run. What goes wrong with a time leaves it out: looking changes nothing.
  void MarkBegin(std::uint32_t step, CuStream stream) { Mark(step, stream, &Timing::begin); }
  void MarkEnd(std::uint32_t step, CuStream stream) { Mark(step, stream, &Timing::end); }
  /// The step's stream is known to be past its end at this time.
  void Known(std::uint32_t step, std::int64_t at_ns);
  /// Of every step that ran. REQUIRES: the run is at rest and AtRest was not called yet.
  std::vector<StreamTime> Times(const Program& program);

 private:
  struct Timing {
    struct Moment {
      CuEvent event = nullptr;  // made at the first timed run
      bool recorded = false;
    } begin, end;
    std::int64_t known_ns = 0;
  };
  void Mark(std::uint32_t step, CuStream stream, Timing::Moment Timing::*which);

  GpuRun(std::shared_ptr<Gpu> gpu, std::size_t steps)
      : gpu_(std::move(gpu)), events_(steps), offsets_(steps), held_(steps), completions_(steps) {}
  const std::shared_ptr<Gpu> gpu_;
  const StreamSet* streams_ = nullptr;
  std::vector<CuEvent> events_, joins_;
  std::vector<std::uint32_t> used_;
  std::vector<std::size_t> offsets_;
  std::size_t pinned_bytes_ = 0;
  Ref<Buffer> pinned_;
  std::vector<Ref<Buffer>> held_;  // by step; each written by its step alone
  std::vector<Completion> completions_;
  bool timed_ = false;
  std::vector<Timing> timings_;  // by step; each written by its step alone
};

/// A step's turn on its stream. The device's context is current while it lives.
class StepTurn {
 public:
  StepTurn(StepContext& context, DeviceId device);
  /// Why the step cannot run: the device is lost, a call failed.
  const Status& status() const { return status_; }
  CuStream stream() const { return stream_; }
  GpuRun& run() const { return *run_; }
  Gpu& gpu() const { return *gpu_; }
  /// The work begins only now: what the host did for it since the turn began is not the device's time.
  void BeginsHere() { run_->MarkBegin(context_.step_ordinal(), stream_); }
  /// Ok where the stream has been told; then others may wait for the step.
  Status Done();
  /// The first half of the step is over: the second comes when the stream has got here. Nothing of the run
  /// may be touched afterwards. Where the executor cannot wait without blocking, this does.
  Status Defer(const StepBody& body);

 private:
  StepContext& context_;
  GpuRun* run_;
  Gpu* gpu_;
  Gpu::Current current_;
  CuStream stream_;
  Status status_;
};

}  // namespace leat::runtime::cuda
