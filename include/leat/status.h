// Errors: Status and StatusOr for the explicit level, Error for the expression level.
//
// A Status is ok or carries a code, a message and, where one is known, the user's source location.
// It is one pointer wide; copies share the payload. The expression API throws Error, which holds
// the same Status.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#pragma GCC visibility push(default)
namespace leat {

enum class Code : std::uint8_t {
  ok,
  invalid_argument,     // wrong shape, dtype, axis, attribute, malformed text or file
  out_of_range,         // an index out of range, found at run time
  failed_precondition,  // the object is not in the state that the call needs
  not_found,
  resource_exhausted,  // out of memory, or over an engine's bound
  cancelled,
  deadline_exceeded,
  would_deadlock,  // a blocking call where the thing waited for could never arrive
  context_gone,    // the Context of this value was destroyed before it was computed
  device_lost,
  data_loss,         // a file or cache entry is corrupt or truncated
  custom_op_failed,  // a user's function threw or returned an error
  unimplemented,
  internal,  // a defect of Leat
};

/// "invalid_argument", ...
std::string_view name(Code code);

/// Where the user wrote something. `file` outlives the program (a string literal) or is interned
/// by the graph that holds it.
struct SourceLocation {
  const char* file = "";
  std::uint32_t line = 0;
  static constexpr SourceLocation current(const char* file = __builtin_FILE(),
                                          std::uint32_t line = __builtin_LINE()) {
    return {file, line};
  }
  bool known() const { return line != 0; }
};

class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  Status(Code code, std::string message, SourceLocation where = {});
  bool ok() const { return payload_ == nullptr; }
  Code code() const { return payload_ ? payload_->code : Code::ok; }
  const std::string& message() const;
  SourceLocation where() const { return payload_ ? payload_->where : SourceLocation{}; }
  /// The same error with `note` on a line of its own below the message.
  Status WithNote(std::string_view note) const;
  /// "invalid_argument: <message> (at train.cpp:41)"
  std::string ToString() const;
  void IgnoreError() const {}

 private:
  struct Payload {
    Code code;
    std::string message;
    SourceLocation where;
  };
  std::shared_ptr<const Payload> payload_;
};

/// What the expression level throws.
class Error : public std::runtime_error {
 public:
  explicit Error(Status status) : std::runtime_error(status.ToString()), status_(std::move(status)) {}
  Code code() const { return status_.code(); }
  const Status& status() const { return status_; }

 private:
  Status status_;
};

template <class T>
class [[nodiscard]] StatusOr {
 public:
  StatusOr(Status status)
      : status_(std::move(status)) {}              // NOLINT: implicit, like absl's. REQUIRES: !status.ok()
  StatusOr(T value) : value_(std::move(value)) {}  // NOLINT: implicit
  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  /// REQUIRES: ok().
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  /// The value, or throws Error.
  T& value() & {
    if (!value_) throw Error(status_);
    return *value_;
  }
  T&& value() && {
    if (!value_) throw Error(status_);
    return *std::move(value_);
  }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace leat
#pragma GCC visibility pop
