// New tensors: from the program's own data, by formula, and from memory that someone else owns.
//
// Data is copied as the call is made, but for borrow(), which keeps using the caller's memory.
// Everything is owned by the current Context (leat/context.h). Any thread.
//
//   Tensor m = tensor({{1.0f, 2.0f}, {3.0f, 4.0f}});        // f32[2,2]
//   Tensor v = tensor(std::span<const double>(samples));    // f64[n]
//   Tensor z = zeros({256, 1024});                          // f32
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <vector>

#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

/// A copy of `elements` (dense, row-major). Throws invalid_argument if `shape` is negative or too large.
Tensor from_memory(const void* elements, DType dtype, const Shape& shape,
                   SourceLocation where = SourceLocation::current());

/// Uses the caller's memory without a copy. It must stay unchanged until `release` is called: once, when
/// nothing uses it any more, on any thread, with no lock held. Dense, row-major, aligned to the element.
Tensor borrow(const void* elements, DType dtype, const Shape& shape, std::function<void()> release = {},
              SourceLocation where = SourceLocation::current());

/// A copy of `elements`, of one dimension or of `shape`, which must hold as many.
template <Element T>
Tensor tensor(std::span<const T> elements, SourceLocation where = SourceLocation::current()) {
  return from_memory(elements.data(), dtype_of<T>(), {static_cast<std::int64_t>(elements.size())}, where);
}
/// Throws invalid_argument if `shape` does not hold as many elements as there are.
void check_element_count(std::size_t have, const Shape& shape, SourceLocation where);
template <Element T>
Tensor tensor(std::span<const T> elements, const Shape& shape,
              SourceLocation where = SourceLocation::current()) {
  check_element_count(elements.size(), shape, where);
  return from_memory(elements.data(), dtype_of<T>(), shape, where);
}
template <Element T>
requires(!std::same_as<T, bool>) Tensor
    tensor(const std::vector<T>& elements, SourceLocation where = SourceLocation::current()) {
  return tensor(std::span<const T>(elements), where);
}
template <Element T>
requires(!std::same_as<T, bool>) Tensor tensor(const std::vector<T>& elements, const Shape& shape,
                                               SourceLocation where = SourceLocation::current()) {
  return tensor(std::span<const T>(elements), shape, where);
}
/// From nested lists. Rows of different lengths throw invalid_argument.
template <Element T>
Tensor tensor(std::initializer_list<T> elements, SourceLocation where = SourceLocation::current()) {
  return from_memory(elements.begin(), dtype_of<T>(), {static_cast<std::int64_t>(elements.size())}, where);
}
/// Throws the error of ragged rows.
[[noreturn]] void throw_ragged_rows(std::size_t row, std::size_t have, std::size_t want,
                                    SourceLocation where);
template <Element T>
Tensor tensor(std::initializer_list<std::initializer_list<T>> rows,
              SourceLocation where = SourceLocation::current()) {
  const std::size_t columns = rows.size() == 0 ? 0 : rows.begin()->size();
  std::vector<char> bytes;  // not vector<T>: vector<bool> has no elements to point at
  bytes.reserve(rows.size() * columns * sizeof(T));
  std::size_t r = 0;
  for (const std::initializer_list<T>& row : rows) {
    if (row.size() != columns) throw_ragged_rows(r, row.size(), columns, where);
    const char* p = reinterpret_cast<const char*>(row.begin());
    bytes.insert(bytes.end(), p, p + columns * sizeof(T));
    ++r;
  }
  return from_memory(bytes.data(), dtype_of<T>(),
                     {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns)}, where);
}

/// `value` everywhere, in its own dtype or in `dtype` (which must hold it).
Tensor full(const Shape& shape, const Operand& value);
Tensor full(const Shape& shape, const Operand& value, DType dtype);
Tensor zeros(const Shape& shape, DType dtype = DType::f32, SourceLocation where = SourceLocation::current());
Tensor ones(const Shape& shape, DType dtype = DType::f32, SourceLocation where = SourceLocation::current());

/// 0, 1, ... count-1. Throws invalid_argument if count is negative.
Tensor arange(std::int64_t count, DType dtype = DType::i64, SourceLocation where = SourceLocation::current());
/// start + i * step while below stop (above, for a negative step). f64 unless all are integers (i64).
Tensor arange(const Operand& start, const Operand& stop, const Operand& step = 1);
/// `count` evenly spaced values start + i * ((stop - start) / (count - 1)), computed in f64, rounded once.
Tensor linspace(double start, double stop, std::int64_t count, DType dtype = DType::f32,
                SourceLocation where = SourceLocation::current());
/// 1 on the diagonal, else 0. columns < 0: as many as rows.
Tensor eye(std::int64_t rows, std::int64_t columns = -1, DType dtype = DType::f32,
           SourceLocation where = SourceLocation::current());
/// The index along `axis`: iota of the op table.
Tensor iota(const Shape& shape, int axis, DType dtype = DType::i64,
            SourceLocation where = SourceLocation::current());

}  // namespace leat
#pragma GCC visibility pop
