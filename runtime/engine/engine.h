// The engine: devices, their memory, the one pool of threads, and the bounds on work in flight.
//
// Everything that computes runs on its pool: steps, planning, compilation, user continuations. An engine may
// be used from any thread, several may live side by side. Destroying it cancels what is in flight, waits for
// it to come to rest, and never throws; Values and Buffers survive it. It keeps no thread busy when idle.
//
//   auto engine = Engine::Create({.workers = 2}).value();
//   Ref<Run> run = engine->Submit({.program = program, .inputs = {x}, .outputs = {y}});
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "leat/engine.h"
#include "leat/status.h"
#include "runtime/engine/buffer.h"
#include "runtime/engine/run_group.h"
#include "runtime/engine/trace.h"
#include "runtime/engine/value.h"
#include "runtime/executor/run.h"

namespace leat::runtime {

using leat::EngineOptions;
using leat::ExecutorHook;

/// EngineOptions::max_runs_in_flight where the embedder names none.
inline constexpr int kDefaultRunsInFlight = 1024;

enum class Priority : std::uint8_t { high, low };

struct EngineStats {
  std::uint64_t runs_submitted = 0, runs_finished = 0, steps_run = 0;
  std::uint64_t steals = 0, wakes = 0, sleeps = 0, jobs = 0;
  std::int64_t runs_in_flight = 0, bytes_in_flight = 0, peak_bytes_in_flight = 0;
  std::vector<MemoryStats> memory;  // per device
};

class EngineCore;
namespace cuda {
class Gpu;  // runtime/cuda/gpu.h
}  // namespace cuda

class Engine {
 public:
  static StatusOr<std::unique_ptr<Engine>> Create(EngineOptions options = {});
  ~Engine();  // as Stop
  /// Cancels what has not run, comes to rest and ends the threads. What still runs meanwhile may use the
  /// engine; what it submits fails. On a thread of the pool it does not wait.
  void Stop();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Hands the run over. Over the bounds it waits (helping with runs in flight) for room, except on threads
  /// of the pool, which never wait. Never fails: what is wrong with the request becomes the run's status.
  Ref<Run> Submit(RunRequest request);
  /// The same, but resource_exhausted instead of waiting. Plans on the calling thread if need be.
  StatusOr<Ref<Run>> TrySubmit(RunRequest request);
  /// Runs it here and now on the caller's thread, with no hand-off: for small programs whose inputs are done.
  /// Returns the status of the run; the outputs have arrived, whatever it is.
  Status RunInline(RunRequest request);

  /// Runs `job` on the pool. Low priority (compilation) takes at most workers-1 threads (one of one).
  void Schedule(std::function<void()> job, Priority priority = Priority::high, Ref<RunGroup> group = {});
  /// Blocks until no run is in flight and no job queued, of the group or of all; would_deadlock on a thread
  /// of the pool.
  Status WaitIdle(const RunGroup* group = nullptr);
  /// Cancels what has not run of the group and comes to rest, unless on a thread of the pool. What is
  /// submitted in its name from now on fails.
  void Retire(RunGroup& group);

  StatusOr<Ref<Buffer>> Allocate(std::size_t bytes, DeviceId device = 0);
  Memory& memory(DeviceId device = 0);
  int workers() const;
  int devices() const;
  /// "cpu:0", "cpu:1", ..., "gpu:0", ... by number.
  std::vector<std::string> device_names() const;
  /// Null for a CPU.
  const cuda::Gpu* gpu(DeviceId device) const;
  /// `value` where the host can read it: itself, or a copy that is on its way.
  Ref<Value> OnHost(const Ref<Value>& value, const Ref<RunGroup>& group = {});
  const EngineOptions& options() const;
  EngineStats stats() const;
  /// Gives cached blocks and idle arenas back.
  void TrimMemory();

  /// From now on (until false) runs and jobs that start are recorded.
  void SetTracing(bool on);
  std::vector<TraceEvent> TakeTrace();
  bool tracing() const;
  /// A call (or blocker) of the calling thread that began then and ends now; `run` is what it started, or 0.
  void RecordCall(TraceEvent::Kind kind, std::string name, std::int64_t begin_ns, std::uint64_t run);
  /// Which run a value waits for, which of its steps are running, and for which inputs others wait.
  std::string ExplainWait(const Value& value) const;

  /// Everything in flight, for people: what each worker does, what each run waits for, holds and has lost.
  std::string Describe() const;

  /// Whether the calling thread belongs to a pool: there, waiting answers would_deadlock.
  static bool OnPoolThread();

  EngineCore& core() const { return *core_; }  // for the executor and PreparedRun

 private:
  explicit Engine(std::shared_ptr<EngineCore> core);
  std::shared_ptr<EngineCore> core_;
};

/// Engine::ExplainWait for a value whose engine is not at hand.
std::string explain_wait(const Value& value);

}  // namespace leat::runtime
