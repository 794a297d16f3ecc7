#include <algorithm>

#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"
#include "leat/nn.h"

namespace leat::onnx {
namespace {

struct Reduction {
  Tensor x;
  std::vector<int> axes;  // empty: all
  bool keep = true, nothing = false;
};

// Axes are an operand since version 18, and since 13 for ReduceSum.
Reduction reduction(Call& c, std::int64_t axes_since = 18) {
  Reduction r{c.input(0), {}, c.flag("keepdims", true), false};
  const std::optional<Integers> axes = c.integers_or(1, "axes", axes_since);
  if (axes) r.axes = c.normal_axes(*axes, r.x.rank());
  r.nothing = r.x.rank() == 0 || (r.axes.empty() && c.flag("noop_with_empty_axes"));
  return r;
}

// Halves are summed in f32, integers in their own dtype.
using Reduce = Tensor (*)(const Tensor&, const Axes&, bool, Here);
Tensor reduced(const Reduction& r, Reduce f, const Tensor& x) {
  return r.nothing ? x : f(x, r.axes, r.keep, Here::current());
}
Results narrowed(const Tensor& y, const Reduction& r) { return {astype(y, r.x.dtype())}; }
Tensor floating(const Tensor& x) { return is_float(x.dtype()) ? widened(x) : astype(x, DType::f64); }

// Softmax and its kin before version 13 take the axes from `axis` on as one.
template <class F>
Results along_axis(Call& c, F f) {
  const Tensor& x = c.input(0);
  if (c.version() >= 13) return {f(x, c.axis("axis", -1, x.rank()))};
  const int axis = c.axis("axis", 1, x.rank());
  std::int64_t rows = 1;
  for (int d = 0; d < axis; ++d) rows *= x.dim(d);
  if (x.num_elements() == 0) return {x};
  return {reshape(f(reshape(x, {rows, -1}), 1), x.shape())};
}

Results arg_reduce(Call& c, Tensor (*f)(const Tensor&, int, bool, Here)) {
  const Tensor& x = c.input(0);
  const int axis = c.axis("axis", 0, x.rank());
  const bool keep = c.flag("keepdims", true);
  if (!c.flag("select_last_index")) return {f(x, axis, keep, Here::current())};
  return {x.dim(axis) - 1 - f(reverse(x, axis), axis, keep, Here::current())};
}

}  // namespace

Tensor widened(const Tensor& x) {
  return x.dtype() == DType::f16 || x.dtype() == DType::bf16 ? astype(x, DType::f32) : x;
}

Results import_reduce_sum(Call& c) {
  const Reduction r = reduction(c, 13);
  return narrowed(reduced(r, sum, widened(r.x)), r);
}
Results import_reduce_mean(Call& c) {
  const Reduction r = reduction(c);
  return narrowed(reduced(r, mean, r.x), r);
}
Results import_reduce_max(Call& c) {
  const Reduction r = reduction(c);
  return {reduced(r, max, r.x)};
}
Results import_reduce_min(Call& c) {
  const Reduction r = reduction(c);
  return {reduced(r, min, r.x)};
}
Results import_reduce_prod(Call& c) {
  const Reduction r = reduction(c);
  return narrowed(reduced(r, prod, widened(r.x)), r);
}
Results import_reduce_l1(Call& c) {
  const Reduction r = reduction(c);
  return narrowed(reduced(r, sum, abs(widened(r.x))), r);
}
Results import_reduce_l2(Call& c) {
  const Reduction r = reduction(c);
  const Tensor x = floating(r.x);
  return narrowed(sqrt(reduced(r, sum, x * x)), r);
}
Results import_reduce_log_sum(Call& c) {
  const Reduction r = reduction(c);
  return narrowed(log(reduced(r, sum, floating(r.x))), r);
}
Results import_reduce_log_sum_exp(Call& c) {
  const Reduction r = reduction(c);
  return narrowed(reduced(r, logsumexp, floating(r.x)), r);
}
Results import_reduce_sum_square(Call& c) {
  const Reduction r = reduction(c);
  const Tensor x = widened(r.x);
  return narrowed(reduced(r, sum, x * x), r);
}

Results import_arg_max(Call& c) { return arg_reduce(c, argmax); }
Results import_arg_min(Call& c) { return arg_reduce(c, argmin); }

Results import_softmax(Call& c) {
  return along_axis(c, [](const Tensor& x, int axis) { return softmax(x, axis); });
}
Results import_log_softmax(Call& c) {
  return along_axis(c, [](const Tensor& x, int axis) { return log_softmax(x, axis); });
}
Results import_hardmax(Call& c) {
  return along_axis(c, [](const Tensor& x, int axis) {
    return astype(iota(x.shape(), axis) == argmax(x, axis, true), x.dtype());
  });
}

}  // namespace leat::onnx
