#include "runtime/executor/instance.h"

#include <algorithm>
#include <new>
#include <string>

namespace leat::runtime {

StatusOr<std::unique_ptr<Instance>> make_instance(const Program& program, const Memories& memories,
                                                  const Gpus& gpus) try {
  const StepGraph& graph = *program.graph;
  auto instance = std::make_unique<Instance>();
  for (std::size_t d = 0; d < program.arena_bytes.size(); ++d) {
    if (program.arena_bytes[d] == 0) {
      instance->arenas.emplace_back();
      continue;
    }
    StatusOr<Ref<Buffer>> arena = memories[d]->Allocate(static_cast<std::size_t>(program.arena_bytes[d]));
    if (!arena.ok()) return arena.status().WithNote("for the temporaries of " + program.name);
    instance->arenas.push_back(*std::move(arena));
    instance->arena_bytes += program.arena_bytes[d];
  }
  if (graph.queued) {
    instance->gpus.resize(gpus.size());
    for (const Step& step : program.steps) {
      if (!step.body || !step.body->queued() || instance->gpus[step.device]) continue;
      StatusOr<std::unique_ptr<cuda::GpuRun>> made =
          cuda::GpuRun::Create(gpus[step.device], program, step.device);
      if (!made.ok()) return made.status();
      instance->gpus[step.device] = *std::move(made);
    }
  }
  instance->pending.reset(new std::atomic<std::uint32_t>[graph.records.size()]);
  for (std::size_t s = 0; s < graph.records.size(); ++s) {
    instance->pending[s].store(graph.records[s].in_degree, std::memory_order_relaxed);
  }
  instance->pending[graph.end].store(graph.sink_count, std::memory_order_relaxed);
  instance->splits.reset(new SplitProgress[graph.splits.size()]);
  const std::size_t outputs = program.outputs.size();
  instance->writers.reset(new std::atomic<std::uint32_t>[outputs]);
  instance->skipped.reset(new std::atomic<bool>[outputs]);
  instance->pointers.reset(new void*[graph.use_count]);
  std::size_t k = 0;
  for (const Step& step : program.steps) {
    for (const Use& use : step.uses) {
      const BufferInfo& buffer = program.buffers[use.buffer];
      void* address = nullptr;
      if (buffer.kind == BufferInfo::Kind::temporary && buffer.bytes > 0) {
        address = static_cast<std::byte*>(instance->arenas[buffer.device]->data()) + buffer.offset;
      } else if (buffer.kind == BufferInfo::Kind::constant) {
        address = const_cast<std::byte*>(buffer.data.get());  // steps only read it: Finish has checked
      }
      instance->pointers[k++] = address;
    }
  }
  return instance;
} catch (const std::bad_alloc&) {
  return Status(Code::resource_exhausted, "out of memory for the run state of " + program.name);
}

StatusOr<std::unique_ptr<Instance>> InstancePool::Take(const std::shared_ptr<const Program>& program) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(program->graph->id);
    if (found != entries_.end() && !found->second.idle.empty()) {
      std::unique_ptr<Instance> instance = std::move(found->second.idle.back());
      found->second.idle.pop_back();
      return instance;
    }
  }
  StatusOr<std::unique_ptr<Instance>> made = make_instance(*program, memories_, gpus_);
  if (made.ok() || made.status().code() != Code::resource_exhausted) return made;
  Trim(true);  // idle arenas of other programs may be what is in the way
  return make_instance(*program, memories_, gpus_);
}

void InstancePool::Give(const std::shared_ptr<const Program>& program, std::unique_ptr<Instance> instance) {
  bool sweep = false;  // `instance`, if it is not kept, dies after the lock is released
  try {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[program->graph->id];
    if (entry.program.expired()) entry.program = program;
    // More than this many runs of one program at once are rare; their arenas need not be kept.
    constexpr std::size_t kMostIdle = 16;
    if (entry.idle.size() < kMostIdle) entry.idle.push_back(std::move(instance));
    sweep = entries_.size() > sweep_at_;
  } catch (const std::bad_alloc&) {
    return;  // then it is not kept
  }
  if (sweep) Trim(false);
}

void InstancePool::Trim(bool all) {
  std::vector<Entry> dropped;  // outside the lock: arenas go back to their memory
  const std::lock_guard lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (all || it->second.program.expired()) {
      dropped.push_back(std::move(it->second));
      it = entries_.erase(it);
    } else {
      ++it;
    }
  }
  sweep_at_ = std::max<std::size_t>(64, 2 * entries_.size());
}

}  // namespace leat::runtime
