#include "runtime/engine/deadline_timer.h"

#include "runtime/executor/run_state.h"

namespace leat::runtime {

void DeadlineTimer::Add(Clock::time_point when, Ref<RunState> run) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = run->id();
  runs_.emplace(std::pair(when, id), std::move(run));
  if (!thread_.joinable() && !stop_) thread_ = std::thread([this] { Main(); });
  changed_.notify_one();
}

void DeadlineTimer::Remove(Clock::time_point when, const RunState& run) {
  Ref<RunState> removed;
  const std::lock_guard lock(mutex_);
  if (const auto found = runs_.find({when, run.id()}); found != runs_.end()) {
    removed = std::move(found->second);
    runs_.erase(found);
  }
}

void DeadlineTimer::Main() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (runs_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = runs_.begin();
    if (first->first.first > Clock::now()) {
      const Clock::time_point until = first->first.first;
      changed_.wait_until(lock, until);
      continue;
    }
    Ref<RunState> run = std::move(first->second);
    runs_.erase(first);
    lock.unlock();
    run->Fail(Status(Code::deadline_exceeded, "the run passed its deadline"));
    run = nullptr;
    lock.lock();
  }
}

void DeadlineTimer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void DeadlineTimer::Abandon() {
  if (thread_.joinable()) thread_.detach();
}

}  // namespace leat::runtime
