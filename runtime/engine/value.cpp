#include "runtime/engine/value.h"

#include <sched.h>

#include <mutex>

#include "runtime/engine/engine.h"
#include "runtime/engine/futex.h"
#include "runtime/executor/run_state.h"

namespace leat::runtime {

Ref<Value> Value::Ready(Ref<Buffer> buffer) { return make_ref<Value>(std::move(buffer)); }

Ref<Value> Value::Poisoned(Status fault) {
  Ref<Value> v = Pending();
  v->SetPoisoned(std::move(fault));
  return v;
}

Value::~Value() = default;

// Held for a few instructions only; a holder that lost its CPU is given a chance to go on.
void Value::Lock() const {
  while (lock_.test_and_set(std::memory_order_acquire)) {
    for (int spins = 0; lock_.test(std::memory_order_relaxed); ++spins) {
      if (spins < 64) {
        cpu_pause();
      } else {
        sched_yield();
      }
    }
  }
}

Status Value::status() const {
  Lock();
  Status s = status_;
  Unlock();
  return s;
}

Ref<Buffer> Value::buffer() const {
  Lock();
  Ref<Buffer> b = buffer_;
  Unlock();
  return b;
}

void Value::GiveBuffer(Ref<Buffer> buffer) {
  Lock();
  std::swap(buffer_, buffer);
  Unlock();
}

bool Value::SetReady(Ref<Buffer> buffer) { return Complete(State::ready, std::move(buffer), {}); }
bool Value::SetPoisoned(Status fault) { return Complete(State::poisoned, nullptr, std::move(fault)); }
bool Value::SetFailed(Status failure) { return Complete(State::failed, nullptr, std::move(failure)); }

bool Value::Complete(State state, Ref<Buffer> buffer, Status status) {
  std::vector<std::function<void(Value&)>> listeners;
  Lock();
  if (state_.load(std::memory_order_relaxed) != State::pending) {
    Unlock();
    return false;
  }
  if (buffer) std::swap(buffer_, buffer);
  if (state == State::poisoned) std::swap(buffer_, buffer);  // nothing will ever be in it
  status_ = std::move(status);
  producer_ = nullptr;
  listeners.swap(listeners_);
  state_.store(state, std::memory_order_seq_cst);
  Unlock();
  if (waiters_.load(std::memory_order_seq_cst) != 0) {
    waiters_.store(0, std::memory_order_seq_cst);
    futex_wake(waiters_);
  }
  for (std::function<void(Value&)>& listener : listeners) listener(*this);
  return true;
}

bool Value::Retry() {
  Status old;
  Lock();
  const bool failed = state_.load(std::memory_order_relaxed) == State::failed;
  if (failed) {
    std::swap(status_, old);
    state_.store(State::pending, std::memory_order_release);
  }
  Unlock();
  return failed;
}

void Value::OnDone(std::function<void(Value&)> listener) {
  Lock();
  if (state_.load(std::memory_order_relaxed) == State::pending) {
    listeners_.push_back(std::move(listener));
    Unlock();
    return;
  }
  Unlock();
  listener(*this);
}

bool Value::OnTheWay() const {
  Lock();
  const bool on = state_.load(std::memory_order_relaxed) != State::pending ||
                  (producer_ && producer_->stage.load(std::memory_order_acquire) >= RunState::Stage::running);
  Unlock();
  return on;
}

void Value::SetProducer(RunState* run) {
  Lock();
  if (state_.load(std::memory_order_relaxed) == State::pending) producer_ = run;
  Unlock();
}

Ref<Run> Value::producer() const {
  Lock();
  Ref<Run> run = Ref<Run>::Share(producer_);
  Unlock();
  return run;
}

Status Value::Wait() { return WaitUntil(Clock::time_point::max()); }

Status Value::WaitUntil(Clock::time_point deadline) {
  if (done()) return {};
  if (Engine::OnPoolThread()) {
    return Status(Code::would_deadlock,
                  "waiting on a thread of the pool for a value that is not ready could never end; use a "
                  "continuation instead");
  }
  if (const Ref<Run> run = producer()) {
    static_cast<RunState*>(run.get())->Help(
        deadline, [](const void* v) { return static_cast<const Value*>(v)->done(); }, this);
  }
  for (;;) {
    waiters_.store(1, std::memory_order_seq_cst);
    if (state_.load(std::memory_order_seq_cst) != State::pending) return {};
    if (deadline == Clock::time_point::max()) {
      futex_wait(waiters_, 1);
    } else {
      if (Clock::now() >= deadline) {
        return Status(Code::deadline_exceeded, "the value did not arrive in time");
      }
      futex_wait_until(waiters_, 1, deadline);
    }
  }
}

}  // namespace leat::runtime
