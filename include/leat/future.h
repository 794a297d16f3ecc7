// A Future: one output of a run, at the explicit level.
//
// It can be waited for, awaited in a coroutine (which goes on on the pool), chained with a callback (on
// the pool), or turned into a std::future. Copies share. Any thread. Nothing here throws but co_await's
// machinery; errors are Statuses. Waiting on a pool thread for what is not there answers would_deadlock.
//
//   Future y = executable.Run({.inputs = {x}}).value()[0];
//   StatusOr<Tensor> t = co_await y;
#pragma once

#include <chrono>
#include <coroutine>
#include <functional>
#include <future>

#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

class Future {
 public:
  Future() = default;
  explicit Future(Tensor tensor) : tensor_(std::move(tensor)) {}

  bool ready() const { return tensor_.ready() || Failed(); }
  /// Blocks; the status of the value: ok, its fault, or the failure of the run.
  Status Wait() const;
  /// deadline_exceeded if it is not there in time.
  Status WaitFor(std::chrono::nanoseconds timeout) const;
  /// Waits, then the value or its error.
  StatusOr<Tensor> Get() const;
  /// Calls `callback` once on the pool when the value is there or has failed.
  void Then(std::function<void(StatusOr<Tensor>)> callback) const;
  /// An Error is delivered as an exception.
  std::future<Tensor> ToStdFuture() const;
  /// The value as a Tensor, at once; it may be used in expressions before it is there.
  const Tensor& tensor() const { return tensor_; }

  bool await_ready() const { return ready(); }
  void await_suspend(std::coroutine_handle<> waiting) const {
    Then([waiting](StatusOr<Tensor>) { waiting.resume(); });
  }
  StatusOr<Tensor> await_resume() const { return Result(); }

 private:
  bool Failed() const;
  StatusOr<Tensor> Result() const;  // REQUIRES: ready()
  Tensor tensor_;
};

}  // namespace leat
#pragma GCC visibility pop
