#include "runtime/engine/admission.h"

#include <algorithm>

#include "runtime/executor/items.h"

namespace leat::runtime {

Admission::Admission(std::int64_t max_bytes, int max_runs)
    : max_bytes_(max_bytes), max_runs_(max_runs), slots_(new std::atomic<RunState*>[kRunSlots]) {
  for (std::uint32_t s = kRunSlots; s-- > 0;) {
    slots_[s].store(nullptr, std::memory_order_relaxed);
    free_slots_.push_back(s);
  }
  waiting_.reserve(64);
}

bool Admission::Reserve(RunState& run, bool force) {
  const std::lock_guard lock(mutex_);
  if (!force) {
    if (in_flight_ >= max_runs_) return false;
    if (max_bytes_ != 0 && in_flight_ != 0 &&
        started_bytes_ + reserved_bytes_ + run.reserved_bytes > max_bytes_) {
      return false;
    }
  }
  ++in_flight_;
  ++known_;
  ++submitted_;
  if (run.request.group) run.request.group->Add();
  reserved_bytes_ += run.reserved_bytes;
  run.AddRef();
  run.next = first_;
  if (first_) first_->previous = &run;
  first_ = &run;
  return true;
}

std::uint64_t Admission::epoch() const {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

void Admission::AwaitRelease(std::uint64_t epoch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return epoch_ != epoch; });
}

void Admission::Enqueue(RunState& run) {
  const std::lock_guard lock(mutex_);
  const auto later = [](const RunState* a, const RunState* b) { return a->id() < b->id(); };
  waiting_.insert(std::upper_bound(waiting_.begin(), waiting_.end(), &run, later), &run);
  waits_.fetch_add(1, std::memory_order_seq_cst);
}

RunState* Admission::Next() {
  const std::lock_guard lock(mutex_);
  bool blocked = false;  // somebody who could start found no room: only failed runs may pass
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    RunState& run = **it;
    if (!run.failed()) {
      if (blocked || !run.InputsOnTheWay()) continue;
      if (started_ > 0 && run.put_back && run.memory_epoch == epoch_) continue;
      if (!Fits(run.peak_bytes) || free_slots_.empty()) {
        blocked = true;
        continue;
      }
      run.memory_epoch = epoch_;
      run.slot = free_slots_.back();
      free_slots_.pop_back();
      slots_[run.slot].store(&run, std::memory_order_release);
      reserved_bytes_ -= run.reserved_bytes;
      run.reserved_bytes = 0;
      started_bytes_ += run.peak_bytes;
      peak_started_bytes_ = std::max(peak_started_bytes_, started_bytes_);
      ++started_;
      run.stage.store(RunState::Stage::running, std::memory_order_release);
    }
    waiting_.erase(it);
    waits_.fetch_sub(1, std::memory_order_seq_cst);
    return &run;
  }
  return nullptr;
}

bool Admission::PutBack(RunState& run) {
  {
    const std::lock_guard lock(mutex_);
    // If something finished since this run was let through, its memory may do.
    if (started_ <= 1 && run.memory_epoch == epoch_) return false;
    --started_;
    started_bytes_ -= run.peak_bytes;
    slots_[run.slot].store(nullptr, std::memory_order_relaxed);
    free_slots_.push_back(run.slot);
    run.put_back = true;
    run.stage.store(RunState::Stage::waiting, std::memory_order_release);
  }
  Enqueue(run);
  return true;
}

void Admission::Release(RunState& run) {
  {
    const std::lock_guard lock(mutex_);
    if (run.stage.load(std::memory_order_relaxed) == RunState::Stage::running) {
      --started_;
      started_bytes_ -= run.peak_bytes;
      slots_[run.slot].store(nullptr, std::memory_order_relaxed);
      free_slots_.push_back(run.slot);
    }
    reserved_bytes_ -= run.reserved_bytes;
    run.reserved_bytes = 0;
    --in_flight_;
    ++finished_;
    ++epoch_;
    run.stage.store(RunState::Stage::done, std::memory_order_release);
  }
  changed_.notify_all();
}

void Admission::Forget(RunState& run) {
  {
    const std::lock_guard lock(mutex_);
    (run.previous ? run.previous->next : first_) = run.next;
    if (run.next) run.next->previous = run.previous;
    run.previous = run.next = nullptr;
    --known_;
    if (run.request.group) run.request.group->Remove();
    changed_.notify_all();  // under the lock: who waits for idleness may destroy this
  }
  run.RefCounted::Release();
}

void Admission::NotifyIdle() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

std::vector<Ref<RunState>> Admission::Runs(const RunGroup* group) const {
  std::vector<Ref<RunState>> runs;
  const std::lock_guard lock(mutex_);
  for (RunState* run = first_; run; run = run->next) {
    if (group == nullptr || run->request.group.get() == group) runs.push_back(Ref<RunState>::Share(run));
  }
  return runs;
}

void Admission::FillStats(EngineStats& stats) const {
  const std::lock_guard lock(mutex_);
  stats.runs_submitted = submitted_;
  stats.runs_finished = finished_;
  stats.runs_in_flight = in_flight_;
  stats.bytes_in_flight = started_bytes_;
  stats.peak_bytes_in_flight = peak_started_bytes_;
}

}  // namespace leat::runtime
