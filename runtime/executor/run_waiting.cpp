// How callers wait for a run, and help it meanwhile.
#include <sched.h>

#include <utility>

#include "runtime/engine/engine_core.h"
#include "runtime/engine/fp_environment.h"
#include "runtime/engine/futex.h"
#include "runtime/executor/items.h"
#include "runtime/executor/run_state.h"

namespace leat::runtime {
namespace {

// A run of this cost, of several steps some of which are shared, is left to the workers. Two cores of Emerald
// Rapids, medians in turns, ms with the caller's help and without: ResNet-50 32.9, 33.2, 36.7 and 31.6, 32.7,
// 35.2; MobileNetV2 3.6, 3.1 and 3.5, 3.2; 4 products of 256 0.62 and 0.63 to 0.87, 8 and 16 the same within
// noise.
constexpr double kLeftToWorkersNs = 0.5e6;

bool left_to_workers(const StepGraph& g, const Pool& pool) {
  return pool.workers() > 1 && g.step_count > 1 && !g.splits.empty() && g.total_cost_ns >= kLeftToWorkersNs;
}

}  // namespace

void RunState::OnQuiescent(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (done_.load(std::memory_order_relaxed) != 1) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  core_->pool.Schedule({std::move(callback), request.group}, Priority::high);
}

Status RunState::WaitUntil(Clock::time_point deadline) {
  if (done()) return {};
  if (Engine::OnPoolThread()) {
    return Status(
        Code::would_deadlock,
        "waiting on a thread of the pool for a run that is not done could never end; use OnQuiescent");
  }
  Help(
      deadline, [](const void* run) { return static_cast<const RunState*>(run)->done(); }, this);
  for (;;) {
    std::uint32_t word = 0;
    if (!done_.compare_exchange_strong(word, 2, std::memory_order_acq_rel) && word == 1) return {};
    if (deadline == Clock::time_point::max()) {
      futex_wait(done_, 2);
    } else {
      if (Clock::now() >= deadline) return Status(Code::deadline_exceeded, "the run did not end in time");
      futex_wait_until(done_, 2, deadline);
    }
  }
}

bool RunState::HelpOnce(Clock::time_point deadline, bool (*satisfied)(const void*), const void* argument) {
  Pool& pool = core_->pool;
  if (stage.load(std::memory_order_acquire) == Stage::planning) {
    if (plan_claimed_.load(std::memory_order_relaxed) || deadline != Clock::time_point::max()) return false;
    const FpScope fp;
    const InsideScope inside;
    Plan();
    return true;
  }
  if (stage.load(std::memory_order_acquire) != Stage::running) return false;
  if (program->graph->user_code || left_to_workers(*program->graph, pool)) return false;
  if (deadline != Clock::time_point::max()) {
    const StepGraph& g = *program->graph;
    const std::chrono::duration<double, std::nano> cost(g.total_cost_ns);
    if (!g.cost_known || Clock::now() + cost >= deadline) return false;
  }
  if (!pool.HasItems()) return false;
  // Where every seat is busy, this thread may take a run that nobody has begun, but not a share of a step:
  // more threads than cores would only make the last range of it later (2048 cubed on two cores: 10 %).
  const bool shares = pool.HasFreeSeat();
  Worker* seat = pool.EnterHelper();
  if (!seat) return false;
  const std::uint32_t mine = slot;
  const auto wanted = [&](Item i) { return slot_of(i) == mine && (shares || length_of(i) != kHelpSplit); };
  Item item = make_item(mine, 0, program->graph->start);
  if (!pool.TakeBack(item)) item = pool.FindFor(*seat, wanted);
  bool helped = false;
  while (item != kNoItem) {
    {
      const FpScope fp;
      const InsideScope inside;
      core_->Execute(*seat, item);
    }
    helped = true;
    // What is left is taken before the seat is: a worker would be woken for it.
    if (deadline != Clock::time_point::max() || satisfied(argument)) break;
    if (stage.load(std::memory_order_acquire) != Stage::running) break;
    item = pool.FindFor(*seat, wanted);
  }
  pool.LeaveHelper(seat);
  return helped;
}

// A caller that helps looks on for longer, unless it has a deadline: the last share of a step, in another
// thread, may take as long as a step, and who sleeps is heard 50 us late.
double RunState::PatienceNs(Clock::time_point deadline) const {
  const bool helps = deadline == Clock::time_point::max() &&
                     stage.load(std::memory_order_relaxed) == Stage::running && !program->graph->user_code &&
                     !left_to_workers(*program->graph, core_->pool);
  return core_->pool.caller_patience_ns(helps);
}

void RunState::Help(Clock::time_point deadline, bool (*satisfied)(const void*), const void* argument) {
  const Ref<RunState> keep = Ref<RunState>::Share(this);
  if (core_->pool.synchronous()) {
    core_->pool.Drain();
    return;
  }
  if (!core_->CheckUsable().ok()) return;
  std::int64_t idle_since = 0;
  for (int looks = 1; !satisfied(argument); ++looks) {
    if (HelpOnce(deadline, satisfied, argument)) {
      idle_since = 0;
      continue;
    }
    const std::int64_t now = now_ns();
    if (idle_since == 0) idle_since = now;
    if (static_cast<double>(now - idle_since) >= PatienceNs(deadline)) return;
    if (looks % 16 == 0) {
      sched_yield();
    } else {
      for (int k = 0; k < 8; ++k) cpu_pause();
    }
  }
}

}  // namespace leat::runtime
