// Functions that change only how elements are arranged.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "ir/inference.h"
#include "leat/ops.h"

namespace leat {

using frontend::fail;
using frontend::make_op;
using frontend::node_of;
using frontend::normal_axes;
using frontend::normal_axis;
using ir::Attr;
using Integers = std::vector<std::int64_t>;

namespace {

Tensor reshaped(const Tensor& x, Shape shape, SourceLocation at) {
  const frontend::Node& n = node_of(x, "reshape", at);
  if (n.shape == shape) return x;
  const ir::Type type{n.dtype, std::move(shape)};
  return make_op(ir::Op::reshape, {Operand(x, at)}, {}, at, &type);
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape, Here at) {
  const frontend::Node& n = node_of(x, "reshape", at);
  Shape want = shape;
  int open = -1;
  std::int64_t known = 1;
  for (int d = 0; d < want.rank(); ++d) {
    const std::int64_t e = want[static_cast<std::size_t>(d)];
    if (e == -1 && open < 0) {
      open = d;
    } else if (e < 0) {
      fail(Code::invalid_argument,
           absl::StrCat("reshape: ", e == -1 ? "two extents of -1" : "a negative extent", " in shape ",
                        absl::StrCat(
                            "{",
                            [&] {
                              std::string s;
                              for (std::int64_t i : want) absl::StrAppend(&s, s.empty() ? "" : ",", i);
                              return s;
                            }(),
                            "}")),
           at);
    } else {
      const std::optional<std::int64_t> product = ir::checked_mul(known, e);
      if (!product) fail(Code::invalid_argument, "reshape: the shape has too many elements", at);
      known = *product;
    }
  }
  if (open >= 0) {
    const std::int64_t count = n.shape.num_elements();
    if (known == 0 || count % known != 0) {
      fail(Code::invalid_argument,
           absl::StrCat("reshape: ", count, " elements of shape ", n.shape.ToString(),
                        " do not divide by the other extents, ", known),
           at);
    }
    want[static_cast<std::size_t>(open)] = count / known;
  }
  return reshaped(x, std::move(want), at);
}

Tensor flatten(const Tensor& x, int first, int last, Here at) {
  const Shape& s = node_of(x, "flatten", at).shape;
  if (s.rank() == 0) return reshaped(x, {1}, at);
  const int from = normal_axis(first, s.rank(), "flatten", at),
            to = normal_axis(last, s.rank(), "flatten", at);
  if (from > to) fail(Code::invalid_argument, "flatten: the first axis is behind the last", at);
  Shape out;
  std::int64_t product = 1;
  for (int d = 0; d < s.rank(); ++d) {
    const std::int64_t e = s[static_cast<std::size_t>(d)];
    if (d < from || d > to) {
      out.push_back(e);
    } else {
      product *= e;
      if (d == to) out.push_back(product);
    }
  }
  return reshaped(x, std::move(out), at);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape, Here at) {
  const frontend::Node& n = node_of(x, "broadcast_to", at);
  if (n.shape == shape) return x;
  const int lead = shape.rank() - n.shape.rank();
  if (lead < 0) {
    fail(Code::invalid_argument,
         "broadcast_to: shape " + n.shape.ToString() + " has more dimensions than " + shape.ToString(), at);
  }
  Integers dims;
  for (int d = lead; d < shape.rank(); ++d) dims.push_back(d);
  const ir::Type type{n.dtype, shape};
  return make_op(ir::Op::broadcast, {Operand(x, at)}, {{Attr::dims, std::move(dims)}}, at, &type);
}

Tensor transpose(const Tensor& x, const Axes& axes, Here at) {
  const int rank = node_of(x, "transpose", at).shape.rank();
  Integers dims;
  if (axes.list().empty()) {
    for (int d = rank; d-- > 0;) dims.push_back(d);
  } else {
    for (int a : axes.list()) dims.push_back(normal_axis(a, rank, "transpose", at));
  }
  bool same = static_cast<int>(dims.size()) == rank;
  for (std::size_t i = 0; i < dims.size(); ++i) same = same && dims[i] == static_cast<std::int64_t>(i);
  if (same) return x;
  return make_op(ir::Op::transpose, {Operand(x, at)}, {{Attr::dims, std::move(dims)}}, at);
}

Tensor swap_axes(const Tensor& x, int a, int b, Here at) {
  const int rank = node_of(x, "swap_axes", at).shape.rank();
  std::vector<int> dims;
  for (int d = 0; d < rank; ++d) dims.push_back(d);
  std::swap(dims[static_cast<std::size_t>(normal_axis(a, rank, "swap_axes", at))],
            dims[static_cast<std::size_t>(normal_axis(b, rank, "swap_axes", at))]);
  return transpose(x, dims, at);
}

Tensor expand_dims(const Tensor& x, int axis, Here at) {
  const Shape& s = node_of(x, "expand_dims", at).shape;
  const int a = normal_axis(axis, s.rank() + 1, "expand_dims", at);
  Shape out;
  for (int d = 0; d <= s.rank(); ++d) {
    if (d == a) out.push_back(1);
    if (d < s.rank()) out.push_back(s[static_cast<std::size_t>(d)]);
  }
  return reshaped(x, std::move(out), at);
}

Tensor squeeze(const Tensor& x, const Axes& axes, Here at) {
  const Shape& s = node_of(x, "squeeze", at).shape;
  std::vector<bool> drop(s.size(), axes.list().empty());
  for (int a : axes.list()) {
    const auto d = static_cast<std::size_t>(normal_axis(a, s.rank(), "squeeze", at));
    if (s[d] != 1) {
      fail(Code::invalid_argument, absl::StrCat("squeeze: axis ", d, " of shape ", s.ToString(), " is not 1"),
           at);
    }
    drop[d] = true;
  }
  Shape out;
  for (std::size_t d = 0; d < s.size(); ++d) {
    if (!drop[d] || s[d] != 1) out.push_back(s[d]);
  }
  return reshaped(x, std::move(out), at);
}

Tensor reverse(const Tensor& x, const Axes& axes, Here at) {
  const int rank = node_of(x, "reverse", at).shape.rank();
  return make_op(ir::Op::reverse, {Operand(x, at)},
                 {{Attr::dims, normal_axes(axes.list(), rank, "reverse", at)}}, at);
}

Tensor slice(const Tensor& x, std::initializer_list<Slice> parts, Here at) {
  return slice(x, std::span(parts.begin(), parts.size()), at);
}

Tensor slice(const Tensor& x, std::span<const Slice> parts, Here at) {
  const Shape& s = node_of(x, "slice", at).shape;
  if (parts.size() > s.size()) {
    fail(Code::invalid_argument,
         absl::StrCat("slice: ", parts.size(), " parts of shape ", s.ToString(), " of rank ", s.rank()), at);
  }
  Integers starts, limits, strides, flipped;
  Shape out;
  for (std::size_t d = 0; d < s.size(); ++d) {
    const Slice part = d < parts.size() ? parts[d] : Slice();
    const std::int64_t extent = s[d];
    if (part.is_index) {
      const std::int64_t i = *part.start < 0 ? *part.start + extent : *part.start;
      if (i < 0 || i >= extent) {
        fail(Code::invalid_argument,
             absl::StrCat("slice: index ", *part.start, " on axis ", d, " of shape ", s.ToString()), at);
      }
      starts.push_back(i);
      limits.push_back(i + 1);
      strides.push_back(1);
      continue;
    }
    if (part.step == 0)
      fail(Code::invalid_argument, absl::StrCat("slice: the step on axis ", d, " is 0"), at);
    const bool back = part.step < 0;
    // Python's rules: negative counts from the end, then everything is clamped.
    const std::int64_t low = back ? -1 : 0, high = back ? extent - 1 : extent;
    const auto bound = [&](std::optional<std::int64_t> v, std::int64_t absent) {
      if (!v) return absent;
      return std::clamp(*v < 0 ? *v + extent : *v, low, high);
    };
    const std::int64_t from = bound(part.start, back ? high : low), to = bound(part.stop, back ? low : high);
    const std::int64_t step = back ? -part.step : part.step;
    const std::int64_t span = std::max<std::int64_t>(0, back ? from - to : to - from);
    const std::int64_t count = span / step + (span % step != 0 ? 1 : 0);
    if (!back) {
      starts.push_back(count == 0 ? 0 : from);
      limits.push_back(count == 0 ? 0 : to);
    } else {  // the same elements upwards, then reversed
      const std::int64_t least = from - (count - 1) * step;
      starts.push_back(count == 0 ? 0 : least);
      limits.push_back(count == 0 ? 0 : from + 1);
      flipped.push_back(static_cast<std::int64_t>(d));
    }
    strides.push_back(step);
    out.push_back(count);
  }
  bool whole = true;
  for (std::size_t d = 0; d < s.size(); ++d)
    whole = whole && starts[d] == 0 && limits[d] == s[d] && strides[d] == 1;
  Tensor r = x;
  if (!whole) {
    r = make_op(ir::Op::slice, {Operand(x, at)},
                {{Attr::starts, std::move(starts)},
                 {Attr::limits, std::move(limits)},
                 {Attr::strides, std::move(strides)}},
                at);
  }
  if (!flipped.empty())
    r = make_op(ir::Op::reverse, {Operand(r, at)}, {{Attr::dims, std::move(flipped)}}, at);
  return reshaped(r, std::move(out), at);
}

}  // namespace leat
