#include "runtime/engine/pool.h"

#include <sched.h>

#include <algorithm>

#include "runtime/engine/cpu_choice.h"
#include "runtime/engine/cpu_count.h"
#include "runtime/engine/fp_environment.h"
#include "runtime/engine/futex.h"

namespace leat::runtime {
namespace {

thread_local ThreadPlace place;
constexpr auto kAnything = [](Item) { return true; };

}  // namespace

ThreadPlace& this_place() { return place; }

Pool::Pool(Client& client, const EngineOptions& options)
    : client_(client),
      count_(options.synchronous ? 0 : options.workers),
      synchronous_(options.synchronous),
      spin_ns_(options.spin_us * 1e3),
      long_spinners_(static_cast<std::uint64_t>(std::max(1, std::min(count_, usable_cpus()) - 1))),
      hook_(options.executor) {
  for (int i = 0; i < count_ + kHelpers; ++i) {
    workers_.push_back(std::make_unique<Worker>());
    Worker& w = *workers_.back();
    w.index = static_cast<std::uint32_t>(i);
    w.helper = i >= count_;
    w.random = static_cast<std::uint64_t>(i) * 0x9E3779B97F4A7C15ull + 1;
    w.stack_size = 256;
    w.stack = std::make_unique<Item[]>(w.stack_size);
  }
}

Pool::~Pool() = default;

void Pool::Start(std::shared_ptr<void> keep_alive) {
  keep_alive_ = keep_alive;
  if (hook_) {
    for (int i = 0; i < count_; ++i) workers_[i]->parked.store(1, std::memory_order_relaxed);
    idle_.store(static_cast<std::uint64_t>(count_) * kSleeper, std::memory_order_seq_cst);
    return;
  }
  for (int i = 0; i < count_; ++i) {
    threads_.emplace_back([this, i] { Main(*workers_[i], false); });
  }
}

void Pool::Stop() {
  stop_.store(true, std::memory_order_seq_cst);
  if (hook_) {
    while (const std::int32_t n = pumps_.load(std::memory_order_acquire)) {
      pumps_.wait(n, std::memory_order_acquire);
    }
    return;
  }
  // A thread that is about to sleep may hold the count of another for a moment (Park): while a flag is up, it
  // will be given back.
  const auto any_parked = [this] {
    return std::any_of(workers_.begin(), workers_.end(), [](const std::unique_ptr<Worker>& w) {
      return w->parked.load(std::memory_order_seq_cst) != 0;
    });
  };
  while (true) {
    if (sleepers(idle_.load(std::memory_order_seq_cst)) > 0) {
      WakeOne(nullptr, true);
    } else if (any_parked()) {
      sched_yield();
    } else {
      break;
    }
  }
  for (std::thread& t : threads_) t.join();
  threads_.clear();
}

void Pool::Abandon() {
  for (std::thread& t : threads_) t.detach();
  threads_.clear();
}

void Pool::Push(Item item) {
  if (place.pool == this && place.worker) {
    place.worker->deque.Push(item);
    Notify(*place.worker);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    injection_.push_back(item);
    injected_.fetch_add(1, std::memory_order_seq_cst);
  }
  if (synchronous_) {
    Drain();
    return;
  }
  const std::uint64_t s = idle_.load(std::memory_order_seq_cst);
  if (spinners(s) == 0 && sleepers(s) > helpers(s)) WakeOne(nullptr);
}

bool Pool::TakeBack(Item item) {
  if (injected_.load(std::memory_order_seq_cst) == 0) return false;
  const std::lock_guard lock(mutex_);
  // Usually the last one in.
  const auto found = std::find(injection_.rbegin(), injection_.rend(), item);
  if (found == injection_.rend()) return false;
  injection_.erase(std::next(found).base());
  injected_.fetch_sub(1, std::memory_order_seq_cst);
  return true;
}

Item Pool::TakeInjected() {
  if (injected_.load(std::memory_order_relaxed) == 0) return kNoItem;
  const std::lock_guard lock(mutex_);
  if (injection_.empty()) return kNoItem;
  const Item item = injection_.front();
  injection_.pop_front();
  injected_.fetch_sub(1, std::memory_order_seq_cst);
  return item;
}

void Pool::Schedule(Job job, Priority priority) {
  jobs_pending_.fetch_add(1, std::memory_order_seq_cst);
  if (job.group) job.group->Add();
  {
    const std::lock_guard lock(mutex_);
    (priority == Priority::high ? high_jobs_ : low_jobs_).push_back(std::move(job));
    (priority == Priority::high ? high_ : low_).fetch_add(1, std::memory_order_seq_cst);
  }
  if (synchronous_) {
    Drain();
    return;
  }
  const std::uint64_t s = idle_.load(std::memory_order_seq_cst);
  if (spinners(s) == 0 && sleepers(s) > helpers(s)) WakeOne(nullptr);
}

void Pool::DropLowPriority(const RunGroup* group) {
  std::deque<Job> dropped;
  {
    const std::lock_guard lock(mutex_);
    const auto first = std::stable_partition(low_jobs_.begin(), low_jobs_.end(), [&](const Job& job) {
      return group != nullptr && job.group.get() != group;
    });
    dropped.assign(std::move_iterator(first), std::move_iterator(low_jobs_.end()));
    low_jobs_.erase(first, low_jobs_.end());
    low_.store(static_cast<std::uint32_t>(low_jobs_.size()), std::memory_order_seq_cst);
  }
  for (Job& job : dropped) {
    job.run = nullptr;
    JobOver(job.group);
  }
}

void Pool::JobOver(const Ref<RunGroup>& group) {
  const bool group_idle = group && group->Remove();
  const bool all_done = jobs_pending_.fetch_sub(1, std::memory_order_seq_cst) == 1;
  if ((group_idle || all_done) && on_jobs_done) on_jobs_done();
}

bool Pool::TakeJob(Work& work, bool low) {
  std::atomic<std::uint32_t>& count = low ? low_ : high_;
  if (count.load(std::memory_order_relaxed) == 0) return false;
  // Compilation leaves one worker to the runs, where there is more than one.
  const auto most = static_cast<std::uint32_t>(std::max(count_ - 1, 1));
  if (low && low_running_.load(std::memory_order_relaxed) >= most) return false;
  const std::lock_guard lock(mutex_);
  std::deque<Job>& queue = low ? low_jobs_ : high_jobs_;
  if (queue.empty() || (low && low_running_.load(std::memory_order_relaxed) >= most)) return false;
  work.found = Found::job;
  work.job = std::move(queue.front());
  work.priority = low ? Priority::low : Priority::high;
  queue.pop_front();
  count.fetch_sub(1, std::memory_order_seq_cst);
  if (low) low_running_.fetch_add(1, std::memory_order_seq_cst);
  return true;
}

Pool::Work Pool::Find(Worker& me) {
  Work work;
  // A job may have left items here.
  if (work.item = me.deque.Pop(); work.item != kNoItem) {
    work.found = Found::item;
    return work;
  }
  const std::uint64_t s = idle_.load(std::memory_order_relaxed);
  if (!synchronous_ && sleepers(s) < helpers(s)) return work;  // a helper has this seat
  if (TakeJob(work, false)) return work;
  if ((work.item = TakeInjected()) != kNoItem) {
    work.found = Found::item;
    return work;
  }
  me.random = me.random * 6364136223846793005ull + 1442695040888963407ull;
  const std::size_t n = workers_.size();
  std::size_t v = (me.random >> 33) % n;
  for (std::size_t k = 0; k < n; ++k, v = v + 1 == n ? 0 : v + 1) {
    if (v == me.index) continue;
    if ((work.item = workers_[v]->deque.Steal(kAnything)) != kNoItem) {
      me.steals.store(me.steals.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      work.found = Found::item;
      return work;
    }
  }
  TakeJob(work, true);
  return work;
}

Item Pool::Interleave(Worker& me) {
  me.fuel = 256;  // of cheap steps, 1 to 3 us; a long step counts for 64
  if (me.helper) return kNoItem;
  Work work;
  if (high_.load(std::memory_order_relaxed) > 0 && TakeJob(work, false)) Do(me, work);
  return TakeInjected();
}

bool Pool::HasItems() const {
  return injected_.load(std::memory_order_seq_cst) > 0 ||
         std::any_of(workers_.begin(), workers_.end(),
                     [](const std::unique_ptr<Worker>& w) { return !w->deque.looks_empty(); });
}

bool Pool::AnyWork() const {
  if (high_.load(std::memory_order_seq_cst) > 0) return true;
  if (low_.load(std::memory_order_seq_cst) > 0 &&
      low_running_.load(std::memory_order_seq_cst) < static_cast<std::uint32_t>(std::max(count_ - 1, 1))) {
    return true;
  }
  return HasItems();
}

void Pool::WakeOne(Worker* me, bool even_seated) {
  std::uint64_t s = idle_.load(std::memory_order_seq_cst);
  do {
    if (even_seated ? sleepers(s) == 0 : spinners(s) > 0 || sleepers(s) <= helpers(s)) return;
  } while (!idle_.compare_exchange_weak(s, s - kSleeper + kSpinner, std::memory_order_seq_cst));
  if (me) me->wakes.store(me->wakes.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  // The claim is one of the flags that are up; with several wakers at work it may take another look. A thread
  // that slept on this very core would like as not wake on it, and stand in line behind its waker
  // (Linux 6.18, two cores: 200 us to 4 ms later, with the other core idle): one that slept elsewhere is
  // better.
  const int here = count_ > 1 && !hook_ ? sched_getcpu() : -2;
  for (int look = 0;; ++look) {
    for (int i = 0; i < count_; ++i) {
      Worker& w = *workers_[i];
      if (look == 0 && w.cpu.load(std::memory_order_relaxed) == here) continue;
      if (w.parked.load(std::memory_order_relaxed) == 0 ||
          w.parked.exchange(0, std::memory_order_seq_cst) == 0) {
        continue;
      }
      if (hook_) {
        pumps_.fetch_add(1, std::memory_order_relaxed);
        hook_->Post([this, &w, keep = keep_alive_.lock()] {
          Main(w, true);
          if (pumps_.fetch_sub(1, std::memory_order_acq_rel) == 1) pumps_.notify_all();
        });
        return;
      }
      w.word.store(1, std::memory_order_seq_cst);
      futex_wake(w.word, 1);
      return;
    }
    if (look > 0) cpu_pause();
  }
}

void Pool::WakeUnlessHelped(Worker& me) {
  constexpr std::int64_t kPatienceNs = 2'000;  // from submitting to waiting a caller takes some 500 ns
  const std::int64_t until = now_ns() + kPatienceNs;
  while (now_ns() < until) {
    for (int k = 0; k < 4; ++k) cpu_pause();
    const std::uint64_t s = idle_.load(std::memory_order_seq_cst);
    if (spinners(s) > 0 || sleepers(s) <= helpers(s) || me.deque.empty()) return;
  }
  WakeOne(&me);
}

void Pool::ShareNoCpu(const Worker& me) {
  if (hook_) return;
  const int here = sched_getcpu();
  bool shared = false;
  cpu_set_t taken;
  CPU_ZERO(&taken);
  for (const std::unique_ptr<Worker>& w : workers_) {
    const int cpu = w.get() == &me ? -1 : w->computes_on.load(std::memory_order_relaxed);
    if (cpu < 0 || cpu >= CPU_SETSIZE) continue;
    CPU_SET(cpu, &taken);
    shared |= cpu == here;
  }
  if (shared) leave_cpus(taken);
}

Pool::Parked Pool::Park(Worker& me, bool counted) {
  me.word.store(0, std::memory_order_relaxed);
  me.cpu.store(sched_getcpu(), std::memory_order_relaxed);
  me.parked.store(1, std::memory_order_seq_cst);
  const std::uint64_t s = idle_.fetch_add(kSleeper - (counted ? kSpinner : 0), std::memory_order_seq_cst) +
                          kSleeper - (counted ? kSpinner : 0);
  const bool stay = !stop_.load(std::memory_order_seq_cst) &&
                    (sleepers(s) <= helpers(idle_.load(std::memory_order_seq_cst)) || !AnyWork());
  // Until a waker has chosen this thread: then the word will be set (or, with a hook, a job posted). A count
  // of none does not say so: another thread may have claimed ours, and be about to give it back.
  while (!stay && me.parked.load(std::memory_order_seq_cst) == 1) {
    std::uint64_t now = idle_.load(std::memory_order_seq_cst);
    if (sleepers(now) == 0 ||
        !idle_.compare_exchange_weak(now, now - kSleeper + kSpinner, std::memory_order_seq_cst)) {
      sched_yield();
      continue;
    }
    if (me.parked.exchange(0, std::memory_order_seq_cst) == 1) return Parked::woken;
    idle_.fetch_add(kSleeper - kSpinner, std::memory_order_seq_cst);  // chosen, by a claim of the waker's own
  }
  if (hook_) return Parked::leave;
  if (stay) me.sleeps.store(me.sleeps.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  while (me.word.load(std::memory_order_seq_cst) == 0) futex_wait(me.word, 0);
  return Parked::woken;
}

void Pool::Do(Worker& me, Work& work) {
  if (work.found == Found::item) {
    client_.Execute(me, work.item);
    return;
  }
  ++place.inside;
  client_.RunJob(me, std::exchange(work.job.run, nullptr), work.priority);
  --place.inside;
  if (work.priority == Priority::low) {
    low_running_.fetch_sub(1, std::memory_order_seq_cst);
    if (low_.load(std::memory_order_seq_cst) > 0) Notify(me);
  }
  jobs_done_.fetch_add(1, std::memory_order_relaxed);
  JobOver(work.job.group);
}

void Pool::Main(Worker& me, bool counted) {
  set_default_fp_environment();
  const ThreadPlace before = std::exchange(place, ThreadPlace{this, &me, 0});
  for (;;) {
    Work work = counted ? Work{} : Find(me);
    if (work.found == Found::nothing) {
      if (!counted) idle_.fetch_add(kSpinner, std::memory_order_seq_cst);
      me.computes_on.store(-1, std::memory_order_relaxed);
      const std::int64_t since = now_ns();
      for (int looks = 1;; ++looks) {
        work = Find(me);
        if (work.found != Found::nothing || stop_.load(std::memory_order_relaxed)) break;
        const std::uint64_t seats = idle_.load(std::memory_order_relaxed);
        if (static_cast<double>(now_ns() - since) >= patience_ns(spinners(seats))) break;
        // A helper computes in this thread's place: looking on would only take the core from somebody.
        if (sleepers(seats) < helpers(seats)) break;
        if (looks % 16 == 0) {
          ShareNoCpu(me);
          sched_yield();  // the work may be in a thread that waits for this CPU
        } else {
          for (int k = 0; k < 8; ++k) cpu_pause();
        }
      }
      if (work.found == Found::nothing) {
        if (stop_.load(std::memory_order_seq_cst)) {
          idle_.fetch_sub(kSpinner, std::memory_order_seq_cst);
          break;
        }
        if (Park(me, true) == Parked::leave) break;
        counted = true;
        continue;
      }
      const std::uint64_t s = idle_.fetch_sub(kSpinner, std::memory_order_seq_cst) - kSpinner;
      // The last one to look found something: there may be more, which others left to it.
      if (spinners(s) == 0 && sleepers(s) > helpers(s) && AnyWork()) WakeOne(&me);
      ShareNoCpu(me);
      me.computes_on.store(sched_getcpu(), std::memory_order_relaxed);
    }
    counted = false;
    Do(me, work);
  }
  place = before;
}

Worker* Pool::EnterHelper() {
  for (std::size_t i = static_cast<std::size_t>(count_); i < workers_.size(); ++i) {
    Worker& w = *workers_[i];
    if (w.seated.load(std::memory_order_relaxed) == 0 &&
        w.seated.exchange(1, std::memory_order_acquire) == 0) {
      w.computes_on.store(sched_getcpu(), std::memory_order_relaxed);
      idle_.fetch_add(kHelper, std::memory_order_seq_cst);
      return &w;
    }
  }
  return nullptr;
}

void Pool::LeaveHelper(Worker* worker) {
  worker->computes_on.store(-1, std::memory_order_relaxed);
  worker->seated.store(0, std::memory_order_release);
  const std::uint64_t s = idle_.fetch_sub(kHelper, std::memory_order_seq_cst) - kHelper;
  if (spinners(s) == 0 && sleepers(s) > helpers(s) && AnyWork()) WakeOne(nullptr);
}

void Pool::Drain() {
  if (place.pool == this) return;  // the loop below on the stack goes on with it
  Worker& me = *workers_[0];
  do {
    if (draining_.exchange(true, std::memory_order_seq_cst)) return;
    const FpScope fp;
    const ThreadPlace before = std::exchange(place, ThreadPlace{this, nullptr, 1});
    for (;;) {
      Work work = Find(me);
      if (work.found == Found::nothing) break;
      Do(me, work);
    }
    place = before;
    draining_.store(false, std::memory_order_seq_cst);
  } while (AnyWork());
}

}  // namespace leat::runtime
