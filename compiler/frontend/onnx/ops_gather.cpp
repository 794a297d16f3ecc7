#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"

namespace leat::onnx {
namespace {

std::string scatter_kind(Call& c) {
  const std::string reduction = c.text("reduction", "none");
  if (reduction == "none") return "set";
  if (reduction == "add" || reduction == "mul" || reduction == "max" || reduction == "min") return reduction;
  c.Fail("reduction is \"", reduction, "\"");
}

// The last dimension of indices addresses the dimensions of x from `first` on.
Tensor wrapped_tuples(Call& c, const Tensor& x, const Tensor& indices, int first) {
  if (indices.rank() < 1 || indices.dim(-1) < 0 || indices.dim(-1) > x.rank() - first) {
    c.Fail("indices ", type_text(indices), " of ", type_text(x));
  }
  Integers extents;
  for (std::int64_t d = 0; d < indices.dim(-1); ++d) {
    extents.push_back(x.shape()[static_cast<std::size_t>(d + first)]);
  }
  const Tensor wide = astype(indices, DType::i64);
  return where(wide < 0, wide + tensor(extents), wide);
}

}  // namespace

Tensor wrapped_indices(const Tensor& indices, std::int64_t extent) {
  const Tensor wide = astype(indices, DType::i64);
  return where(wide < 0, wide + extent, wide);
}

Results import_gather(Call& c) {
  const Tensor& x = c.input(0);
  const int axis = c.axis("axis", 0, x.rank());
  return {gather(x, wrapped_indices(c.input(1), x.dim(axis)), axis)};
}

Results import_gather_elements(Call& c) {
  const Tensor& x = c.input(0);
  const int axis = c.axis("axis", 0, x.rank());
  return {gather_elements(x, wrapped_indices(c.input(1), x.dim(axis)), axis)};
}

Results import_gather_nd(Call& c) {
  const Tensor& x = c.input(0);
  const std::int64_t batch = c.integer("batch_dims", 0);
  if (batch < 0 || batch >= x.rank()) c.Fail("batch_dims is ", batch, " for ", type_text(x));
  return {gather_nd(x, wrapped_tuples(c, x, c.input(1), static_cast<int>(batch)), static_cast<int>(batch))};
}

Results import_scatter_elements(Call& c) {
  const Tensor& x = c.input(0);
  const int axis = c.axis("axis", 0, x.rank());
  return {scatter_elements(x, wrapped_indices(c.input(1), x.dim(axis)), c.input(2), axis, scatter_kind(c))};
}

Results import_scatter_nd(Call& c) {
  const Tensor& x = c.input(0);
  return {scatter_nd(x, wrapped_tuples(c, x, c.input(1), 0), c.input(2), scatter_kind(c))};
}

Results import_one_hot(Call& c) {
  const Tensor &indices = c.input(0), &values = c.input(2);
  const std::vector<double> given = c.reals(1);
  if (given.size() != 1 || given[0] < 0 || given[0] > 1e12)
    c.Fail("the depth must be one number, not negative");
  const auto depth = static_cast<std::int64_t>(given[0]);
  if (!(values.shape() == Shape{2})) c.Fail("the values are off and on, got ", type_text(values));
  const int rank = indices.rank() + 1, axis = c.axis("axis", -1, rank);
  const Tensor at = expand_dims(wrapped_indices(indices, depth), axis);
  Shape along;
  for (int d = 0; d < rank; ++d) along.push_back(d == axis ? depth : 1);
  const Tensor hot = at == reshape(arange(depth), along);
  return {where(hot, slice(values, {1}), slice(values, {0}))};
}

Results import_reverse_sequence(Call& c) {
  const Tensor& x = c.input(0);
  const int batch = c.axis("batch_axis", 1, x.rank()), time = c.axis("time_axis", 0, x.rank());
  Shape lengths_shape;
  for (int d = 0; d < x.rank(); ++d) lengths_shape.push_back(d == batch ? x.dim(batch) : 1);
  const Tensor lengths = reshape(astype(c.input(1), DType::i64), lengths_shape);
  const Tensor step = iota(x.shape(), time);
  return {gather_elements(x, where(step < lengths, lengths - 1 - step, step), time)};
}

Results import_top_k(Call& c) {
  const Tensor& x = c.input(0);
  const std::int64_t k = c.version() < 10 ? c.integer("k") : c.integer(std::size_t{1});
  const int axis = c.axis("axis", -1, x.rank()), last = x.rank() - 1;
  const TopK found = top_k(swap_axes(x, axis, last), k, !c.flag("largest", true));
  return {swap_axes(found.values, axis, last), swap_axes(found.indices, axis, last)};
}

Results import_cum_sum(Call& c) {
  const Tensor& x = c.input(0);
  const int axis = c.normal_axis(c.integer(std::size_t{1}), x.rank());
  return {cumsum(x, axis, {.exclusive = c.flag("exclusive"), .backward = c.flag("reverse")})};
}

}  // namespace leat::onnx
