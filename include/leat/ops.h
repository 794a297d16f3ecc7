// Functions on tensors beyond the elementwise ones (leat/elementwise.h) and the neural composites
// (leat/nn.h). NumPy's names and conventions where NumPy has them.
//
// Axes may be negative (from the back). Empty lists of axes mean all axes. Every function checks shapes
// and dtypes as it is called and throws leat::Error (invalid_argument) with the place of the call;
// indices out of range are found while running and poison the result (out_of_range).
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/elementwise.h"
#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

using Here = SourceLocation;
/// A list of axes or extents: {0, -1}, a vector, or one number.
class Axes {
 public:
  Axes() = default;
  Axes(int axis) : axes_{axis} {}                          // NOLINT: implicit
  Axes(std::initializer_list<int> axes) : axes_(axes) {}   // NOLINT: implicit
  Axes(std::vector<int> axes) : axes_(std::move(axes)) {}  // NOLINT: implicit
  std::span<const int> list() const { return axes_; }

 private:
  std::vector<int> axes_;
};

// --- choose and convert ---
/// p ? x : y, elementwise; p is a bool tensor.
Tensor where(const Operand& p, const Operand& x, const Operand& y);
/// minimum(maximum(x, low), high); the result has x's dtype.
Tensor clamp(const Operand& x, const Operand& low, const Operand& high);
/// To another dtype: rounds to nearest even; float to integer truncates and saturates, NaN is 0.
Tensor astype(const Tensor& x, DType dtype, Here at = Here::current());
/// The same bits as another dtype of the same width.
Tensor bitcast(const Tensor& x, DType dtype, Here at = Here::current());

// --- shape ---
/// The same elements in row-major order; one extent may be -1 and follows from the others.
Tensor reshape(const Tensor& x, const Shape& shape, Here at = Here::current());
/// All axes [first, last] become one.
Tensor flatten(const Tensor& x, int first = 0, int last = -1, Here at = Here::current());
/// NumPy-style: x's dimensions, aligned at the back, repeat to fill `shape`.
Tensor broadcast_to(const Tensor& x, const Shape& shape, Here at = Here::current());
/// Result axis k is x's axis axes[k]; no axes: reversed.
Tensor transpose(const Tensor& x, const Axes& axes = {}, Here at = Here::current());
Tensor swap_axes(const Tensor& x, int a, int b, Here at = Here::current());
/// Inserts an axis of extent 1 before `axis` of the result.
Tensor expand_dims(const Tensor& x, int axis, Here at = Here::current());
/// Drops axes of extent 1: those named, or all.
Tensor squeeze(const Tensor& x, const Axes& axes = {}, Here at = Here::current());
Tensor reverse(const Tensor& x, const Axes& axes, Here at = Here::current());

/// Part of an axis, as in Python: start and stop count from the back if negative and are clamped to the
/// extent; an index takes one element and drops the axis.
struct Slice {
  std::optional<std::int64_t> start, stop;
  std::int64_t step = 1;
  bool is_index = false;
  Slice() = default;                                                                            // :
  Slice(std::int64_t index) : start(index), is_index(true) {}                                   // NOLINT: i
  Slice(int index) : Slice(static_cast<std::int64_t>(index)) {}                                 // NOLINT: i
  Slice(std::optional<std::int64_t> from, std::optional<std::int64_t> to, std::int64_t by = 1)  // from:to:by
      : start(from), stop(to), step(by) {}
};
/// slice(x, {{0, 4}, {}, -1}) is x[0:4, :, -1]. Axes not named are taken whole.
Tensor slice(const Tensor& x, std::initializer_list<Slice> parts, Here at = Here::current());
Tensor slice(const Tensor& x, std::span<const Slice> parts, Here at = Here::current());

// --- joining and moving ---
Tensor concat(std::span<const Tensor> parts, int axis, Here at = Here::current());
inline Tensor concat(std::initializer_list<Tensor> parts, int axis, Here at = Here::current()) {
  return concat(std::span(parts.begin(), parts.size()), axis, at);
}
/// Joins along a new axis; all have one shape.
Tensor stack(std::span<const Tensor> parts, int axis = 0, Here at = Here::current());
inline Tensor stack(std::initializer_list<Tensor> parts, int axis = 0, Here at = Here::current()) {
  return stack(std::span(parts.begin(), parts.size()), axis, at);
}
/// `count` equal parts, or parts of these lengths, which sum to the extent.
std::vector<Tensor> split(const Tensor& x, std::int64_t count, int axis = 0, Here at = Here::current());
std::vector<Tensor> split(const Tensor& x, std::span<const std::int64_t> lengths, int axis = 0,
                          Here at = Here::current());
/// low[d] and high[d] elements of `value` around axis d; negative crops; interior[d] between neighbours.
Tensor pad(const Tensor& x, std::span<const std::int64_t> low, std::span<const std::int64_t> high,
           const Operand& value = 0, std::span<const std::int64_t> interior = {}, Here at = Here::current());
inline Tensor pad(const Tensor& x, std::initializer_list<std::int64_t> low,
                  std::initializer_list<std::int64_t> high, const Operand& value = 0,
                  Here at = Here::current()) {
  return pad(x, std::span(low.begin(), low.size()), std::span(high.begin(), high.size()), value, {}, at);
}
Tensor tile(const Tensor& x, std::initializer_list<std::int64_t> repeats, Here at = Here::current());

// --- gather and scatter (indices are i32 or i64 tensors) ---
/// x's slices at `indices` along `axis`, in place of that axis. numpy.take.
Tensor gather(const Tensor& x, const Tensor& indices, int axis = 0, Here at = Here::current());
/// r[..i..] = x[..indices[..i..]..]. numpy.take_along_axis.
Tensor gather_elements(const Tensor& x, const Tensor& indices, int axis, Here at = Here::current());
/// The last dimension of `indices` addresses the leading dimensions of x.
Tensor gather_nd(const Tensor& x, const Tensor& indices, int batch_dims = 0, Here at = Here::current());
/// x with `updates` combined in at `indices`, in update order; kind: set, add, mul, min, max.
Tensor scatter_elements(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis,
                        std::string_view kind = "set", Here at = Here::current());
Tensor scatter_nd(const Tensor& x, const Tensor& indices, const Tensor& updates,
                  std::string_view kind = "set", Here at = Here::current());
/// `sizes` elements from `start` (one rank-0 integer per dimension), clamped to fit.
Tensor dynamic_slice(const Tensor& x, std::span<const Operand> start, std::span<const std::int64_t> sizes,
                     Here at = Here::current());
Tensor dynamic_update_slice(const Tensor& x, const Tensor& update, std::span<const Operand> start,
                            Here at = Here::current());

// --- reductions: their order of operations is fixed (README of ir/meaning) ---
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, Here at = Here::current());
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, Here at = Here::current());
Tensor max(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, Here at = Here::current());
Tensor min(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, Here at = Here::current());
/// sum / count, in f32 for f16 and bf16; integers and bool give f64.
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, Here at = Here::current());
/// mean((x - mean(x))^2) * n / (n - correction); two passes.
Tensor variance(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, int correction = 0,
                Here at = Here::current());
Tensor any(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, Here at = Here::current());
Tensor all(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, Here at = Here::current());
/// i64 index of the first greatest (least) element; a NaN is both.
Tensor argmax(const Tensor& x, int axis = -1, bool keep_dims = false, Here at = Here::current());
Tensor argmin(const Tensor& x, int axis = -1, bool keep_dims = false, Here at = Here::current());
/// max + log(sum(exp(x - max))).
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, Here at = Here::current());
struct ScanOptions {
  bool exclusive = false;
  bool backward = false;
};
Tensor cumsum(const Tensor& x, int axis = 0, ScanOptions options = {}, Here at = Here::current());
Tensor cumprod(const Tensor& x, int axis = 0, ScanOptions options = {}, Here at = Here::current());
Tensor cummax(const Tensor& x, int axis = 0, ScanOptions options = {}, Here at = Here::current());
Tensor cummin(const Tensor& x, int axis = 0, ScanOptions options = {}, Here at = Here::current());

// --- contractions ---
/// NumPy's matmul: the last two dimensions, the others broadcast; vectors as rows or columns.
Tensor matmul(const Tensor& x, const Tensor& y, Here at = Here::current());
/// Sum over the contracting dimensions; the result has the batch, then x's free, then y's free dimensions.
Tensor dot_general(const Tensor& x, const Tensor& y, const Axes& contract_x, const Axes& contract_y,
                   const Axes& batch_x = {}, const Axes& batch_y = {}, Here at = Here::current());
/// Einstein summation as NumPy defines it: einsum("bij,bjk->bik", {x, y}). Any number of operands, taken in
/// the order of the smallest products; "..." stands for dimensions that broadcast; a label that repeats
/// within an operand is a diagonal; without "->" the result has the labels that occur once, in alphabetical
/// order.
Tensor einsum(std::string_view formula, std::span<const Tensor> operands, Here at = Here::current());
inline Tensor einsum(std::string_view formula, std::initializer_list<Tensor> operands,
                     Here at = Here::current()) {
  return einsum(formula, std::span(operands.begin(), operands.size()), at);
}

// --- order ---
/// Stable, ascending, NaN last.
Tensor sort(const Tensor& x, int axis = -1, bool descending = false, Here at = Here::current());
/// The i64 indices that sort x.
Tensor argsort(const Tensor& x, int axis = -1, bool descending = false, Here at = Here::current());
struct TopK {
  Tensor values, indices;
};
/// The k greatest (or least) along the last axis, in order, ties by index.
TopK top_k(const Tensor& x, std::int64_t k, bool least = false, Here at = Here::current());
/// 1 at each index along a new last axis of extent `depth`; indices outside give a row of 0.
Tensor one_hot(const Tensor& indices, std::int64_t depth, DType dtype = DType::f32,
               Here at = Here::current());
/// On another device of the Context: "cpu:0", or a virtual CPU ("cpu:1") or GPU ("gpu:0") of its options.
/// What is computed from it is computed there; what a GPU has no code for (custom ops, branches and loops)
/// goes back to cpu:0 and its results stay there.
Tensor to_device(const Tensor& x, std::string_view device, Here at = Here::current());

}  // namespace leat
#pragma GCC visibility pop
