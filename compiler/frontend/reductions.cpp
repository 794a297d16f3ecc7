// Reductions, running reductions and order.
#include "compiler/frontend/build.h"
#include "leat/create.h"
#include "leat/ops.h"

namespace leat {

using frontend::fail;
using frontend::frozen;
using frontend::make_convert;
using frontend::make_elementwise;
using frontend::make_op;
using frontend::node_of;
using frontend::normal_axes;
using frontend::normal_axis;
using ir::Attr;
using Integers = std::vector<std::int64_t>;

namespace {

Tensor keep(const Tensor& reduced, const Shape& before, const Integers& dims, SourceLocation at) {
  Shape s = before;
  for (std::int64_t d : dims) s[static_cast<std::size_t>(d)] = 1;
  return reshape(reduced, s, at);
}

Tensor reduce(ir::Op op, const Tensor& x, const Axes& axes, bool keep_dims, SourceLocation at) {
  const frontend::Node& n = node_of(x, ir::op_info(op).name, at);
  const Integers dims = normal_axes(axes.list(), n.shape.rank(), ir::op_info(op).name, at);
  const Tensor r = make_op(op, {Operand(x, at)}, {{Attr::dims, dims}}, at);
  return keep_dims ? keep(r, n.shape, dims, at) : r;
}

Tensor arg_reduce(ir::Op op, const Tensor& x, int axis, bool keep_dims, SourceLocation at) {
  const frontend::Node& n = node_of(x, ir::op_info(op).name, at);
  const std::int64_t a = normal_axis(axis, n.shape.rank(), ir::op_info(op).name, at);
  const Tensor r = make_op(op, {Operand(x, at)}, {{Attr::axis, a}}, at);
  return keep_dims ? keep(r, n.shape, {a}, at) : r;
}

Tensor scan(ir::Op op, const Tensor& x, int axis, ScanOptions o, SourceLocation at) {
  const std::int64_t a =
      normal_axis(axis, node_of(x, ir::op_info(op).name, at).shape.rank(), ir::op_info(op).name, at);
  ir::Attributes attributes{{Attr::axis, a}};
  if (o.exclusive) attributes.Set(Attr::exclusive, true);
  if (o.backward) attributes.Set(Attr::backward, true);
  return make_op(op, {Operand(x, at)}, std::move(attributes), at);
}

// The dtype in which sums of `dtype` are formed by composites.
DType wide(DType dtype) {
  if (dtype == DType::f16 || dtype == DType::bf16) return DType::f32;
  return is_float(dtype) ? dtype : DType::f64;
}
DType result_dtype(DType dtype) { return is_float(dtype) ? dtype : DType::f64; }

std::int64_t count_of(const Shape& s, const Integers& dims) {
  std::int64_t n = 1;
  for (std::int64_t d : dims) n *= s[static_cast<std::size_t>(d)];
  return n;
}

Tensor truth(const Tensor& x, SourceLocation at) { return make_convert(x, DType::bool_, at); }

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes, bool k, Here at) {
  return reduce(ir::Op::reduce_sum, x, axes, k, at);
}
Tensor prod(const Tensor& x, const Axes& axes, bool k, Here at) {
  return reduce(ir::Op::reduce_prod, x, axes, k, at);
}
Tensor max(const Tensor& x, const Axes& axes, bool k, Here at) {
  return reduce(ir::Op::reduce_max, x, axes, k, at);
}
Tensor min(const Tensor& x, const Axes& axes, bool k, Here at) {
  return reduce(ir::Op::reduce_min, x, axes, k, at);
}
Tensor any(const Tensor& x, const Axes& axes, bool k, Here at) {
  return reduce(ir::Op::reduce_or, truth(x, at), axes, k, at);
}
Tensor all(const Tensor& x, const Axes& axes, bool k, Here at) {
  return reduce(ir::Op::reduce_and, truth(x, at), axes, k, at);
}

Tensor mean(const Tensor& x, const Axes& axes, bool keep_dims, Here at) {
  const frontend::Node& n = node_of(x, "mean", at);
  const Integers dims = normal_axes(axes.list(), n.shape.rank(), "mean", at);
  const Tensor w = make_convert(x, wide(n.dtype), at);
  const Tensor total = sum(w, axes, keep_dims, at);
  // The count is an argument: a new extent is the same kernel.
  const Tensor m = make_elementwise(
      ir::Op::div, {Operand(total, at), Operand(static_cast<double>(count_of(n.shape, dims)), at)});
  return make_convert(m, result_dtype(n.dtype), at);
}

Tensor variance(const Tensor& x, const Axes& axes, bool keep_dims, int correction, Here at) {
  const frontend::Node& n = node_of(x, "variance", at);
  const Integers dims = normal_axes(axes.list(), n.shape.rank(), "variance", at);
  const Tensor w = make_convert(x, wide(n.dtype), at);
  const Tensor centred =
      make_elementwise(ir::Op::sub, {Operand(w, at), Operand(mean(w, axes, true, at), at)});
  const Tensor square = make_elementwise(ir::Op::mul, {Operand(centred, at), Operand(centred, at)});
  const double count = static_cast<double>(count_of(n.shape, dims) - correction);
  const Tensor v =
      make_elementwise(ir::Op::div, {Operand(sum(square, axes, keep_dims, at), at), Operand(count, at)});
  return make_convert(v, result_dtype(n.dtype), at);
}

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keep_dims, Here at) {
  const frontend::Node& n = node_of(x, "logsumexp", at);
  const Integers dims = normal_axes(axes.list(), n.shape.rank(), "logsumexp", at);
  const Tensor w = make_convert(x, wide(n.dtype), at);
  const Tensor m = max(w, axes, true, at);
  // An infinite maximum would give inf - inf: subtract 0 instead.
  const Tensor finite = make_elementwise(ir::Op::is_finite, {Operand(m, at)});
  const Tensor shift = make_elementwise(ir::Op::select, {Operand(finite, at), Operand(m, at), frozen(0, at)});
  const Tensor e = make_elementwise(
      ir::Op::exp, {Operand(make_elementwise(ir::Op::sub, {Operand(w, at), Operand(shift, at)}), at)});
  const Tensor log_sum = make_elementwise(ir::Op::log, {Operand(sum(e, axes, true, at), at)});
  Tensor r = make_convert(make_elementwise(ir::Op::add, {Operand(log_sum, at), Operand(shift, at)}),
                          result_dtype(n.dtype), at);
  if (keep_dims) return r;
  Shape s;
  for (int d = 0; d < n.shape.rank(); ++d) {
    bool dropped = false;
    for (std::int64_t a : dims) dropped = dropped || a == d;
    if (!dropped) s.push_back(n.shape[static_cast<std::size_t>(d)]);
  }
  return reshape(r, s, at);
}

Tensor argmax(const Tensor& x, int axis, bool k, Here at) {
  return arg_reduce(ir::Op::arg_max, x, axis, k, at);
}
Tensor argmin(const Tensor& x, int axis, bool k, Here at) {
  return arg_reduce(ir::Op::arg_min, x, axis, k, at);
}

Tensor cumsum(const Tensor& x, int axis, ScanOptions o, Here at) {
  return scan(ir::Op::cumulative_sum, x, axis, o, at);
}
Tensor cumprod(const Tensor& x, int axis, ScanOptions o, Here at) {
  return scan(ir::Op::cumulative_prod, x, axis, o, at);
}
Tensor cummax(const Tensor& x, int axis, ScanOptions o, Here at) {
  return scan(ir::Op::cumulative_max, x, axis, o, at);
}
Tensor cummin(const Tensor& x, int axis, ScanOptions o, Here at) {
  return scan(ir::Op::cumulative_min, x, axis, o, at);
}

namespace {

std::vector<Tensor> sorted(std::span<const Tensor> tensors, int axis, bool descending, std::string_view what,
                           SourceLocation at) {
  const std::int64_t a = normal_axis(axis, node_of(tensors[0], what, at).shape.rank(), what, at);
  ir::Attributes attributes{{Attr::axis, a}};
  if (descending) attributes.Set(Attr::descending, true);
  return frontend::make_tuple_op(ir::Op::sort, tensors, std::move(attributes), at);
}

}  // namespace

Tensor sort(const Tensor& x, int axis, bool descending, Here at) {
  return sorted(std::span(&x, 1), axis, descending, "sort", at)[0];
}

Tensor argsort(const Tensor& x, int axis, bool descending, Here at) {
  const Shape& s = node_of(x, "argsort", at).shape;
  const Tensor both[] = {x, iota(s, normal_axis(axis, s.rank(), "argsort", at), DType::i64, at)};
  return sorted(both, axis, descending, "argsort", at)[1];
}

TopK top_k(const Tensor& x, std::int64_t k, bool least, Here at) {
  node_of(x, "top_k", at);
  ir::Attributes attributes{{Attr::k, k}};
  if (least) attributes.Set(Attr::least, true);
  std::vector<Tensor> r = frontend::make_tuple_op(ir::Op::top_k, std::span(&x, 1), std::move(attributes), at);
  return {std::move(r[0]), std::move(r[1])};
}

}  // namespace leat
