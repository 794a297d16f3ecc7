// The public value types that need a little code: Status and Shape. The library shows them to its users.
#pragma GCC visibility push(default)
#include "leat/status.h"

#include <algorithm>

#include "leat/shape.h"

namespace leat {

std::string_view name(Code code) {
  switch (code) {
    case Code::ok: return "ok";
    case Code::invalid_argument: return "invalid_argument";
    case Code::out_of_range: return "out_of_range";
    case Code::failed_precondition: return "failed_precondition";
    case Code::not_found: return "not_found";
    case Code::resource_exhausted: return "resource_exhausted";
    case Code::cancelled: return "cancelled";
    case Code::deadline_exceeded: return "deadline_exceeded";
    case Code::would_deadlock: return "would_deadlock";
    case Code::context_gone: return "context_gone";
    case Code::device_lost: return "device_lost";
    case Code::data_loss: return "data_loss";
    case Code::custom_op_failed: return "custom_op_failed";
    case Code::unimplemented: return "unimplemented";
    case Code::internal: return "internal";
  }
  return "unknown";
}

Status::Status(Code code, std::string message, SourceLocation where) {
  if (code != Code::ok) payload_ = std::make_shared<const Payload>(Payload{code, std::move(message), where});
}

const std::string& Status::message() const {
  static const std::string kEmpty;
  return payload_ ? payload_->message : kEmpty;
}

Status Status::WithNote(std::string_view note) const {
  if (ok()) return *this;
  std::string message = payload_->message;
  message += "\n  ";
  message += note;
  return Status(code(), std::move(message), where());
}

std::string Status::ToString() const {
  if (ok()) return "ok";
  std::string s(name(code()));
  s += ": ";
  s += message();
  if (where().known()) {  // before the notes, which have places of their own
    s.insert(std::min(s.find('\n'), s.size()),
             " (at " + std::string(where().file) + ":" + std::to_string(where().line) + ")");
  }
  return s;
}

std::string Shape::ToString() const {
  std::string s = "[";
  for (int i = 0; i < rank(); ++i) {
    if (i > 0) s += ',';
    const std::int64_t d = (*this)[static_cast<std::size_t>(i)];
    s += d >= 0 ? std::to_string(d) : d == kUnknownDim ? "?" : "s" + std::to_string(symbol_of(d));
  }
  return s + "]";
}

}  // namespace leat
#pragma GCC visibility pop
