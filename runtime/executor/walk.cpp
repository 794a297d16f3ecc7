// The executor proper: walks the step graph of a run from ready items.
//
// The counter of a step falls with each predecessor; the last one arms it again and makes the step ready. Of
// the successors that a step makes ready the most urgent one is run next by the same thread, the others go
// onto its private stack. The private stack is exposed in halves while thieves find nothing, and wholly
// before a step that may be long.
#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

#include "runtime/engine/engine_core.h"
#include "runtime/engine/futex.h"
#include "runtime/executor/items.h"

namespace leat::runtime {
namespace {

class Context final : public StepContext {
 public:
  void Poison(std::size_t use, const Status& fault, std::size_t source) override {
    run->Poison(step, use, fault, source, first_unit);
  }
  bool stopping() const override {
    return run->attention.load(std::memory_order_relaxed) & RunState::stopping;
  }
  RunState* run = nullptr;
  std::uint32_t step = 0;
  std::int64_t first_unit = 0;
};

[[gnu::noinline, gnu::cold]] Status thrown() {
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

inline Status invoke(const StepRecord& r, Context& context, std::int64_t begin, std::int64_t end) {
  try {
    return r.body->Execute(context, begin, end);
  } catch (...) {
    return thrown();
  }
}

void push_private(Worker& me, Item item) { me.stack[me.stacked++] = item; }

// Room for the successors of one step.
inline void reserve_stack(Worker& me) {
  if (me.stacked + kWide + 2 <= me.stack_size) [[likely]]
    return;
  auto grown = std::make_unique<Item[]>(std::size_t{2} * me.stack_size);
  std::copy_n(me.stack.get(), me.stacked, grown.get());
  me.stack = std::move(grown);
  me.stack_size *= 2;
}

// Gives thieves something: half of the oldest range, or the older half of the stack.
[[gnu::noinline]] void expose_half(Pool& pool, Worker& me) {
  const Item oldest = me.stack[0];
  const std::uint32_t length = length_of(oldest);
  if (length > 1 && length <= kMostEdges) {
    const std::uint32_t half = length / 2;
    me.deque.Push(make_item(slot_of(oldest), half, id_of(oldest)));
    me.stack[0] = make_item(slot_of(oldest), length - half, id_of(oldest) + half);
  } else {
    const std::uint32_t half = (me.stacked + 1) / 2;
    for (std::uint32_t i = 0; i < half; ++i) me.deque.Push(me.stack[i]);
    std::memmove(me.stack.get(), me.stack.get() + half, (me.stacked - half) * sizeof(Item));
    me.stacked -= half;
  }
  pool.Notify(me);
}

void expose_all(Pool& pool, Worker& me) {
  if (me.stacked == 0) return;
  for (std::uint32_t i = 0; i < me.stacked; ++i) me.deque.Push(me.stack[i]);
  me.stacked = 0;
  pool.Notify(me);
}

class Recording {
 public:
  Recording(Worker* me, const RunState& run, std::uint32_t step)
      : me_(me),
        run_(run),
        step_(step),
        begin_ns_(me && (run.attention.load(std::memory_order_relaxed) & RunState::traced) ? now_ns() : 0) {}
  void End(std::int64_t first, std::int64_t last) {
    if (begin_ns_ == 0) return;
    me_->trace.Add({TraceEvent::Kind::step, step_, begin_ns_, now_ns(), first, last, run_.trace});
  }

 private:
  Worker* me_;
  const RunState& run_;
  const std::uint32_t step_;
  const std::int64_t begin_ns_;
};

// Whether a step runs at all; if not, what it would have written is accounted for.
bool may_run(RunState& run, std::uint32_t step) {
  const std::uint32_t attention = run.attention.load(std::memory_order_acquire);
  if (attention & RunState::stopping) return false;
  if (!(attention & RunState::tainted)) return true;
  const std::optional<std::uint32_t> bad = run.faults->BadInput(step);
  if (bad) run.faults->Spread(step, *bad);
  return !bad;
}

// The whole of a step, where something about it is out of the ordinary.
[[gnu::noinline]] void run_whole(Worker* me, RunState& run, Context& context, std::uint32_t step,
                                 std::int64_t units) {
  const StepRecord& r = run.records[step];
  if (may_run(run, step) && r.body) {
    if (me) {
      me->current.store((std::uint64_t{run.slot} + 1) << 32 | step, std::memory_order_relaxed);
    }
    Recording recording(me, run, step);
    context.step = step;
    context.first_unit = 0;
    context.pointers = run.pointers + r.first_use;
    Status s = invoke(r, context, 0, units);
    recording.End(0, units);
    if (me) me->current.store(0, std::memory_order_relaxed);
    if (!s.ok()) run.StepFault(step, std::move(s), 0);
  }
  if (r.flags & StepRecord::writes_output) run.OutputsWritten(step);
}

// Takes part in a split step; true for the last to leave, who completes it.
bool take_part(Pool& pool, Worker& me, RunState& run, Context& context, std::uint32_t step) {
  const StepRecord& r = run.records[step];
  const SplitStep& split = run.program->graph->splits[static_cast<std::size_t>(r.units)];
  SplitProgress& progress = run.instance->splits[static_cast<std::size_t>(r.units)];
  const std::int64_t units = split.units;
  // Another pair of hands, if there is enough left; it asks for the next one in turn.
  if (pool.workers() > 1 && units - progress.next.load(std::memory_order_relaxed) > split.least) {
    progress.participants.fetch_add(1, std::memory_order_relaxed);
    me.deque.Push(make_item(run.slot, kHelpSplit, step));
    pool.Notify(me);
  }
  me.current.store((std::uint64_t{run.slot} + 1) << 32 | step, std::memory_order_relaxed);
  const std::int64_t share = 2 * static_cast<std::int64_t>(std::max(pool.workers(), 1));
  for (;;) {
    // Ever smaller ranges, so that all end at about the same time.
    std::int64_t begin = progress.next.load(std::memory_order_relaxed), end = 0;
    do {
      if (begin >= units) break;
      std::int64_t size = pool.workers() > 1 ? std::max(split.least, (units - begin) / share) : units;
      size = (size + split.grain - 1) / split.grain * split.grain;
      end = std::min(units, begin + size);
    } while (!progress.next.compare_exchange_weak(begin, end, std::memory_order_relaxed));
    if (begin >= units) break;
    if (run.attention.load(std::memory_order_relaxed) & RunState::stopping) continue;
    Recording recording(&me, run, step);
    context.step = step;
    context.first_unit = begin;
    context.pointers = run.pointers + r.first_use;
    Status s = invoke(r, context, begin, end);
    recording.End(begin, end);
    if (!s.ok()) run.StepFault(step, std::move(s), begin);
  }
  me.current.store(0, std::memory_order_relaxed);
  return progress.participants.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

}  // namespace

void EngineCore::RunSerially(Worker* me, RunState& run) {
  Context context;
  context.run = &run;
  const StepGraph& g = *run.program->graph;
  const StepRecord* records = run.records;
  void** pointers = run.pointers;
  for (std::uint32_t id = 0; id < g.step_count; ++id) {
    const StepRecord& r = records[id];
    if (run.attention.load(std::memory_order_relaxed) == 0 && (r.flags & ~StepRecord::heavy) == 0)
        [[likely]] {
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

void EngineCore::Execute(Worker& me, Item item) {
  RunState* run = admission.at(slot_of(item));
  if (run->serial) {  // its only item is the root
    RunSerially(&me, *run);
    return;
  }
  Walk(me, item);
}

void EngineCore::Walk(Worker& me, Item item) {
  Context context;
  std::uint64_t steps = 0;
  const bool alone = pool.workers() <= 1;  // nobody to expose anything to
  for (;;) {
    RunState* const run = admission.at(slot_of(item));
    if (run->serial) [[unlikely]] {
      RunSerially(&me, *run);
      goto next;
    }
    {
      const StepRecord* const records = run->records;
      const std::uint32_t* const edges = run->edges;
      std::atomic<std::uint32_t>* const pending = run->pending;
      void** const pointers = run->pointers;
      const std::uint32_t single = run->single;
      const Item slot = item & (Item{0xfff} << 52);
      context.run = run;
      const auto arrive = [&](std::uint32_t edge) {
        if (edge & single) return true;
        std::atomic<std::uint32_t>& counter = pending[edge & kStepMask];
        if (counter.load(std::memory_order_acquire) != 1 &&
            counter.fetch_sub(1, std::memory_order_acq_rel) != 1) {
          return false;
        }
        counter.store(records[edge & kStepMask].in_degree, std::memory_order_relaxed);
        return true;
      };

      constexpr std::uint32_t kNone = ~0u;
      std::uint32_t id = id_of(item);
      bool resumed = false;  // the step's own work is done: only release its successors
      if (std::uint32_t length = length_of(item); length != 0) [[unlikely]] {
        if (length == kHelpSplit) {
          if (!take_part(pool, me, *run, context, id)) goto next;
          if (records[id].flags & StepRecord::writes_output) run->OutputsWritten(id);
          resumed = true;
        } else if (length == kRelease) {
          if (records[id].flags & StepRecord::writes_output) run->OutputsWritten(id);
          resumed = true;
        } else {
          std::uint32_t e = id;
          id = kNone;
          while (length > 0 && id == kNone) {
            if (length > 1 && !alone && me.deque.empty()) {
              const std::uint32_t half = length / 2;
              me.deque.Push(slot | static_cast<Item>(half) << 32 | (e + length - half));
              pool.Notify(me);
              length -= half;
              continue;
            }
            const std::uint32_t edge = edges[e];
            ++e;
            --length;
            if (arrive(edge)) id = edge & kStepMask;
          }
          if (length > 0) {
            reserve_stack(me);
            push_private(me, slot | static_cast<Item>(length) << 32 | e);
          }
          if (id == kNone) goto next;
        }
      }
      for (;;) {
        const StepRecord& r = records[id];
        if (resumed) [[unlikely]] {
          resumed = false;
        } else if (run->attention.load(std::memory_order_relaxed) == 0 && r.flags == 0) [[likely]] {
          if (r.body) {
            if (me.stacked > 0 && !alone && me.deque.empty()) expose_half(pool, me);
            context.step = id;
            context.first_unit = 0;
            context.pointers = pointers + r.first_use;
            if (Status s = invoke(r, context, 0, r.units); !s.ok()) [[unlikely]] {
              run->StepFault(id, std::move(s), 0);
            }
          }
        } else if (r.flags & StepRecord::last) {
          run->Finish();
          goto next;
        } else if (id < run->program->graph->step_count) {
          if ((r.flags & StepRecord::heavy) && !alone) {
            expose_all(pool, me);
            me.fuel -= std::min(me.fuel, 16u);
          }
          if (!(r.flags & StepRecord::split)) {
            run_whole(&me, *run, context, id, r.units);
          } else if (may_run(*run, id)) {
            SplitProgress& progress = run->instance->splits[static_cast<std::size_t>(r.units)];
            progress.next.store(0, std::memory_order_relaxed);
            progress.participants.store(1, std::memory_order_release);
            if (!take_part(pool, me, *run, context, id)) goto next;
            if (r.flags & StepRecord::writes_output) run->OutputsWritten(id);
          } else if (r.flags & StepRecord::writes_output) {
            run->OutputsWritten(id);
          }
        }
        ++steps;
        const std::uint32_t count = r.edge_count;
        const std::uint32_t* const out = edges + r.first_edge;
        reserve_stack(me);
        if (count > kWide) [[unlikely]] {
          std::uint32_t first = r.first_edge;
          for (std::uint32_t left = count; left > 0;) {
            const std::uint32_t n = std::min(left, kMostEdges);
            reserve_stack(me);
            push_private(me, slot | static_cast<Item>(n) << 32 | first);
            first += n;
            left -= n;
          }
          goto next;
        }
        std::uint32_t ready = kNone;
        for (std::uint32_t i = 0; i < count; ++i) {
          const std::uint32_t edge = out[i];
          if (!arrive(edge)) continue;
          if (ready != kNone) push_private(me, slot | ready);
          ready = edge & kStepMask;
        }
        // Past its last edge the run may have ended: nothing of it is touched from here on.
        if (ready == kNone) break;
        id = ready;
      }
    }
  next:
    if (me.stacked > 0) {
      item = me.stack[--me.stacked];
    } else if ((item = me.deque.Pop()) == kNoItem) {
      break;
    }
    if (me.fuel > 0) [[likely]] {
      --me.fuel;
    } else if (const Item other = pool.Interleave(me); other != kNoItem) {
      reserve_stack(me);
      push_private(me, item);
      item = other;
    }
  }
  me.steps.store(me.steps.load(std::memory_order_relaxed) + steps, std::memory_order_relaxed);
}

}  // namespace leat::runtime
