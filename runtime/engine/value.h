// A Value: the eventual content of one tensor, shared by whoever will write, read or wait for it.
//
// It starts pending and becomes ready (with a Buffer), poisoned (a fault of the computation: sticks for
// ever) or failed (the run failed: cancelled, deadline, out of memory; it may be tried again). Any thread
// may use it. Low-level listeners run on the completing thread and must be short; user code is scheduled
// with Engine::Schedule instead.
//
//   Ref<Value> v = Value::Pending();      engine->Submit({.program = p, .outputs = {v}});
//   if (v->Wait().ok() && v->state() == Value::State::ready) use(v->buffer()->data());
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "leat/status.h"
#include "runtime/engine/buffer.h"
#include "runtime/ref.h"

namespace leat::runtime {

class Run;
class RunState;

class Value final : public RefCounted {
 public:
  enum class State : std::uint8_t { pending, ready, poisoned, failed };
  using Clock = std::chrono::steady_clock;

  static Ref<Value> Pending() { return make_ref<Value>(); }
  static Ref<Value> Ready(Ref<Buffer> buffer);
  static Ref<Value> Poisoned(Status fault);
  Value() = default;
  explicit Value(Ref<Buffer> content) : state_(State::ready), buffer_(std::move(content)) {}
  ~Value() override;

  State state() const { return state_.load(std::memory_order_acquire); }
  bool done() const { return state() != State::pending; }
  /// Ok when ready; the fault or the failure otherwise. REQUIRES: done(), or called for a pending one: ok.
  Status status() const;
  /// The content. REQUIRES: ready. (While pending: the buffer given in advance, or null.)
  Ref<Buffer> buffer() const;
  /// The same, borrowed: valid while the Value lives. REQUIRES: ready.
  const Buffer& content() const { return *buffer_; }

  /// Where the content shall be written (the caller's own memory). REQUIRES: pending, not yet submitted.
  void GiveBuffer(Ref<Buffer> buffer);

  /// Each ends the pending state and tells everybody; false, changing nothing, if it was over already.
  /// The buffer given in advance stands where `buffer` is null.
  bool SetReady(Ref<Buffer> buffer);
  bool SetPoisoned(Status fault);
  bool SetFailed(Status failure);
  /// Makes a failed value pending again, to be submitted anew; false if it is not failed.
  bool Retry();

  /// Calls `listener` once: now if done, otherwise on the thread that completes it, with no lock held.
  void OnDone(std::function<void(Value&)> listener);

  /// Blocks until done, helping the run that produces it. The status of the *wait*: ok, or would_deadlock on
  /// a thread of the pool; look at state() and status() for the value's own. WaitUntil says
  /// deadline_exceeded when time ran out first.
  Status Wait();
  Status WaitUntil(Clock::time_point deadline);

  /// Where the content will be, as far as is known while it is pending; -1 is not known.
  std::int16_t device_hint() const { return device_hint_.load(std::memory_order_relaxed); }
  void SetDeviceHint(DeviceId device) {
    device_hint_.store(static_cast<std::int16_t>(device), std::memory_order_relaxed);
  }

  /// The run that will write it; null once done, or where something else will.
  Ref<Run> producer() const;

 private:
  friend class RunState;
  bool Complete(State state, Ref<Buffer> buffer, Status status);
  void SetProducer(RunState* run);
  /// Whether it is done, or its producer has started.
  bool OnTheWay() const;
  void Lock() const;
  void Unlock() const { lock_.clear(std::memory_order_release); }

  std::atomic<State> state_{State::pending};
  mutable std::atomic_flag lock_;  // guards what follows, but for the hint
  std::atomic<std::int16_t> device_hint_{-1};
  mutable std::atomic<std::uint32_t> waiters_{0};  // threads in Wait, which sleep on it
  RunState* producer_ = nullptr;                   // alive while this is pending
  Ref<Buffer> buffer_;
  Status status_;
  std::vector<std::function<void(Value&)>> listeners_;
};

}  // namespace leat::runtime
