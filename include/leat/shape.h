// The extents of a tensor.
//
// A Shape is a short list of dimensions, row-major, minor-most last. A dimension >= 0 is a static
// extent; a negative one stands for a symbol of the graph that the shape belongs to (`n`, or the
// bounded `<=n`), or for kUnknownDim, an extent that only running tells. The shape of a Tensor is
// always static. Up to six dimensions live inline.
//
//   leat::Shape s{256, 1024};   s.rank() == 2;   s.num_elements() == 262144
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <span>
#include <string>

#pragma GCC visibility push(default)
namespace leat {

inline constexpr std::int64_t kUnknownDim = std::numeric_limits<std::int64_t>::min();
/// The dimension that stands for symbol `id` of a graph, and back. REQUIRES: id >= 0.
constexpr std::int64_t symbol_dim(std::int64_t id) { return -1 - id; }
constexpr std::int64_t symbol_of(std::int64_t dim) { return -1 - dim; }
constexpr bool is_static(std::int64_t dim) { return dim >= 0; }

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) { Assign(dims.begin(), dims.size()); }
  explicit Shape(std::span<const std::int64_t> dims) { Assign(dims.data(), dims.size()); }
  Shape(const Shape& o) : rank_(o.rank_) {
    if (o.heap_) {
      Assign(o.data(), o.rank_);
    } else {
      std::copy_n(o.inline_, kInline, inline_);
    }
  }
  Shape(Shape&& o) noexcept : rank_(o.rank_), heap_(std::move(o.heap_)) {
    std::copy_n(o.inline_, kInline, inline_);
    o.rank_ = 0;
  }
  Shape& operator=(const Shape& o) {
    if (this != &o) Assign(o.data(), o.rank_);
    return *this;
  }
  Shape& operator=(Shape&& o) noexcept {
    rank_ = o.rank_;
    heap_ = std::move(o.heap_);
    std::copy_n(o.inline_, kInline, inline_);
    if (this != &o) o.rank_ = 0;
    return *this;
  }

  int rank() const { return static_cast<int>(rank_); }
  std::size_t size() const { return rank_; }
  const std::int64_t* data() const { return heap_ ? heap_.get() : inline_; }
  std::int64_t* data() { return heap_ ? heap_.get() : inline_; }
  std::int64_t operator[](std::size_t i) const { return data()[i]; }
  std::int64_t& operator[](std::size_t i) { return data()[i]; }
  const std::int64_t* begin() const { return data(); }
  const std::int64_t* end() const { return data() + rank_; }
  std::int64_t back() const { return data()[rank_ - 1]; }
  std::span<const std::int64_t> dims() const { return {data(), rank_}; }
  void push_back(std::int64_t dim);

  bool is_static() const {
    return std::all_of(begin(), end(), [](std::int64_t d) { return d >= 0; });
  }
  /// The product of the extents; 1 for rank 0. REQUIRES: is_static() and the product fits (every
  /// shape that inference accepts does).
  std::int64_t num_elements() const {
    std::int64_t n = 1;
    for (std::int64_t d : dims()) n *= d;
    return n;
  }
  friend bool operator==(const Shape& a, const Shape& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }
  /// "[256,1024]"; symbols without their names, as "s0", unknown extents as "?".
  std::string ToString() const;

 private:
  static constexpr std::size_t kInline = 6;
  void Assign(const std::int64_t* dims, std::size_t n) {
    if (n > kInline) {
      std::unique_ptr<std::int64_t[]> p(new std::int64_t[n]);
      std::copy_n(dims, n, p.get());
      heap_ = std::move(p);
    } else {
      std::int64_t t[kInline] = {};
      std::copy_n(dims, n, t);
      heap_.reset();
      std::copy_n(t, kInline, inline_);
    }
    rank_ = static_cast<std::uint32_t>(n);
  }
  std::uint32_t rank_ = 0;
  std::int64_t inline_[kInline] = {};
  std::unique_ptr<std::int64_t[]> heap_;
};

inline void Shape::push_back(std::int64_t dim) {
  if (rank_ < kInline && !heap_) {
    inline_[rank_++] = dim;
    return;
  }
  std::unique_ptr<std::int64_t[]> p(new std::int64_t[rank_ + 1]);
  std::copy_n(data(), rank_, p.get());
  p[rank_++] = dim;
  heap_ = std::move(p);
}

}  // namespace leat
#pragma GCC visibility pop
