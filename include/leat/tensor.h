// A lazy tensor: a handle to a node of an expression graph, or to a value that is there already.
//
// Building an expression does no arithmetic; shapes and dtypes are checked as the node is built, and
// a wrong one throws leat::Error with the op, the shapes and the user's file:line. Nothing runs until
// a value is asked for: eval() hands the work over and returns, wait() blocks, and item(), data(),
// to_vector() and operator<< block too, which a BlockGuard (leat/block_guard.h) finds.
// A Tensor is one pointer; copies share the node. Any thread may use any Tensor; one Tensor object
// follows the usual rule (no write beside a read). Values stay readable after their Context is gone.
//
//   Tensor x = tensor({1.0f, 2.0f, 3.0f});
//   Tensor y = x * 2 + 1;                   // nothing runs; scalars take the tensor's dtype
//   std::cout << y << "\n";                 // runs, waits, prints
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "leat/dtype.h"
#include "leat/shape.h"
#include "leat/status.h"

#pragma GCC visibility push(default)
namespace leat {

namespace frontend {
struct Node;
}  // namespace frontend

/// A C++ type that is one element: arithmetic types, float16 and bfloat16.
template <class T>
concept Element =
    (std::is_arithmetic_v<T> && sizeof(T) <= 8) || std::same_as<T, float16> || std::same_as<T, bfloat16>;

class Operand;

/// Elements of a ready value, row-major, read-only. Keeps them alive, also beyond the Tensor.
template <class T>
class DataView {
 public:
  DataView(std::shared_ptr<const void> owner, const T* elements, std::size_t count)
      : owner_(std::move(owner)), elements_(elements, count) {}
  const T* data() const { return elements_.data(); }
  std::size_t size() const { return elements_.size(); }
  const T& operator[](std::size_t i) const { return elements_[i]; }
  auto begin() const { return elements_.begin(); }
  auto end() const { return elements_.end(); }
  operator std::span<const T>() const { return elements_; }  // NOLINT: implicit, it is a span

 private:
  std::shared_ptr<const void> owner_;
  std::span<const T> elements_;
};

class Tensor {
 public:
  Tensor() noexcept = default;  // no value; using it in an expression throws failed_precondition
  template <Element T>
  explicit Tensor(T scalar, SourceLocation where = SourceLocation::current());  // rank 0
  Tensor(const Tensor& other) noexcept;
  Tensor(Tensor&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Tensor& operator=(const Tensor& other) noexcept;
  Tensor& operator=(Tensor&& other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Tensor();

  bool defined() const { return node_ != nullptr; }
  DType dtype() const;
  const Shape& shape() const;
  int rank() const { return shape().rank(); }
  /// The extent of an axis; negative axes count from the back.
  std::int64_t dim(int axis) const;
  std::int64_t num_elements() const;
  std::size_t byte_count() const { return static_cast<std::size_t>(num_elements()) * byte_size(dtype()); }

  /// Hands the work over and returns at once (leat/eval.h has the form for several tensors).
  const Tensor& eval(SourceLocation where = SourceLocation::current()) const;
  /// Evaluates and blocks until the value is there. Throws its Error if it is poisoned or its run failed.
  const Tensor& wait(SourceLocation where = SourceLocation::current()) const;
  /// Evaluates and blocks at most this long; whether the value is there (or poisoned).
  bool wait_for(std::chrono::nanoseconds timeout, SourceLocation where = SourceLocation::current()) const;
  /// Whether the value is there or poisoned. Never blocks, starts nothing.
  bool ready() const;
  /// ok, or the fault that poisons the value. Never blocks; failed_precondition if it is not ready.
  Status status() const;
  /// What this tensor is waiting for, as text ("matmul at train.cpp:41, running"). Never blocks.
  std::string explain() const;

  /// The one element. Blocks. Throws invalid_argument if there are several or T is not the dtype's type.
  template <Element T>
  T item(SourceLocation where = SourceLocation::current()) const {
    T value;
    ReadItem(dtype_of<T>(), &value, where);
    return value;
  }
  /// All elements, without a copy. Blocks. Throws invalid_argument if T is not the dtype's type.
  template <Element T>
  DataView<T> data(SourceLocation where = SourceLocation::current()) const {
    std::pair<std::shared_ptr<const void>, const void*> d = ReadData(dtype_of<T>(), where);
    return DataView<T>(std::move(d.first), static_cast<const T*>(d.second),
                       static_cast<std::size_t>(num_elements()));
  }
  /// All elements, copied, row-major. Blocks.
  template <Element T>
  std::vector<T> to_vector(SourceLocation where = SourceLocation::current()) const {
    const DataView<T> view = data<T>(where);
    return std::vector<T>(view.begin(), view.end());
  }
  /// "f32[2,3] {{1, 2, 3}, {4, 5, 6}}", long tensors abbreviated. Blocks.
  std::string to_string(SourceLocation where = SourceLocation::current()) const;

  /// Names the node in dumps, traces and errors. Returns *this.
  Tensor& label(std::string_view text);
  /// Where the expression was written.
  SourceLocation where() const;

  explicit operator bool() const = delete;  // a comparison is a Tensor: item<bool>() reads it

  // Elementwise operators, with NumPy-style broadcasting. C++ scalars take the tensor's dtype.
  friend Tensor operator+(const Operand& x, const Operand& y);
  friend Tensor operator-(const Operand& x, const Operand& y);
  friend Tensor operator*(const Operand& x, const Operand& y);
  friend Tensor operator/(const Operand& x, const Operand& y);  // integers truncate
  friend Tensor operator%(const Operand& x, const Operand& y);
  friend Tensor operator&(const Operand& x, const Operand& y);
  friend Tensor operator|(const Operand& x, const Operand& y);
  friend Tensor operator^(const Operand& x, const Operand& y);
  friend Tensor operator<<(const Operand& x, const Operand& y);
  friend Tensor operator>>(const Operand& x, const Operand& y);
  friend Tensor operator==(const Operand& x, const Operand& y);  // elementwise: a bool Tensor
  friend Tensor operator!=(const Operand& x, const Operand& y);
  friend Tensor operator<(const Operand& x, const Operand& y);
  friend Tensor operator<=(const Operand& x, const Operand& y);
  friend Tensor operator>(const Operand& x, const Operand& y);
  friend Tensor operator>=(const Operand& x, const Operand& y);
  friend Tensor operator-(const Operand& x);
  friend Tensor operator~(const Operand& x);
  friend Tensor operator!(const Tensor& x);  // of a number: x == 0
  Tensor& operator+=(const Operand& y);
  Tensor& operator-=(const Operand& y);
  Tensor& operator*=(const Operand& y);
  Tensor& operator/=(const Operand& y);
  friend std::ostream& operator<<(std::ostream& out, const Tensor& t);

  /// For the layers below: adopts one reference.
  explicit Tensor(frontend::Node* node) noexcept : node_(node) {}
  frontend::Node* node() const { return node_; }

 private:
  void ReadItem(DType dtype, void* value, SourceLocation where) const;
  std::pair<std::shared_ptr<const void>, const void*> ReadData(DType dtype, SourceLocation where) const;
  frontend::Node* node_ = nullptr;
};

/// What an op takes: a Tensor or a C++ scalar, and where the user wrote it. Made by conversion, for the
/// length of one call; it borrows the Tensor. Never store one.
class Operand {
 public:
  enum class Kind : std::uint8_t { tensor, boolean, signed_integer, unsigned_integer, real };

  Operand(const Tensor& tensor, SourceLocation where = SourceLocation::current())  // NOLINT: implicit
      : node_(tensor.node()), where_(where) {}
  template <Element T>
  Operand(T scalar, SourceLocation where = SourceLocation::current())  // NOLINT: implicit
      : where_(where), native_(dtype_of<T>()) {
    if constexpr (std::is_same_v<T, bool>) {
      kind_ = Kind::boolean;
      unsigned_ = scalar ? 1 : 0;
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      kind_ = Kind::signed_integer;
      signed_ = scalar;
    } else if constexpr (std::is_integral_v<T>) {
      kind_ = Kind::unsigned_integer;
      unsigned_ = scalar;
    } else {
      kind_ = Kind::real;
      real_ = static_cast<double>(
          static_cast<std::conditional_t<std::is_same_v<T, double>, double, float>>(scalar));
    }
  }

  Kind kind() const { return kind_; }
  bool is_scalar() const { return kind_ != Kind::tensor; }
  frontend::Node* node() const { return node_; }
  SourceLocation where() const { return where_; }
  /// The dtype of the scalar's C++ type: what it becomes where no tensor decides.
  DType native_dtype() const { return native_; }
  std::int64_t as_signed() const { return signed_; }
  std::uint64_t as_unsigned() const { return unsigned_; }
  double as_real() const { return real_; }
  /// A scalar that is part of the structure: another value is another plan. For constants of formulas.
  Operand Frozen() const {
    Operand o = *this;
    o.frozen_ = true;
    return o;
  }
  bool is_frozen() const { return frozen_; }
  /// The same operand, written somewhere else (a composite passes its caller's place on).
  Operand At(SourceLocation where) const {
    Operand o = *this;
    o.where_ = where;
    return o;
  }

 private:
  union {
    frontend::Node* node_ = nullptr;
    std::int64_t signed_;
    std::uint64_t unsigned_;
    double real_;
  };
  SourceLocation where_;
  Kind kind_ = Kind::tensor;
  DType native_ = DType::f32;
  bool frozen_ = false;
};

/// Rank 0, of the dtype of T.
Tensor scalar_tensor(const Operand& scalar);

template <Element T>
Tensor::Tensor(T scalar, SourceLocation where) : Tensor(scalar_tensor(Operand(scalar, where))) {}

}  // namespace leat
#pragma GCC visibility pop
