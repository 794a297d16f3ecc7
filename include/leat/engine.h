// An Engine: the devices, the one pool of threads, memory, and the bounds on work in flight.
//
// A Context makes one of its own; several Contexts may share one instead, so that one program keeps to one
// pool and one set of limits. An embedder hands in its own threads and its own allocator here. Copies share
// the engine; it lives as long as a Context of it. Thread-safe.
//
//   Engine engine({.workers = 4, .max_bytes_in_flight = 1 << 30});
//   Context training(engine), serving(engine, {.tier = Tier::machine_code});
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "leat/status.h"
#include "leat/step_schedule.h"

namespace leat::runtime {
class Engine;  // not shown
}  // namespace leat::runtime

#pragma GCC visibility push(default)
namespace leat {

/// Where the memory of tensors comes from. Called from any thread.
class Allocator {
 public:
  virtual ~Allocator() = default;
  /// A block aligned to `alignment`, or null when there is none.
  virtual void* Allocate(std::size_t bytes, std::size_t alignment) = 0;
  virtual void Free(void* block, std::size_t bytes, std::size_t alignment) noexcept = 0;
};

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
  /// while a caller helps in a wait, with a run that is short, it takes the seat of one of them.
  int workers = 0;
  int cpu_devices = 1;        // cpu:0, and virtual CPUs with memory of their own
  int gpu_devices = 0;        // GPUs to use, as gpu:0, ...; more than there are is an error
  std::string cuda_driver{};  // library of the CUDA driver; empty: $LEAT_CUDA_DRIVER, else libcuda.so.1
  /// CUcontexts of the embedder's to work in: gpu:k is the device of the k-th, and there are `gpu_devices` of
  /// them. They must outlive the engine. Empty: the primary contexts, which the CUDA runtime uses too.
  std::vector<void*> cuda_contexts{};
  std::int64_t memory_limit = 0;  // bytes per device, in tensors and caches; 0: none
  std::int64_t max_bytes_in_flight =
      0;                       // sum of the peaks of started runs; 0: none. A larger run goes alone.
  int max_runs_in_flight = 0;  // submitted and not at rest; 0: 1024
  bool synchronous = false;    // debug: no threads; eval() returns when the run is at rest
  /// How long an idle worker or waiting caller looks for work before it sleeps. 20 us: a sleeping worker
  /// takes 5 to 60 us to wake, a spinning one 0.3. While a run is under way workers look 25 times as long.
  double spin_us = 20;
  bool always_concurrent = false;            // debug: small programs are handed over too
  std::shared_ptr<Allocator> allocator{};    // null: the aligned operator new of the process
  std::shared_ptr<ExecutorHook> executor{};  // null: threads of the engine's own
  /// debug: steps run one by one, in the order of this; implies `synchronous` (leat/step_schedule.h)
  std::shared_ptr<StepSchedule> schedule{};
};

class Engine {
 public:
  /// Throws invalid_argument for options out of range, not_found where a GPU cannot be had (and why),
  /// resource_exhausted if its threads cannot start.
  explicit Engine(EngineOptions options = {});

  const EngineOptions& options() const;
  int worker_count() const;
  /// Bytes of tensors and arenas that live, over all devices; and of free blocks kept for the next ones.
  std::int64_t bytes_live() const;
  std::int64_t bytes_cached() const;
  /// Gives free blocks and idle arenas back to the allocator.
  void Trim();

  /// For the layers below.
  const std::shared_ptr<runtime::Engine>& state() const { return state_; }

 private:
  std::shared_ptr<runtime::Engine> state_;
};

}  // namespace leat
#pragma GCC visibility pop
