#include "runtime/executor/step_work.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "runtime/engine/futex.h"
#include "runtime/executor/step_order.h"

namespace leat::runtime {
namespace {

class Recording {
 public:
  Recording(Worker* me, const RunState& run, std::uint32_t step)
      : me_(me),
        run_(run),
        step_(step),
        ranges_(run.ranges),
        begin_ns_(me && run.trace && (run.attention.load(std::memory_order_relaxed) & RunState::traced)
                      ? now_ns()
                      : 0) {
    if (ranges_) ranges_->Push(run.program->steps[step].name.c_str());
  }
  ~Recording() {
    if (ranges_) ranges_->Pop();
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  void End(std::int64_t first, std::int64_t last) {
    if (begin_ns_ == 0) return;
    me_->trace.Add({TraceEvent::Kind::step, step_, begin_ns_, now_ns(), first, last, run_.trace});
  }

 private:
  Worker* me_;
  const RunState& run_;
  const std::uint32_t step_;
  const ProfilerRanges* const ranges_;
  const std::int64_t begin_ns_;
};

// Poisons what the work on a device, which is done up to `step`, has turned out to be a fault of.
[[gnu::noinline]] void collect_faults(RunState& run, WorkContext& context, std::uint32_t step) {
  const Program& p = *run.program;
  for (std::uint32_t s : p.stream_uses[step].faults) {
    context.step = s;
    run.records[s].body->CollectFaults(context);
  }
  // What was queued behind a fault has computed from nothing.
  if (run.attention.load(std::memory_order_acquire) & RunState::tainted) {
    for (std::uint32_t s = 0; s < p.steps.size(); ++s) {
      if (!p.steps[s].body || !p.steps[s].body->queued()) continue;
      run.faults->Spread(s, /*whole=*/false);
    }
  }
  context.step = step;
}

}  // namespace

[[gnu::cold]] Status thrown() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Status(Code::resource_exhausted, "out of memory in a step");
  } catch (const Error& e) {
    return e.status();
  } catch (const std::exception& e) {
    return Status(Code::custom_op_failed, std::string("a step threw: ") + e.what());
  } catch (...) {
    return Status(Code::custom_op_failed, "a step threw");
  }
}

bool may_run(RunState& run, std::uint32_t step) {
  const std::uint32_t attention = run.attention.load(std::memory_order_acquire);
  if (attention == 0 || (run.records[step].flags & StepRecord::settles)) return true;
  if (attention & RunState::stopping) return false;
  if (!(attention & RunState::tainted)) return true;
  switch (run.faults->Spread(step, /*whole=*/false)) {
    case Faults::Left::everything: return true;
    case Faults::Left::some: return run.ReplaceTainted(step);
    case Faults::Left::nothing: return false;
  }
  __builtin_unreachable();
}

bool run_whole(Worker* me, RunState& run, WorkContext& context, std::uint32_t step, std::int64_t units) {
  const StepRecord& r = run.records[step];
  if (may_run(run, step) && r.body) {
    if (me) {
      me->current.store((std::uint64_t{run.slot} + 1) << 32 | step, std::memory_order_relaxed);
    }
    Recording recording(me, run, step);
    context.step = step;
    context.first_unit = 0;
    context.pointers = run.pointers + r.first_use;
    context.deferred = false;
    Status s = invoke(r, context, 0, units);
    if (me) me->current.store(0, std::memory_order_relaxed);
    if (std::exchange(context.deferred, false)) return false;
    recording.End(0, units);
    if (!s.ok()) run.StepFault(step, std::move(s), 0);
    if (r.flags & StepRecord::defers) collect_faults(run, context, step);
  }
  if (r.flags & StepRecord::writes_output) run.OutputsWritten(step);
  return true;
}

void resume(Worker& me, RunState& run, WorkContext& context, std::uint32_t step) {
  const StepRecord& r = run.records[step];
  collect_faults(run, context, step);
  if (may_run(run, step)) {
    Recording recording(&me, run, step);
    context.first_unit = 0;
    context.pointers = run.pointers + r.first_use;
    Status s = r.body->Finish(context);
    recording.End(0, 1);
    if (!s.ok()) run.StepFault(step, std::move(s), 0);
  }
  if (r.flags & StepRecord::writes_output) run.OutputsWritten(step);
}

bool take_part(Pool& pool, Worker& me, RunState& run, WorkContext& context, std::uint32_t step) {
  const StepRecord& r = run.records[step];
  const SplitStep& split = run.program->graph->splits[static_cast<std::size_t>(r.units)];
  SplitProgress& progress = run.instance->splits[static_cast<std::size_t>(r.units)];
  const int threads = std::max(pool.workers(), 1);
  // Another pair of hands, if there is enough left; it asks for the next one in turn.
  if (threads > 1 && progress.Left(split, threads) > split.least) {
    progress.participants.fetch_add(1, std::memory_order_relaxed);
    me.deque.Push(make_item(run.slot, kHelpSplit, step));
    pool.NotifyUnlessHelped(me);
  }
  me.current.store((std::uint64_t{run.slot} + 1) << 32 | step, std::memory_order_relaxed);
  const int cpu = me.computes_on.load(std::memory_order_relaxed);
  while (const SplitProgress::Range range = progress.Take(split, cpu, threads)) {
    if (run.attention.load(std::memory_order_relaxed) & RunState::stopping) continue;
    Recording recording(&me, run, step);
    context.step = step;
    context.first_unit = range.begin;
    context.pointers = run.pointers + r.first_use;
    Status s = invoke(r, context, range.begin, range.end);
    recording.End(range.begin, range.end);
    if (!s.ok()) run.StepFault(step, std::move(s), range.begin);
  }
  me.current.store(0, std::memory_order_relaxed);
  return progress.participants.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

void EngineCore::RunPiece(Worker* me, RunState& run, const StepPiece& piece) {
  const StepRecord& r = run.records[piece.step];
  if (!may_run(run, piece.step) || !r.body) return;
  WorkContext context;
  context.run = &run;
  context.step = piece.step;
  context.first_unit = piece.first;
  context.pointers = run.pointers + r.first_use;
  const std::int64_t end = piece.last >= 0 ? piece.last : r.units;
  Recording recording(me, run, piece.step);
  Status s = invoke(r, context, piece.first, end);
  recording.End(piece.first, end);
  if (!s.ok()) run.StepFault(piece.step, std::move(s), piece.first);
}

void EngineCore::RunSerially(Worker* me, RunState& run) {
  if (options.schedule) [[unlikely]]
    return RunInOrder(me, run);
  WorkContext context;
  context.run = &run;
  const StepGraph& g = *run.program->graph;
  const StepRecord* records = run.records;
  void** pointers = run.pointers;
  for (std::uint32_t id = 0; id < g.step_count; ++id) {
    const StepRecord& r = records[id];
    if (run.attention.load(std::memory_order_relaxed) == 0 &&
        (r.flags & ~(StepRecord::heavy | StepRecord::sink)) == 0) [[likely]] {
      if (!r.body) continue;
      context.step = id;
      context.pointers = pointers + r.first_use;
      if (Status s = invoke(r, context, 0, r.units); !s.ok()) [[unlikely]]
        run.StepFault(id, std::move(s), 0);
    } else {
      const bool split = r.flags & StepRecord::split;
      run_whole(me, run, context, id, split ? g.splits[static_cast<std::size_t>(r.units)].units : r.units);
    }
  }
  std::atomic<std::uint64_t>& count = me ? me->steps : serial_steps;
  if (me) {
    count.store(count.load(std::memory_order_relaxed) + g.step_count, std::memory_order_relaxed);
  } else {
    count.fetch_add(g.step_count, std::memory_order_relaxed);
  }
  run.Finish();
}

}  // namespace leat::runtime
