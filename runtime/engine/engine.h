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

#include "leat/status.h"
#include "runtime/engine/buffer.h"
#include "runtime/engine/trace.h"
#include "runtime/engine/value.h"
#include "runtime/executor/run.h"

namespace leat::runtime {

/// Threads lent by the embedder. Post is called from any thread, must not run the job before it returns, and
/// must run every job at some time; jobs run for as long as there is work and then return. At most
/// EngineOptions::workers of them are under way at once.
class ExecutorHook {
 public:
  virtual ~ExecutorHook() = default;
  virtual void Post(std::function<void()> job) = 0;
};

struct EngineOptions {
  /// Threads that compute at once; 0: as many as affinity and the cgroup quota allow. The pool has that many;
  /// while a caller helps in Wait it takes the seat of one of them.
  int workers = 0;
  int virtual_devices = 1;        // cpu:0 .. cpu:n-1, each with memory of its own
  std::int64_t memory_limit = 0;  // bytes per device, in buffers and caches; 0: none
  std::int64_t max_bytes_in_flight =
      0;                       // sum of the peaks of started runs; 0: none. A larger run goes alone.
  int max_runs_in_flight = 0;  // submitted and not at rest; 0: 1024
  bool synchronous = false;    // no threads: Submit returns when the run is at rest
  /// How long an idle worker or waiting caller looks for work before it sleeps. 20 us: a sleeping worker
  /// takes 5 to 60 us to wake, a spinning one 0.3.
  double spin_us = 20;
  /// Test hook: no sequential path for small programs.
  bool always_concurrent = false;
  std::shared_ptr<Allocator> allocator{};    // null: default_allocator()
  std::shared_ptr<ExecutorHook> executor{};  // null: threads of the engine's own
};

enum class Priority : std::uint8_t { high, low };

struct EngineStats {
  std::uint64_t runs_submitted = 0, runs_finished = 0, steps_run = 0;
  std::uint64_t steals = 0, wakes = 0, sleeps = 0, jobs = 0;
  std::int64_t runs_in_flight = 0, bytes_in_flight = 0, peak_bytes_in_flight = 0;
  std::vector<MemoryStats> memory;  // per device
};

class EngineCore;

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
  void Schedule(std::function<void()> job, Priority priority = Priority::high);
  /// Blocks until no run is in flight and no job queued; would_deadlock on a thread of the pool.
  Status WaitIdle();

  StatusOr<Ref<Buffer>> Allocate(std::size_t bytes, DeviceId device = 0);
  Memory& memory(DeviceId device = 0);
  int workers() const;
  int devices() const;
  const EngineOptions& options() const;
  EngineStats stats() const;
  /// Gives cached blocks and idle arenas back.
  void TrimMemory();

  /// From now on (until false) runs and jobs that start are recorded.
  void SetTracing(bool on);
  std::vector<TraceEvent> TakeTrace();
  /// Which run a value waits for, which of its steps are running, and for which inputs others wait.
  std::string ExplainWait(const Value& value) const;

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
