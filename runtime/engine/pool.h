// The pool: the threads of one engine, where they find work, and how they sleep.
//
// Work is a 64-bit Item (a piece of a run; its meaning is the executor's) or a job (a function). A worker
// takes from its own deque, then from the injection queue, then steals, then looks for jobs; it looks for
// spin_us (longer while a run is under way), yielding, and then sleeps on its own word. A waker *claims* a
// sleeper by one CAS that also counts it as spinning, so that a burst of pushes wakes one thread, which wakes
// the next when it finds more. A thread that waits for a run may lend itself (EnterHelper): it takes a seat,
// and one worker sleeps meanwhile, so that no more threads compute than the engine was given.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/engine/deque.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/trace_buffer.h"

namespace leat::runtime {

/// A thread's place in a pool: a worker's, or one lent to a helping caller.
struct Worker {
  WorkDeque deque;
  // Ready work that no thief sees yet: cheap steps are kept here and exposed in halves.
  std::unique_ptr<Item[]> stack;
  std::uint32_t stacked = 0, stack_size = 0;
  std::uint32_t index = 0;
  bool helper = false;
  std::uint32_t fuel = 0;  // items until the next look at jobs and the injection queue
  std::uint64_t random = 0;
  std::atomic<int> cpu{-1};  // where it fell asleep: where the system likes to wake it, if that is idle
  std::atomic<int> computes_on{-1};  // a CPU, as it was when it began; -1: looks for work, or sleeps
  // Written by the owner, read by stats and stall reports.
  std::atomic<std::uint64_t> steps{0}, steals{0}, wakes{0}, sleeps{0};
  std::atomic<std::uint64_t> current{0};  // run slot + 1 in the high half, step in the low: what it executes
  TraceBuffer trace;
  alignas(64) std::atomic<std::uint32_t> word{0};    // 1: woken
  std::atomic<std::uint32_t> parked{0};              // 1: asleep or about to be, and not chosen by a waker
  alignas(64) std::atomic<std::uint32_t> seated{0};  // helper: lent out
};

/// A function to run, in whose name.
struct Job {
  std::function<void()> run;
  Ref<RunGroup> group;  // may be null
};

class Pool {
 public:
  class Client {
   public:
    virtual void Execute(Worker& worker, Item item) = 0;
    virtual void RunJob(Worker& worker, std::function<void()> job, Priority priority) = 0;
    /// Whether runs are under way, which may make work at any moment.
    virtual bool Busy() const = 0;

   protected:
    ~Client() = default;
  };

  static constexpr int kHelpers = 16;

  Pool(Client& client, const EngineOptions& options);
  ~Pool();
  void Start(std::shared_ptr<void> keep_alive);
  /// Ends the threads once they have nothing to do.
  void Stop();
  /// In a forked child the threads do not exist: forget them.
  void Abandon();

  /// Makes work available, from any thread.
  void Push(Item item);
  /// Takes `item` back out of the injection queue, if it is still there.
  bool TakeBack(Item item);
  void Schedule(Job job, Priority priority);
  /// Of the group, or all.
  void DropLowPriority(const RunGroup* group);
  /// After a push onto a deque: wakes a sleeper if nobody is looking for work.
  void Notify(Worker& me) {
    const std::uint64_t s = idle_.load(std::memory_order_seq_cst);
    if (spinners(s) == 0 && sleepers(s) > helpers(s)) [[unlikely]]
      WakeOne(&me);
  }
  /// The same where a caller may be about to wait, and would help: it is given time to come. To wake a
  /// sleeper for it costs more, and leaves one thread more than there are cores.
  void NotifyUnlessHelped(Worker& me) {
    const std::uint64_t s = idle_.load(std::memory_order_seq_cst);
    if (spinners(s) == 0 && sleepers(s) > helpers(s)) [[unlikely]]
      WakeUnlessHelped(me);
  }
  /// For a worker in the middle of much work of its own: a job or an injected item, if it is time for one.
  Item Interleave(Worker& me);

  /// Whether any item lies where a helper could take it: only loads, so that who waits disturbs nobody.
  bool HasItems() const;
  /// Whether one thread more would compute on a core of its own: some worker sleeps, or finds nothing to do.
  bool HasFreeSeat() const {
    const std::uint64_t s = idle_.load(std::memory_order_seq_cst);
    return sleepers(s) + spinners(s) > helpers(s);
  }
  /// A seat for the calling thread, or null if all are taken.
  Worker* EnterHelper();
  void LeaveHelper(Worker* worker);
  /// Work that a helper may take: an item that `wanted` accepts.
  template <class Wanted>
  Item FindFor(Worker& me, const Wanted& wanted) {
    for (const std::unique_ptr<Worker>& w : workers_) {
      if (w.get() == &me) continue;
      if (const Item item = w->deque.Steal(wanted); item != kNoItem) return item;
    }
    return kNoItem;
  }
  Item TakeInjected();
  /// Synchronous engines: runs everything there is, on this thread.
  void Drain();

  int workers() const { return count_; }
  bool synchronous() const { return synchronous_; }
  /// How long a caller that waits looks for work before it sleeps: longer where it helps the run that it
  /// waits for, and no worker looks on already.
  double caller_patience_ns(bool helps) const {
    return helps && spinners(idle_.load(std::memory_order_relaxed)) == 0 ? kBusySpins * spin_ns_ : spin_ns_;
  }
  const std::vector<std::unique_ptr<Worker>>& places() const { return workers_; }
  std::int64_t jobs_pending() const { return jobs_pending_.load(std::memory_order_seq_cst); }
  std::uint64_t jobs_done() const { return jobs_done_.load(std::memory_order_relaxed); }
  /// Called whenever jobs_pending falls to 0, or a group has become idle.
  std::function<void()> on_jobs_done;

 private:
  enum class Found : std::uint8_t { nothing, item, job };
  struct Work {
    Found found = Found::nothing;
    Item item = kNoItem;
    Job job;
    Priority priority = Priority::high;
  };
  static std::uint64_t spinners(std::uint64_t s) { return s & 0xffff; }
  static std::uint64_t sleepers(std::uint64_t s) { return (s >> 16) & 0xffff; }
  static std::uint64_t helpers(std::uint64_t s) { return (s >> 32) & 0xffff; }
  /// 0.5 ms. A thread that sleeps is 50 us late, and costs its waker 15; models have serial steps of 20 to
  /// 200.
  static constexpr double kBusySpins = 25;
  static constexpr std::uint64_t kSpinner = 1, kSleeper = 1u << 16, kHelper = std::uint64_t{1} << 32;

  void Main(Worker& me, bool counted);
  Work Find(Worker& me);
  /// Goes to another CPU if somebody of this pool computes on this one.
  void ShareNoCpu(const Worker& me);
  bool TakeJob(Work& work, bool low);
  bool AnyWork() const;
  /// How long a worker looks for work: longer while a run is under way, whose next step to share may be as
  /// far away as the end of the step that another thread is in.
  double patience_ns(std::uint64_t spinning) const {
    return spinning <= long_spinners_ && client_.Busy() ? kBusySpins * spin_ns_ : spin_ns_;
  }
  void WakeUnlessHelped(Worker& me);
  void WakeOne(Worker* me, bool even_seated = false);
  enum class Parked : std::uint8_t { woken, leave };
  Parked Park(Worker& me, bool counted);
  void Do(Worker& me, Work& work);
  void JobOver(const Ref<RunGroup>& group);

  Client& client_;
  const int count_;
  const bool synchronous_;
  const double spin_ns_;
  const std::uint64_t long_spinners_;  // so many at most: one thread computes, with a core for each
  const std::shared_ptr<ExecutorHook> hook_;
  std::weak_ptr<void> keep_alive_;
  std::vector<std::unique_ptr<Worker>> workers_;  // the workers, then the seats of helpers
  std::vector<std::thread> threads_;
  alignas(64) std::atomic<std::uint64_t> idle_{0};  // spinning, sleeping and helping threads
  alignas(64) std::atomic<bool> stop_{false};
  std::atomic<std::uint32_t> injected_{0};
  std::atomic<std::uint32_t> high_{0}, low_{0}, low_running_{0};
  std::atomic<std::int64_t> jobs_pending_{0};
  std::atomic<std::uint64_t> jobs_done_{0};
  std::atomic<std::int32_t> pumps_{0};  // jobs posted to the hook and not over
  std::atomic<bool> draining_{false};
  mutable ShortMutex mutex_;  // guards the three queues
  std::deque<Item> injection_;
  std::deque<Job> high_jobs_, low_jobs_;
};

/// What the calling thread is to which pool.
struct ThreadPlace {
  Pool* pool = nullptr;      // of which it is a worker, or whose queue it drains
  Worker* worker = nullptr;  // where its pushes go; null for helpers, whose deque holds one run only
  int inside = 0;            // steps or jobs on its stack: it must not block
};
ThreadPlace& this_place();

/// Marks the calling thread as being inside a step or job, where it must not block.
class InsideScope {
 public:
  InsideScope() { ++this_place().inside; }
  ~InsideScope() { --this_place().inside; }
  InsideScope(const InsideScope&) = delete;
  InsideScope& operator=(const InsideScope&) = delete;
};

}  // namespace leat::runtime
