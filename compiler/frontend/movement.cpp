// Functions that choose, join, take apart and address elements.
#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/context_state.h"
#include "ir/inference.h"
#include "leat/create.h"
#include "leat/ops.h"

namespace leat {

using frontend::fail;
using frontend::make_elementwise;
using frontend::make_op;
using frontend::node_of;
using frontend::normal_axis;
using ir::Attr;
using Integers = std::vector<std::int64_t>;

namespace {

std::vector<Operand> operands_of(std::span<const Tensor> tensors, SourceLocation at) {
  std::vector<Operand> operands;
  for (const Tensor& t : tensors) operands.emplace_back(t, at);
  return operands;
}

// All in their common dtype.
std::vector<Tensor> promoted(std::span<const Tensor> tensors, std::string_view op, SourceLocation at) {
  DType dtype = node_of(tensors[0], op, at).dtype;
  for (const Tensor& t : tensors) {
    StatusOr<DType> common = ir::promote(dtype, node_of(t, op, at).dtype);
    if (!common.ok()) fail(Code::invalid_argument, std::string(op) + ": " + common.status().message(), at);
    dtype = *common;
  }
  std::vector<Tensor> result;
  for (const Tensor& t : tensors) result.push_back(frontend::make_convert(t, dtype, at));
  return result;
}

Integers filled(std::span<const std::int64_t> list, std::size_t rank) {
  return list.empty() ? Integers(rank, 0) : Integers(list.begin(), list.end());
}

Integers whole(const Shape& s) { return {s.begin(), s.end()}; }

Tensor part(const Tensor& x, int axis, std::int64_t start, std::int64_t limit, SourceLocation at) {
  const Shape& s = x.shape();
  Integers starts(s.size(), 0), limits = whole(s);
  starts[static_cast<std::size_t>(axis)] = start;
  limits[static_cast<std::size_t>(axis)] = limit;
  return make_op(ir::Op::slice, {Operand(x, at)},
                 {{Attr::starts, std::move(starts)},
                  {Attr::limits, std::move(limits)},
                  {Attr::strides, Integers(s.size(), 1)}},
                 at);
}

}  // namespace

Tensor where(const Operand& p, const Operand& x, const Operand& y) {
  return make_elementwise(ir::Op::select, {p, x, y});
}

Tensor clamp(const Operand& x, const Operand& low, const Operand& high) {
  return make_elementwise(ir::Op::clamp, {low.At(x.where()), x, high});
}

Tensor astype(const Tensor& x, DType dtype, Here at) { return frontend::make_convert(x, dtype, at); }

Tensor bitcast(const Tensor& x, DType dtype, Here at) {
  return make_op(ir::Op::bitcast, {Operand(x, at)}, {{Attr::dtype, dtype}}, at);
}

Tensor concat(std::span<const Tensor> parts, int axis, Here at) {
  if (parts.empty()) fail(Code::invalid_argument, "concat: nothing to join", at);
  const std::int64_t a = normal_axis(axis, node_of(parts[0], "concat", at).shape.rank(), "concat", at);
  if (parts.size() == 1) return parts[0];
  const std::vector<Tensor> same = promoted(parts, "concat", at);
  return make_op(ir::Op::concat, operands_of(same, at), {{Attr::axis, a}}, at);
}

Tensor stack(std::span<const Tensor> parts, int axis, Here at) {
  if (parts.empty()) fail(Code::invalid_argument, "stack: nothing to join", at);
  const Shape& first = node_of(parts[0], "stack", at).shape;
  std::vector<Tensor> wide;
  for (const Tensor& t : parts) {
    const Shape& s = node_of(t, "stack", at).shape;
    if (!(s == first)) {
      fail(Code::invalid_argument, "stack: shapes " + first.ToString() + " and " + s.ToString() + " differ",
           at);
    }
    wide.push_back(expand_dims(t, axis, at));
  }
  return concat(wide, axis < 0 ? axis + first.rank() + 1 : axis, at);
}

std::vector<Tensor> split(const Tensor& x, std::int64_t count, int axis, Here at) {
  const Shape& s = node_of(x, "split", at).shape;
  const auto a = static_cast<std::size_t>(normal_axis(axis, s.rank(), "split", at));
  if (count <= 0 || s[a] % count != 0) {
    fail(Code::invalid_argument,
         absl::StrCat("split: axis ", a, " of shape ", s.ToString(), " in ", count, " equal parts"), at);
  }
  const Integers lengths(static_cast<std::size_t>(count), s[a] / count);
  return split(x, lengths, axis, at);
}

std::vector<Tensor> split(const Tensor& x, std::span<const std::int64_t> lengths, int axis, Here at) {
  const Shape& s = node_of(x, "split", at).shape;
  const int a = normal_axis(axis, s.rank(), "split", at);
  std::int64_t start = 0;
  std::vector<Tensor> parts;
  for (std::int64_t length : lengths) {
    const std::optional<std::int64_t> limit = ir::checked_add(start, length);
    if (!limit || *limit > s[static_cast<std::size_t>(a)]) {
      fail(Code::invalid_argument,
           absl::StrCat("split: the lengths do not fit axis ", a, " of shape ", s.ToString()), at);
    }
    parts.push_back(part(x, a, start, *limit, at));
    start = *limit;
  }
  if (start != s[static_cast<std::size_t>(a)]) {
    fail(Code::invalid_argument,
         absl::StrCat("split: the lengths sum to ", start, ", axis ", a, " of shape ", s.ToString(),
                      " does not"),
         at);
  }
  return parts;
}

Tensor pad(const Tensor& x, std::span<const std::int64_t> low, std::span<const std::int64_t> high,
           const Operand& value, std::span<const std::int64_t> interior, Here at) {
  const frontend::Node& n = node_of(x, "pad", at);
  const Operand v =
      value.is_scalar() && n.dtype == DType::bool_ && value.kind() == Operand::Kind::signed_integer
          ? Operand(value.as_signed() != 0, at)
          : value;
  return make_op(ir::Op::pad, {Operand(x, at), v},
                 {{Attr::low, Integers(low.begin(), low.end())},
                  {Attr::high, Integers(high.begin(), high.end())},
                  {Attr::interior, filled(interior, n.shape.size())}},
                 at, nullptr, n.dtype);
}

Tensor tile(const Tensor& x, std::initializer_list<std::int64_t> repeats, Here at) {
  const Shape& s = node_of(x, "tile", at).shape;
  const std::size_t rank = std::max(s.size(), repeats.size());
  Shape one, wide, out;
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t e = d + s.size() < rank ? 1 : s[d - (rank - s.size())];
    const std::int64_t r = d + repeats.size() < rank ? 1 : *(repeats.begin() + (d - (rank - repeats.size())));
    if (r < 0) fail(Code::invalid_argument, "tile: a negative count", at);
    const std::optional<std::int64_t> product = ir::checked_mul(e, r);
    if (!product) fail(Code::invalid_argument, "tile: the result has too many elements", at);
    one.push_back(1);
    one.push_back(e);
    wide.push_back(r);
    wide.push_back(e);
    out.push_back(*product);
  }
  return reshape(broadcast_to(reshape(x, one, at), wide, at), out, at);
}

Tensor gather(const Tensor& x, const Tensor& indices, int axis, Here at) {
  const std::int64_t a = normal_axis(axis, node_of(x, "gather", at).shape.rank(), "gather", at);
  return make_op(ir::Op::gather, {Operand(x, at), Operand(indices, at)}, {{Attr::axis, a}}, at);
}

Tensor gather_elements(const Tensor& x, const Tensor& indices, int axis, Here at) {
  const std::int64_t a =
      normal_axis(axis, node_of(x, "gather_elements", at).shape.rank(), "gather_elements", at);
  return make_op(ir::Op::gather_elements, {Operand(x, at), Operand(indices, at)}, {{Attr::axis, a}}, at);
}

Tensor gather_nd(const Tensor& x, const Tensor& indices, int batch_dims, Here at) {
  ir::Attributes attributes;
  if (batch_dims != 0) attributes.Set(Attr::batch_dims, static_cast<std::int64_t>(batch_dims));
  return make_op(ir::Op::gather_nd, {Operand(x, at), Operand(indices, at)}, std::move(attributes), at);
}

Tensor scatter_elements(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis,
                        std::string_view kind, Here at) {
  const std::int64_t a =
      normal_axis(axis, node_of(x, "scatter_elements", at).shape.rank(), "scatter_elements", at);
  return make_op(ir::Op::scatter_elements, {Operand(x, at), Operand(indices, at), Operand(updates, at)},
                 {{Attr::axis, a}, {Attr::kind, std::string(kind)}}, at);
}

Tensor scatter_nd(const Tensor& x, const Tensor& indices, const Tensor& updates, std::string_view kind,
                  Here at) {
  return make_op(ir::Op::scatter_nd, {Operand(x, at), Operand(indices, at), Operand(updates, at)},
                 {{Attr::kind, std::string(kind)}}, at);
}

Tensor dynamic_slice(const Tensor& x, std::span<const Operand> start, std::span<const std::int64_t> sizes,
                     Here at) {
  std::vector<Operand> operands{Operand(x, at)};
  operands.insert(operands.end(), start.begin(), start.end());
  return make_op(ir::Op::dynamic_slice, operands, {{Attr::sizes, Integers(sizes.begin(), sizes.end())}}, at,
                 nullptr, DType::i64);
}

Tensor dynamic_update_slice(const Tensor& x, const Tensor& update, std::span<const Operand> start, Here at) {
  std::vector<Operand> operands{Operand(x, at), Operand(update, at)};
  operands.insert(operands.end(), start.begin(), start.end());
  return make_op(ir::Op::dynamic_update_slice, operands, {}, at, nullptr, DType::i64);
}

Tensor one_hot(const Tensor& indices, std::int64_t depth, DType dtype, Here at) {
  const frontend::Node& n = node_of(indices, "one_hot", at);
  if (!is_int(n.dtype)) {
    fail(Code::invalid_argument, "one_hot: the indices are " + std::string(name(n.dtype)) + ", not integers",
         at);
  }
  const Tensor classes = iota({depth}, 0, n.dtype, at);
  const Tensor on =
      make_elementwise(ir::Op::equal, {Operand(expand_dims(indices, -1, at), at), Operand(classes, at)});
  return frontend::make_convert(on, dtype, at);
}

Tensor to_device(const Tensor& x, std::string_view device, Here at) {
  const std::vector<std::string> known =
      frontend::ContextState::Get(node_of(x, "to_device", at).context, at)->device_names();
  if (std::find(known.begin(), known.end(), device) == known.end()) {
    fail(Code::invalid_argument,
         absl::StrCat("to_device: there is no device \"", std::string(device), "\"; there are ",
                      absl::StrJoin(known, ", ")),
         at);
  }
  return make_op(ir::Op::copy, {Operand(x, at)}, {{Attr::device, std::string(device)}}, at);
}

}  // namespace leat
