// What an engine is made of. Runs, values with listeners and posted jobs keep it alive; Engine closes it.
//
// Thread-safe. Ownership: the pool's threads, memories, idle instances, and through Admission every run in
// flight. Nothing here is process-wide.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "runtime/engine/admission.h"
#include "runtime/engine/deadline_timer.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/pool.h"
#include "runtime/engine/profiler_ranges.h"
#include "runtime/executor/instance.h"

namespace leat::runtime {

struct StepPiece;

class EngineCore final : public Pool::Client, public std::enable_shared_from_this<EngineCore> {
 public:
  /// `gpus` follow the CPUs in number.
  EngineCore(EngineOptions options, std::vector<std::shared_ptr<cuda::Gpu>> gpus);
  ~EngineCore();

  // Pool::Client
  void Execute(Worker& me, Item item) override;
  void RunJob(Worker& me, std::function<void()> job, Priority priority) override;
  bool Busy() const override { return admission.runs_under_way(); }

  /// Starts (or buries) every run that admission lets through.
  void Kick();
  /// Runs all steps of a bound run in order on this thread; `me` may be null.
  void RunSerially(Worker* me, RunState& run);
  /// The same in the order of options.schedule.
  void RunInOrder(Worker* me, RunState& run);
  /// A whole step, or a range of its units; releases nothing.
  void RunPiece(Worker* me, RunState& run, const StepPiece& piece);
  /// As Engine::Describe.
  std::string Describe() const;
  /// The status that a forked child gets; ok in the process that made the engine.
  Status CheckUsable() const;
  std::vector<TraceEvent> TakeTrace();

  bool on_host(DeviceId device) const { return gpus[device] == nullptr; }
  /// The content of `value` on another device, once it is there: a run of its own copies it. Its errors are
  /// those of `value`, or of the copy. What is on a device already stays.
  Ref<Value> Move(const Ref<Value>& value, DeviceId to, const Ref<RunGroup>& group);

  const EngineOptions options;
  const Gpus gpus;
  Memories memories;
  Admission admission;
  InstancePool instances;
  DeadlineTimer timer;
  Pool pool;
  std::atomic<bool> tracing{false};
  const ProfilerRanges* const ranges = ProfilerRanges::Get();
  std::atomic<bool> closed{false};
  std::atomic<std::uint64_t> next_run{1};
  std::atomic<std::uint64_t> serial_steps{0};  // run on threads without a place
  TraceBuffer run_trace;

  /// Runs estimated shorter than this are not worth a second thread: waking one takes 5 to 60 us.
  static constexpr double kSerialNs = 20'000;
  /// Nor are runs whose steps are shorter on average than what sharing them costs (10 to 25 ns each).
  static constexpr double kSerialStepNs = 25;

 private:
  const std::uint32_t fork_generation_;
};

}  // namespace leat::runtime
