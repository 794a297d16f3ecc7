// The work of one step: its body is called with the run's pointers, recorded, and what it threw becomes a
// fault. Which step that is, the walk of a thread decides (walk.cpp); here is also what is out of the
// ordinary about one: a taint, a device on which it goes on, ranges that several threads share.
//
// Thread safety: a WorkContext belongs to one thread. A run is touched only while the caller holds a step of
// it.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/cuda/gpu_run.h"
#include "runtime/engine/engine_core.h"
#include "runtime/executor/items.h"

namespace leat::runtime {

/// What a step's body sees of the run and of the thread that it is on.
class WorkContext final : public StepContext {
 public:
  void Poison(std::size_t use, const Status& fault, std::size_t source) override {
    run->Poison(step, use, fault, source, first_unit);
  }
  bool stopping() const override {
    return run->attention.load(std::memory_order_relaxed) & RunState::stopping;
  }
  std::uint32_t step_ordinal() const override { return step; }
  void Enter(std::uint32_t other) override {
    step = other;
    pointers = run->pointers + run->records[other].first_use;
  }
  cuda::GpuRun* gpu(DeviceId device) override { return run->instance->gpus[device].get(); }
  const StreamUse& stream_use() const override { return run->program->stream_uses[step]; }
  std::optional<Resume> Defer() override {
    if (!may_defer) return std::nullopt;
    deferred = true;
    return Resume{[](void* engine, std::uint64_t item) { static_cast<EngineCore*>(engine)->pool.Push(item); },
                  &run->core(), make_item(run->slot, kResume, step)};
  }
  void KeepTurn() override { deferred = false; }
  RunState* run = nullptr;
  std::uint32_t step = 0;
  std::int64_t first_unit = 0;
  bool may_defer = false;
  bool deferred = false;
};

/// The exception being handled, as the fault of a step; also for runs without an engine (prepared_run.cpp).
Status thrown();

inline Status invoke(const StepRecord& r, WorkContext& context, std::int64_t begin, std::int64_t end) {
  try {
    return r.body->Execute(context, begin, end);
  } catch (...) {
    return thrown();
  }
}

/// Whether a step runs at all; if not, what it would have written is accounted for.
bool may_run(RunState& run, std::uint32_t step);

/// The whole of a step, where something about it is out of the ordinary. False where its second half comes
/// later, maybe already on another thread: then the run may be over. `me` is null on a thread that is no
/// worker.
bool run_whole(Worker* me, RunState& run, WorkContext& context, std::uint32_t step, std::int64_t units);

/// The second half of a step on a device.
void resume(Worker& me, RunState& run, WorkContext& context, std::uint32_t step);

/// Takes part in a split step; true for the last to leave, who completes it.
bool take_part(Pool& pool, Worker& me, RunState& run, WorkContext& context, std::uint32_t step);

}  // namespace leat::runtime
