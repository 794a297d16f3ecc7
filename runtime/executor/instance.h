// What one run of a Program needs besides the Program: counters, addresses, arenas. Pooled, so that a warm
// run allocates none of it.
//
// An Instance belongs to one run at a time. At rest its counters are armed again (the last arriver does
// that), its arenas are allocated and the addresses of temporaries and constants stand in its table; inputs
// and outputs are patched in per run. Large arenas go back to their memory at rest, for whichever program
// runs next: fresh memory is dear, and many programs would hold much of it. The pool drops instances whose
// Program has died.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "leat/status.h"
#include "runtime/cuda/gpu_run.h"
#include "runtime/engine/buffer.h"
#include "runtime/executor/split_progress.h"
#include "runtime/executor/step_graph.h"

namespace leat::runtime {

using Memories = std::vector<Ref<Memory>>;  // per device

struct Instance {
  std::unique_ptr<std::atomic<std::uint32_t>[]> pending;  // per record: predecessors to come
  std::unique_ptr<void*[]> pointers;                      // per use of the program
  std::unique_ptr<SplitProgress[]> splits;
  std::unique_ptr<std::atomic<std::uint32_t>[]> writers;  // per output: writers to come
  std::unique_ptr<std::atomic<bool>[]> skipped;           // per output: a writer did not run
  std::vector<Ref<Buffer>> arenas;                        // per device of the program; null where given back
  std::vector<void*> arena_addresses;  // of those that the temporaries in `pointers` lie in
  std::int64_t arena_bytes = 0;
  std::vector<std::unique_ptr<cuda::GpuRun>> gpus;  // per device of the engine; empty without steps on a GPU
  // Of the run at hand; empty at rest.
  std::vector<Ref<Buffer>> outputs;  // per output ordinal: what its steps write
  std::vector<Ref<Buffer>> inputs;   // contents, until the run is at rest

  /// Puts an address into the table: `k` is an input ordinal, or the number of inputs plus an output's.
  void Patch(const StepGraph& graph, std::size_t k, void* address) {
    for (std::uint32_t p = graph.patch_begin[k]; p < graph.patch_begin[k + 1]; ++p) {
      pointers[graph.patches[p]] = address;
    }
  }
  /// Allocates the arenas that are not there, and places the temporaries.
  Status TakeArenas(const Program& program, const Memories& memories, Fit fit);
};

using Gpus = std::vector<std::shared_ptr<cuda::Gpu>>;  // per device; null for a CPU

/// A new instance with its arenas.
StatusOr<std::unique_ptr<Instance>> make_instance(const Program& program, const Memories& memories,
                                                  const Gpus& gpus, Fit fit = Fit::close);

class InstancePool {
 public:
  InstancePool(const Memories& memories, const Gpus& gpus) : memories_(memories), gpus_(gpus) {}
  StatusOr<std::unique_ptr<Instance>> Take(const std::shared_ptr<const Program>& program);
  void Give(const std::shared_ptr<const Program>& program, std::unique_ptr<Instance> instance);
  /// Drops idle instances: of dead programs, or all.
  void Trim(bool all);

 private:
  struct Entry {
    std::weak_ptr<const Program> program;
    std::vector<std::unique_ptr<Instance>> idle;
  };
  const Memories& memories_;
  const Gpus& gpus_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Entry> entries_;  // by StepGraph::id
  std::size_t sweep_at_ = 64;                         // entries, when the dead ones are looked for
};

}  // namespace leat::runtime
