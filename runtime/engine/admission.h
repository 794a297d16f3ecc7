// Who may start: bounds the runs in flight, and the bytes of those that have started.
//
// Submit reserves a run's place and the bytes of its outputs; a run starts when its exact peak fits beside
// the peaks of the started ones, or alone. Only started runs hold memory, and a run starts only when all its
// inputs are there or come from started runs, so every started run ends without waiting for another's
// memory, and the oldest waiting one then goes, alone if need be: it cannot deadlock. Among those that could
// start, none overtakes. Thread-safe; holds no lock while others' code runs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/executor/run_state.h"

namespace leat::runtime {

class Admission {
 public:
  Admission(std::int64_t max_bytes, int max_runs);

  /// Takes the run in, if there is room or `force`. From then on it is in flight, and kept alive.
  bool Reserve(RunState& run, bool force);
  /// Blocks until something finished since `epoch`.
  void AwaitRelease(std::uint64_t epoch);
  std::uint64_t epoch() const;
  /// The run is planned and wants to start.
  void Enqueue(RunState& run);
  /// Whether anybody has been enqueued and not been given by Next.
  bool anyone_waits() const { return waits_.load(std::memory_order_seq_cst) > 0; }
  /// Whether any run has started and not been released.
  bool runs_under_way() const { return started_.load(std::memory_order_relaxed) > 0; }
  /// The next run that may start (or that failed while it waited), or null.
  RunState* Next();
  /// A run that Next gave found no memory: it waits until something finished. False if nothing else runs.
  bool PutBack(RunState& run);
  /// The run is at rest and holds nothing any more.
  void Release(RunState& run);
  /// And everybody has been told: drops the reference.
  void Forget(RunState& run);

  /// Blocks until no run is known and `idle_too()`, which is looked at again at every NotifyIdle.
  template <class Idle>
  void AwaitIdle(const Idle& idle_too) {
    Await([&] { return known_ == 0 && idle_too(); });
  }
  /// Blocks until `met()`, which is looked at again whenever a run is over and at every NotifyIdle.
  template <class Condition>
  void Await(const Condition& met) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, met);
  }
  void NotifyIdle();
  /// Those in flight: of the group, or all.
  std::vector<Ref<RunState>> Runs(const RunGroup* group = nullptr) const;
  RunState* at(std::uint32_t slot) const { return slots_[slot].load(std::memory_order_acquire); }
  void FillStats(EngineStats& stats) const;

 private:
  bool Fits(std::int64_t bytes) const {
    return max_bytes_ == 0 || started_ == 0 || started_bytes_ + bytes <= max_bytes_;
  }
  const std::int64_t max_bytes_;
  const std::int64_t max_runs_;
  mutable std::mutex mutex_;  // guards everything but slots_
  std::condition_variable changed_;
  std::uint64_t epoch_ = 1;          // counts releases
  std::int64_t in_flight_ = 0;       // reserved and not released
  std::int64_t known_ = 0;           // reserved and not forgotten
  std::int64_t reserved_bytes_ = 0;  // of runs that have not started
  std::int64_t started_bytes_ = 0, peak_started_bytes_ = 0;
  std::atomic<std::int64_t> started_{0};  // written under the mutex
  std::uint64_t submitted_ = 0, finished_ = 0;
  std::atomic<std::int64_t> waits_{0};  // the size of waiting_
  std::vector<RunState*> waiting_;      // planned, in the order of submission
  std::vector<std::uint32_t> free_slots_;
  RunState* first_ = nullptr;  // all in flight
  std::unique_ptr<std::atomic<RunState*>[]> slots_;
};

}  // namespace leat::runtime
