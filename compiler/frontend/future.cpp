#include "leat/future.h"

#include "compiler/frontend/schedule.h"

namespace leat {

using runtime::Ref;
using runtime::Value;

namespace {

Status undefined() { return Status(Code::failed_precondition, "the Future is empty"); }

// What a done value says; a failure after the Context's end is context_gone.
Status status_of(const Value& value, const Tensor& tensor) {
  if (value.state() == Value::State::failed &&
      frontend::ContextState::Find(tensor.node()->context) == nullptr) {
    return Status(Code::context_gone, "the Context of this value was destroyed before it was computed");
  }
  return value.status();
}

}  // namespace

bool Future::Failed() const {
  const Ref<Value> value = frontend::peek_value(tensor_);
  return value != nullptr && value->state() == Value::State::failed;
}

Status Future::Wait() const {
  const Ref<Value> value = frontend::peek_value(tensor_);
  if (value == nullptr) return undefined();
  if (const Status s = value->Wait(); !s.ok()) return s;
  return status_of(*value, tensor_);
}

Status Future::WaitFor(std::chrono::nanoseconds timeout) const {
  const Ref<Value> value = frontend::peek_value(tensor_);
  if (value == nullptr) return undefined();
  if (const Status s = value->WaitUntil(Value::Clock::now() + timeout); !s.ok()) return s;
  return status_of(*value, tensor_);
}

StatusOr<Tensor> Future::Get() const {
  if (Status s = Wait(); !s.ok()) return s;
  return tensor_;
}

StatusOr<Tensor> Future::Result() const {
  const Ref<Value> value = frontend::peek_value(tensor_);
  if (value == nullptr) return undefined();
  if (Status s = status_of(*value, tensor_); !s.ok()) return s;
  return tensor_;
}

void Future::Then(std::function<void(StatusOr<Tensor>)> callback) const {
  const Ref<Value> value = frontend::peek_value(tensor_);
  if (value == nullptr) {
    callback(undefined());
    return;
  }
  value->OnDone([self = *this, callback = std::move(callback)](Value&) mutable {
    const std::shared_ptr<frontend::ContextState>& state =
        frontend::ContextState::Find(self.tensor_.node()->context);
    if (state == nullptr) {  // the Context is being torn down: there is no pool to go to
      callback(self.Result());
      return;
    }
    state->Schedule([self, callback = std::move(callback)] { callback(self.Result()); });
  });
}

std::future<Tensor> Future::ToStdFuture() const {
  auto promise = std::make_shared<std::promise<Tensor>>();
  std::future<Tensor> future = promise->get_future();
  Then([promise](StatusOr<Tensor> result) {
    if (result.ok()) {
      promise->set_value(*std::move(result));
    } else {
      promise->set_exception(std::make_exception_ptr(Error(result.status())));
    }
  });
  return future;
}

}  // namespace leat
