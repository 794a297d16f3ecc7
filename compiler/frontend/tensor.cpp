#include "leat/tensor.h"

#include <cstring>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/format.h"
#include "compiler/frontend/schedule.h"
#include "leat/block_guard.h"

namespace leat {

using frontend::Node;
using runtime::Value;

Tensor::Tensor(const Tensor& other) noexcept : node_(other.node_) {
  if (node_ != nullptr) frontend::retain(node_);
}

Tensor& Tensor::operator=(const Tensor& other) noexcept {
  Node* const old = node_;
  if (other.node_ != nullptr) frontend::retain(other.node_);
  node_ = other.node_;
  if (old != nullptr) frontend::release(old);
  return *this;
}

Tensor::~Tensor() {
  if (node_ != nullptr) frontend::release(node_);
}

DType Tensor::dtype() const { return frontend::node_of(*this, "dtype", {}).dtype; }
const Shape& Tensor::shape() const { return frontend::node_of(*this, "shape", {}).shape; }
std::int64_t Tensor::num_elements() const { return shape().num_elements(); }
std::int64_t Tensor::dim(int axis) const {
  return shape()[static_cast<std::size_t>(frontend::normal_axis(axis, rank(), "dim", where()))];
}
SourceLocation Tensor::where() const { return frontend::node_of(*this, "where", {}).where; }

const Tensor& Tensor::eval(SourceLocation where) const {
  leat::eval(std::span(this, 1), {}, where);
  return *this;
}

const Tensor& Tensor::wait(SourceLocation where) const {
  frontend::await_value(*this, "wait", where);
  return *this;
}

bool Tensor::wait_for(std::chrono::nanoseconds timeout, SourceLocation where) const {
  frontend::node_of(*this, "wait_for", where);
  const auto deadline = Value::Clock::now() + timeout;
  BlockGuard::Report("wait_for", where, !ready());
  const runtime::Ref<Value> value = frontend::request_value(*this, where);
  const Status s = value->WaitUntil(deadline);
  if (!s.ok() && s.code() != Code::deadline_exceeded) frontend::fail(s, where);
  return value->done();
}

bool Tensor::ready() const {
  const runtime::Ref<Value> value = frontend::peek_value(*this);
  return value != nullptr && value->done() && value->state() != Value::State::failed;
}

Status Tensor::status() const {
  const runtime::Ref<Value> value = frontend::peek_value(*this);
  if (value == nullptr || !value->done()) {
    return Status(Code::failed_precondition, "status: the value is not there yet",
                  node_ ? where() : SourceLocation{});
  }
  return value->status();
}

std::string Tensor::explain() const {
  const runtime::Ref<Value> value = frontend::peek_value(*this);
  if (value == nullptr) return "not asked for yet";
  switch (value->state()) {
    case Value::State::ready: return "ready";
    case Value::State::poisoned:
    case Value::State::failed: return value->status().ToString();
    case Value::State::pending: break;
  }
  // A small eval has no run of its own: it stands in the queue of launches (frontend/launch_queue.h).
  if (value->producer() == nullptr && !value->done()) return "handed over; a worker is about to run it";
  return runtime::explain_wait(*value);
}

Tensor& Tensor::label(std::string_view text) {
  frontend::node_of(*this, "label", {});
  node_->label.store(frontend::intern_name(text), std::memory_order_relaxed);
  return *this;
}

namespace {

[[noreturn, gnu::cold]] void wrong_type(std::string_view call, DType asked, const Node& node,
                                        SourceLocation where) {
  const std::string_view a = name(asked), b = name(node.dtype);
  frontend::fail(Code::invalid_argument,
                 absl::StrCat(absl::string_view(call.data(), call.size()), ": asked for ",
                              absl::string_view(a.data(), a.size()), " of a tensor of ",
                              absl::string_view(b.data(), b.size()), " (convert it with astype)"),
                 where);
}

}  // namespace

void Tensor::ReadItem(DType dtype, void* value, SourceLocation where) const {
  const Node& node = frontend::node_of(*this, "item", where);
  if (node.dtype != dtype) wrong_type("item", dtype, node, where);
  if (node.shape.num_elements() != 1) {
    frontend::fail(Code::invalid_argument,
                   absl::StrCat("item: the tensor has ", node.shape.num_elements(), " elements, shape ",
                                node.shape.ToString()),
                   where);
  }
  const runtime::Ref<Value> v = frontend::read_value(*this, "item", where);
  std::memcpy(value, v->content().data(), byte_size(dtype));
}

std::pair<std::shared_ptr<const void>, const void*> Tensor::ReadData(DType dtype,
                                                                     SourceLocation where) const {
  const Node& node = frontend::node_of(*this, "data", where);
  if (node.dtype != dtype) wrong_type("data", dtype, node, where);
  const runtime::Ref<Value> v = frontend::read_value(*this, "data", where);
  runtime::Ref<runtime::Buffer> buffer = v->buffer();
  const void* const data = buffer->data();
  // The deleter holds the buffer; the pointer itself owns nothing.
  std::shared_ptr<const void> owner(data, [buffer = std::move(buffer)](const void*) {});
  return {std::move(owner), data};
}

std::string Tensor::to_string(SourceLocation where) const {
  const Node& node = frontend::node_of(*this, "to_string", where);
  const runtime::Ref<Value> v = frontend::read_value(*this, "to_string", where);
  return frontend::format_tensor(node.dtype, node.shape, v->buffer()->data());
}

Tensor scalar_tensor(const Operand& scalar) { return frontend::as_tensor(scalar); }

// Friends that only the class declares take their visibility from their definition.
#pragma GCC visibility push(default)

#define LEAT_OPERATOR(symbol, op)                              \
  Tensor operator symbol(const Operand& x, const Operand& y) { \
    return frontend::make_elementwise(ir::Op::op, {x, y});     \
  }
LEAT_OPERATOR(+, add)
LEAT_OPERATOR(-, sub)
LEAT_OPERATOR(*, mul)
LEAT_OPERATOR(/, div)
LEAT_OPERATOR(%, rem)
LEAT_OPERATOR(&, bit_and)
LEAT_OPERATOR(|, bit_or)
LEAT_OPERATOR(^, bit_xor)
LEAT_OPERATOR(<<, shift_left)
LEAT_OPERATOR(>>, shift_right)
LEAT_OPERATOR(==, equal)
LEAT_OPERATOR(!=, not_equal)
LEAT_OPERATOR(<, less)
LEAT_OPERATOR(<=, less_equal)
LEAT_OPERATOR(>, greater)
LEAT_OPERATOR(>=, greater_equal)
#undef LEAT_OPERATOR

std::ostream& operator<<(std::ostream& out, const Tensor& t) {
  if (!t.defined()) return out << "(no value)";
  const Node& node = *t.node();
  const runtime::Ref<Value> v = frontend::read_value(t, "operator<<", node.where);
  return out << frontend::format_tensor(node.dtype, node.shape, v->buffer()->data());
}

Tensor operator-(const Operand& x) { return frontend::make_elementwise(ir::Op::neg, {x}); }
Tensor operator~(const Operand& x) { return frontend::make_elementwise(ir::Op::bit_not, {x}); }
Tensor operator!(const Tensor& x) {
  const Node& n = frontend::node_of(x, "!", {});
  if (n.dtype != DType::bool_) {
    return frontend::make_elementwise(ir::Op::equal, {Operand(x, n.where), Operand(0, n.where)});
  }
  return frontend::make_elementwise(ir::Op::bit_not, {Operand(x, n.where)});
}

#pragma GCC visibility pop

Tensor& Tensor::operator+=(const Operand& y) {
  return *this = frontend::make_elementwise(ir::Op::add, {Operand(*this, y.where()), y});
}
Tensor& Tensor::operator-=(const Operand& y) {
  return *this = frontend::make_elementwise(ir::Op::sub, {Operand(*this, y.where()), y});
}
Tensor& Tensor::operator*=(const Operand& y) {
  return *this = frontend::make_elementwise(ir::Op::mul, {Operand(*this, y.where()), y});
}
Tensor& Tensor::operator/=(const Operand& y) {
  return *this = frontend::make_elementwise(ir::Op::div, {Operand(*this, y.where()), y});
}

}  // namespace leat
