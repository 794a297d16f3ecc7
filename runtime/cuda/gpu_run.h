// What one run of a Program holds of a GPU: its streams, events, pinned memory and what it waits for.
//
// Made with an Instance and pooled with it; one run at a time uses it. The steps of the run take turns on the
// streams: StepTurn puts a step behind what it waits for, and marks where it is done for who waits for it.
// From the second run on device graphs launch the steps that are theirs (device_graph.h).
//
//   StepTurn turn(context, device);                           // in Queue of a GpuStepBody
//   if (!turn.status().ok()) return turn.status();
//   ... driver calls on turn.stream() ...
//   return turn.Done();
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/cuda/gpu.h"
#include "runtime/program/program.h"

namespace leat::runtime::cuda {

/// Where the launches of a step go: its stream, or a device graph.
class LaunchTarget {
 public:
  virtual Status Launch(CuFunction function, const LaunchGeometry& geometry, void** parameters) = 0;

 protected:
  ~LaunchTarget() = default;
};

/// The body of a step that is handed to a GPU.
class GpuStepBody : public StepBody {
 public:
  /// How a device graph launches the step.
  enum class InGraph : std::uint8_t {
    never,     // it is not part of any
    kernels,   // Launch says which, and with what
    captured,  // Queue calls a library: a stream captures what that does
  };
  explicit GpuStepBody(DeviceId device) : device_(device) {}
  bool queued() const final { return true; }
  DeviceId device() const { return device_; }
  virtual InGraph in_graph() const { return InGraph::never; }
  /// Queues the step, unless its device graph is to do it: then that is told that the step had its turn.
  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override;
  /// The step's turn on its stream: what Launch launches.
  virtual Status Queue(StepContext& context) const;
  /// Its launches, one after another, as many in each run. REQUIRES: a Gpu::Current.
  virtual Status Launch(StepContext& context, LaunchTarget& target) const;
  /// Pinned memory that the step needs: of flags, which are 0 as each run begins, and behind them of what it
  /// writes itself and finds again in the next run.
  virtual std::size_t flag_bytes() const { return 0; }
  virtual std::size_t block_bytes() const { return 0; }
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

class DeviceGraph;  // runtime/cuda/device_graph.h

class GpuRun {
 public:
  static StatusOr<std::unique_ptr<GpuRun>> Create(std::shared_ptr<Gpu> gpu, const Program& program,
                                                  DeviceId device);
  ~GpuRun();
  Gpu& gpu() const { return *gpu_; }
  CuStream stream(std::uint32_t number) const { return (*streams_)[number]; }
  /// The event of a step that others wait for; null for any other step.
  CuEvent event(std::uint32_t step) const { return events_[step]; }
  /// The step's pinned memory: its flags, cleared by Begin, and its block.
  std::byte* flags(std::uint32_t step) const {
    return static_cast<std::byte*>(pinned_->data()) + flag_offsets_[step];
  }
  std::byte* block(std::uint32_t step) const {
    return static_cast<std::byte*>(pinned_->data()) + block_offsets_[step];
  }
  Completion& completion(std::uint32_t step) { return completions_[step]; }
  /// Events for streams to join at the end, one per stream.
  CuEvent join_event(std::uint32_t number) const { return joins_[number]; }
  /// The streams that the program uses on the device; those that this run has used.
  const std::vector<std::uint32_t>& streams() const { return used_; }
  bool touched(std::uint32_t stream) const { return touched_[stream].load(std::memory_order_relaxed); }
  /// Keeps a staging buffer until the run is at rest, or the next use of the step.
  void Hold(std::uint32_t step, Ref<Buffer> buffer);
  const Ref<Buffer>& held(std::uint32_t step) const { return held_[step]; }

  // Steps that a device graph launches.
  /// Whether this run launches device graphs. Not the first one of an Instance: most programs of a pending
  /// expression run once, and a graph that is launched once costs more than it saves. Not a timed one: in a
  /// graph no step has times of its own.
  bool as_graphs() const { return as_graphs_; }
  /// The graph of a step that launches one.
  DeviceGraph& graph(std::uint32_t step) const { return *graphs_[step]; }
  /// The step had its turn: it may run.
  void Passed(std::uint32_t step) { turns_[step].passed = true; }
  bool passed(std::uint32_t step) const { return turns_[step].passed; }
  /// Queue of the step is called for `stream` to capture what it does; null: no longer.
  void Capture(std::uint32_t step, CuStream stream) { turns_[step].capture = stream; }

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
  friend class StepTurn;
  struct Turn {                             // of a step; written by whoever's turn it is
    bool passed = false, recorded = false;  // its event, in this run
    CuStream capture = nullptr;
  };
  struct Timing {
    struct Moment {
      CuEvent event = nullptr;  // made at the first timed run
      bool recorded = false;
    } begin, end;
    std::int64_t known_ns = 0;
  };
  void Mark(std::uint32_t step, CuStream stream, Timing::Moment Timing::*which);

  GpuRun(std::shared_ptr<Gpu> gpu, std::size_t steps);
  const std::shared_ptr<Gpu> gpu_;
  const StreamSet* streams_ = nullptr;
  std::vector<CuEvent> events_, joins_;
  std::vector<std::uint32_t> used_;
  std::array<std::atomic<bool>, kStreams> touched_{};
  std::vector<std::size_t> flag_offsets_, block_offsets_;
  std::size_t flag_bytes_ = 0;  // of all steps: the blocks come behind
  Ref<Buffer> pinned_;
  std::vector<Ref<Buffer>> held_;  // by step; each written by its step alone
  std::vector<Completion> completions_;
  bool timed_ = false, as_graphs_ = false, ran_ = false;
  std::vector<Timing> timings_;                       // by step; each written by its step alone
  std::vector<Turn> turns_;                           // by step
  std::vector<std::unique_ptr<DeviceGraph>> graphs_;  // by step; null for most
};

/// A step's turn on its stream, or on the one that captures it. The device's context is current while it
/// lives.
class StepTurn {
 public:
  /// `launches_graph`: it waits for what the steps of its graph wait for, not for them.
  StepTurn(StepContext& context, DeviceId device, bool launches_graph = false);
  /// Why the step cannot run: the device is lost, a call failed.
  const Status& status() const { return status_; }
  CuStream stream() const { return stream_; }
  GpuRun& run() const { return *run_; }
  Gpu& gpu() const { return *gpu_; }
  /// The work begins only now: what the host did for it since the turn began is not the device's time.
  void BeginsHere() {
    if (!captured_) run_->MarkBegin(context_.step_ordinal(), stream_);
  }
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
  bool captured_;  // others wait for the graph that it is part of
  Status status_;
};

}  // namespace leat::runtime::cuda
