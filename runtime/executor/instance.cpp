#include "runtime/executor/instance.h"

#include <algorithm>
#include <new>
#include <numeric>
#include <string>
#include <utility>

namespace leat::runtime {

namespace {

// Whether arenas go back after each run. A run that uses less is so short that it might notice (not
// measured). Device graphs have the addresses in them.
bool gives_arenas_back(const Program& program) {
  constexpr std::int64_t kLarge = 1 << 20;
  const std::int64_t bytes =
      std::accumulate(program.arena_bytes.begin(), program.arena_bytes.end(), std::int64_t{0});
  return bytes >= kLarge && !program.graph->queued;
}

}  // namespace

StatusOr<std::unique_ptr<Instance>> make_instance(const Program& program, const Memories& memories,
                                                  const Gpus& gpus, Fit fit) try {
  const StepGraph& graph = *program.graph;
  auto instance = std::make_unique<Instance>();
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
      // Steps only read a constant: Finish has checked.
      const bool constant = buffer.kind == BufferInfo::Kind::constant;
      instance->pointers[k++] = constant ? const_cast<std::byte*>(buffer.data.get()) : nullptr;
    }
  }
  if (Status s = instance->TakeArenas(program, memories, fit); !s.ok()) return s;
  return instance;
} catch (const std::bad_alloc&) {
  return Status(Code::resource_exhausted, "out of memory for the run state of " + program.name);
}

Status Instance::TakeArenas(const Program& program, const Memories& memories, Fit fit) {
  const std::size_t devices = program.arena_bytes.size();
  arenas.resize(devices);
  arena_addresses.resize(devices, nullptr);
  arena_bytes = 0;
  for (std::size_t d = 0; d < devices; ++d) {
    const std::int64_t bytes = program.arena_bytes[d];
    if (bytes == 0) continue;
    arena_bytes += bytes;
    if (arenas[d] != nullptr) continue;
    StatusOr<Ref<Buffer>> arena = memories[d]->Allocate(static_cast<std::size_t>(bytes), fit);
    if (!arena.ok()) return arena.status().WithNote("for the temporaries of " + program.name);
    arenas[d] = *std::move(arena);
  }
  // All are there: an earlier try may have had only some.
  bool moved = false;
  for (std::size_t d = 0; d < devices; ++d) {
    void* const address = arenas[d] != nullptr ? arenas[d]->data() : nullptr;
    moved |= std::exchange(arena_addresses[d], address) != address;
  }
  if (!moved) return {};
  std::size_t k = 0;
  for (const Step& step : program.steps) {
    for (const Use& use : step.uses) {
      const BufferInfo& buffer = program.buffers[use.buffer];
      if (buffer.kind == BufferInfo::Kind::temporary && buffer.bytes > 0) {
        pointers[k] = static_cast<std::byte*>(arena_addresses[buffer.device]) + buffer.offset;
      }
      ++k;
    }
  }
  return {};
}

StatusOr<std::unique_ptr<Instance>> InstancePool::Take(const std::shared_ptr<const Program>& program) {
  std::unique_ptr<Instance> instance;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(program->graph->id);
    if (found != entries_.end() && !found->second.idle.empty()) {
      instance = std::move(found->second.idle.back());
      found->second.idle.pop_back();
    }
  }
  const Fit fit = gives_arenas_back(*program) ? Fit::loose : Fit::close;
  const auto take = [&]() -> StatusOr<std::unique_ptr<Instance>> {
    if (instance == nullptr) return make_instance(*program, memories_, gpus_, fit);
    if (Status s = instance->TakeArenas(*program, memories_, fit); !s.ok()) return s;
    return std::move(instance);
  };
  StatusOr<std::unique_ptr<Instance>> taken = take();
  if (taken.ok() || taken.status().code() != Code::resource_exhausted) return taken;
  Trim(true);  // idle arenas of other programs may be what is in the way
  return take();
}

void InstancePool::Give(const std::shared_ptr<const Program>& program, std::unique_ptr<Instance> instance) {
  if (gives_arenas_back(*program)) {
    for (Ref<Buffer>& arena : instance->arenas) arena = nullptr;
  }
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
