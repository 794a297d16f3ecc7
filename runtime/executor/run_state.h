// A run in flight: the one implementation of Run.
//
// Life: planning -> waiting (for admission) -> running -> done. It is kept alive by the engine while in
// flight and by the handles on it. What the workers read on every step stands first and does not change while
// the run runs, but for `attention`, which is 0 as long as nothing out of the ordinary happened.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "runtime/engine/trace_buffer.h"
#include "runtime/executor/faults.h"
#include "runtime/executor/instance.h"
#include "runtime/executor/run.h"

namespace leat::runtime {

class EngineCore;
class ProfilerRanges;
struct Worker;

class RunState final : public Run {
 public:
  enum Attention : std::uint32_t {
    stopping = 1,  // failed or cancelled: bodies are skipped
    tainted = 2,   // some buffer has no content
    traced = 4,
  };
  enum class Stage : std::uint8_t { planning, waiting, running, done };

  RunState(std::shared_ptr<EngineCore> core, RunRequest request, std::uint64_t id);
  ~RunState() override;

  Status Wait() override { return WaitUntil(Clock::time_point::max()); }
  Status WaitUntil(Clock::time_point deadline) override;
  bool done() const override { return done_.load(std::memory_order_acquire) == 1; }
  Status status() const override;
  void Cancel() override;
  void OnQuiescent(std::function<void()> callback) override;
  const std::string& label() const override { return request.label; }
  std::uint64_t id() const override { return id_; }
  std::string Explain() const override;
  /// The runs that write the inputs which have not arrived.
  std::vector<Ref<Run>> PendingProducers() const;

  // Lifecycle, called by the engine.
  /// The whole life of a run that may not begin: done, and its outputs say why.
  void Refuse(Status why);
  /// Watches the stop token and the deadline, and tells the outputs who writes them.
  void Watch();
  /// Makes the plan unless somebody else does; then hands the run to admission.
  void Plan();
  /// The whole life on the calling thread, for inputs that are done.
  void RunHere();
  /// Whether the plan fits the request; listens to the inputs that are pending.
  Status Prepare();
  /// Binds memory. A resource_exhausted status may be tried again when other runs have finished.
  Status Bind();
  /// Makes the inputs that are there known and the others gates. REQUIRES: Bind was ok.
  void BindInputs();
  /// The run is at rest: what is missing fails, everything is given back, everybody is told.
  void Finish();
  /// Stops the run with `failure`; the first one counts.
  void Fail(Status failure);
  /// Whether every pending input will come without this run's memory: its producer has been admitted.
  bool InputsOnTheWay() const;
  bool failed() const { return attention.load(std::memory_order_seq_cst) & stopping; }

  EngineCore& core() const { return *core_; }

  // Called while running, by the executor.
  /// A step that writes outputs is over: fulfils those of which it was the last writer.
  void OutputsWritten(std::uint32_t step);
  void StepFault(std::uint32_t step, Status fault, std::int64_t first_unit);
  /// Puts other memory where `step` would read buffers without content, for those of its results that do not
  /// depend on them. False, and the step tainted as a whole, where there is no memory for that.
  bool ReplaceTainted(std::uint32_t step);
  void Poison(std::uint32_t step, std::size_t use, Status fault, std::size_t source, std::int64_t first_unit);

  /// Lends the calling thread to this run until `satisfied(argument)`, there is nothing to do, or time runs
  /// out.
  void Help(Clock::time_point deadline, bool (*satisfied)(const void*), const void* argument);

  // Read on every step.
  const StepRecord* records = nullptr;
  const std::uint32_t* edges = nullptr;
  std::atomic<std::uint32_t>* pending = nullptr;
  void** pointers = nullptr;
  std::uint32_t single = 0;  // kSingle; 0 where inputs are pending and every counter counts
  std::uint32_t slot = 0;
  bool serial = false;  // step by step on the thread that takes the root
  std::atomic<std::uint32_t> attention{0};

  RunRequest request;
  std::shared_ptr<const Program> program;
  std::unique_ptr<Instance> instance;
  std::optional<Faults> faults;
  std::shared_ptr<const TraceRun> trace;
  const ProfilerRanges* ranges = nullptr;  // that a profiler wants of this run's steps

  // Admission's, under its lock.
  std::int64_t reserved_bytes = 0, peak_bytes = 0;
  std::uint64_t memory_epoch = 0;  // when it was let through
  bool put_back = false;           // it found no memory then
  RunState *previous = nullptr, *next = nullptr;
  std::atomic<Stage> stage{Stage::planning};

 private:
  /// One round of help: whether it found something to do.
  bool HelpOnce(Clock::time_point deadline, bool (*satisfied)(const void*), const void* argument);
  double PatienceNs(Clock::time_point deadline) const;
  void MakeProgram();
  void InputDone(std::uint32_t input);
  /// Releases the readers of an input whose gate was closed and is open now.
  void ReleaseReaders(std::uint32_t input);
  /// Lets a failed run come to rest without the inputs it waits for.
  void OpenGates();
  /// Uses the content, or the fault, of a done input.
  void ResolveInput(std::uint32_t input);
  void FulfilOutput(std::uint32_t ordinal, const Ref<Buffer>& buffer);
  void Complete(std::uint32_t ordinal, const Ref<Buffer>& content);
  /// Replaces the inputs that are on another device than the plan reads them on, where a GPU is one of the
  /// two, by copies that are on their way.
  void MoveInputs();
  /// The content of an input where the plan reads it: itself, or a copy on another CPU.
  StatusOr<Ref<Buffer>> InputBuffer(std::uint32_t input, const Ref<Buffer>& content) const;
  StatusOr<Ref<Buffer>> Allocate(DeviceId device, std::size_t bytes) const;
  StatusOr<Ref<Buffer>> OutputBuffer(std::uint32_t ordinal);

  struct Stopper {
    RunState* run;
    void operator()() const { run->Cancel(); }
  };

  const std::shared_ptr<EngineCore> core_;
  const std::uint64_t id_;
  std::atomic<std::uint32_t> done_{0};  // 1: done; 2: not done, and somebody sleeps on it
  std::atomic<bool> plan_claimed_{false};
  // Per input, where any was pending: 0 unknown, 1 gate closed, 2 open.
  std::unique_ptr<std::atomic<std::uint8_t>[]> gates_;
  std::uint32_t gate_count_ = 0;
  std::optional<std::stop_callback<Stopper>> stop_callback_;
  std::int64_t begin_ns_ = 0, bound_ns_ = 0;
  mutable ShortMutex mutex_;  // guards what follows
  Status status_;
  bool resting_ = false;
  std::vector<std::function<void()>> callbacks_;
  struct Replaced {
    void** pointer;
    void* before;
    Ref<Buffer> memory;
  };
  std::vector<Replaced> replaced_;  // until the run is at rest
};

}  // namespace leat::runtime
