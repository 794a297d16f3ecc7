// Normalisation, linear, attention, convolutions, pools.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/composite.h"
#include "leat/create.h"
#include "leat/nn.h"

namespace leat {

using frontend::apply;
using frontend::fail;
using frontend::make_convert;
using frontend::make_op;
using frontend::narrow;
using frontend::node_of;
using frontend::Placed;
using frontend::widen;
using ir::Attr;
using ir::Op;
using Integers = std::vector<std::int64_t>;

namespace {

// scale and shift in the dtype that the composite computes in.
Placed affine(Placed r, const Tensor& scale, const Tensor& shift) {
  const DType dtype = r.tensor.dtype();
  if (scale.defined()) r = r * Placed{make_convert(scale, dtype, r.at), r.at};
  if (shift.defined()) r = r + Placed{make_convert(shift, dtype, r.at), r.at};
  return r;
}

Integers or_all(const Integers& list, std::size_t count, std::int64_t value) {
  return list.empty() ? Integers(count, value) : list;
}

std::size_t spatial_axes(const Tensor& x, std::string_view op, SourceLocation at) {
  const Shape& s = node_of(x, op, at).shape;
  if (s.rank() < 3) {
    fail(Code::invalid_argument,
         std::string(op) + ": shape " + s.ToString() + " has no spatial axes ([n, c, spatial...] is wanted)",
         at);
  }
  return s.size() - 2;
}

// [c] as [c, 1, ...], to stand beside [n, c, spatial...].
Tensor per_channel(const Tensor& t, std::size_t spatial, std::string_view op, SourceLocation at) {
  const Shape& s = node_of(t, op, at).shape;
  if (s.rank() != 1) {
    fail(Code::invalid_argument, std::string(op) + ": a per-channel operand of shape " + s.ToString(), at);
  }
  Shape wide = s;
  for (std::size_t i = 0; i < spatial; ++i) wide.push_back(1);
  return reshape(t, wide, at);
}

Tensor with_bias(const Tensor& r, const Tensor& b, std::size_t spatial, std::string_view op,
                 SourceLocation at) {
  if (!b.defined()) return r;
  return frontend::make_elementwise(Op::add, {Operand(r, at), Operand(per_channel(b, spatial, op, at), at)});
}

Tensor convolve(const Tensor& x, const Tensor& w, const ConvolutionOptions& o, std::size_t n,
                SourceLocation at) {
  return make_op(Op::convolution, {Operand(x, at), Operand(w, at)},
                 {{Attr::strides, or_all(o.strides, n, 1)},
                  {Attr::low, or_all(o.low, n, 0)},
                  {Attr::high, or_all(o.high, n, 0)},
                  {Attr::input_dilation, or_all(o.input_dilation, n, 1)},
                  {Attr::dilation, or_all(o.dilation, n, 1)},
                  {Attr::groups, o.groups}},
                 at);
}

Tensor pool(const Tensor& x, std::string_view kind, const Integers& window, const WindowOptions& o,
            std::size_t n, std::string_view op, SourceLocation at) {
  const auto whole = [](Integers list, std::int64_t lead) {
    list.insert(list.begin(), 2, lead);
    return list;
  };
  if (window.size() != n) {
    fail(Code::invalid_argument,
         absl::StrCat(absl::string_view(op.data(), op.size()), ": a window of ", window.size(),
                      " extents for ", n, " spatial axes"),
         at);
  }
  return make_op(Op::reduce_window, {Operand(x, at)},
                 {{Attr::kind, std::string(kind)},
                  {Attr::window, whole(window, 1)},
                  {Attr::strides, whole(o.strides.empty() ? window : o.strides, 1)},
                  {Attr::low, whole(or_all(o.low, n, 0), 0)},
                  {Attr::high, whole(or_all(o.high, n, 0), 0)},
                  {Attr::dilation, whole(or_all(o.dilation, n, 1), 1)}},
                 at);
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, double epsilon, Here at) {
  const Placed w = widen(x, "layer_norm", at);
  const int rank = x.rank(), last = scale.defined() ? scale.rank() : 1;
  if (last < 1 || last > rank) {
    fail(Code::invalid_argument,
         "layer_norm: shape " + x.shape().ToString() + " with a scale of another rank", at);
  }
  std::vector<int> axes;
  for (int d = rank - last; d < rank; ++d) axes.push_back(d);
  const Placed centred = w - Placed{mean(w.tensor, axes, true, at), at};
  const Placed variance{mean((centred * centred).tensor, axes, true, at), at};
  return narrow(affine(centred * apply(Op::rsqrt, variance + epsilon), scale, shift), x);
}

Tensor rms_norm(const Tensor& x, const Tensor& scale, double epsilon, Here at) {
  const Placed w = widen(x, "rms_norm", at);
  const Placed square{mean((w * w).tensor, -1, true, at), at};
  return narrow(affine(w * apply(Op::rsqrt, square + epsilon), scale, {}), x);
}

Tensor batch_norm(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& scale,
                  const Tensor& shift, double epsilon, Here at) {
  const Placed w = widen(x, "batch_norm", at);
  if (x.rank() < 2)
    fail(Code::invalid_argument, "batch_norm: shape " + x.shape().ToString() + " has no channels", at);
  const std::size_t n = x.shape().size() - 2;
  const auto channel = [&](const Tensor& t) {
    return t.defined() ? make_convert(per_channel(t, n, "batch_norm", at), w.tensor.dtype(), at) : Tensor();
  };
  const Placed spread = apply(Op::rsqrt, Placed{channel(variance), at} + epsilon);
  return narrow(affine((w - Placed{channel(mean), at}) * spread, channel(scale), channel(shift)), x);
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b, Here at) {
  const Tensor y = matmul(x, w, at);
  return b.defined() ? frontend::make_elementwise(Op::add, {Operand(y, at), Operand(b, at)}) : y;
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, bool causal,
                 double scale, Here at) {
  const Shape& s = node_of(q, "attention", at).shape;
  const Shape& ks = node_of(k, "attention", at).shape;
  if (s.rank() < 2 || ks.rank() < 2) {
    fail(Code::invalid_argument, "attention: operands of rank 2 or more are wanted", at);
  }
  if (scale == 0) scale = 1 / std::sqrt(static_cast<double>(s.back()));
  ir::Attributes attributes{{Attr::scale, scale}};
  if (causal) attributes.Set(Attr::causal, true);
  std::vector<Operand> operands{Operand(q, at), Operand(k, at), Operand(v, at)};
  Tensor added;
  if (mask.defined()) {
    added = mask;
    if (mask.dtype() == DType::bool_) {
      const Tensor zero = zeros({}, q.dtype(), at);
      added = frontend::make_elementwise(
          Op::select, {Operand(mask, at), Operand(zero, at), frontend::frozen(-INFINITY, at)});
    }
    Shape want(s.dims().first(s.size() - 1));
    want.push_back(ks[ks.size() - 2]);
    added = broadcast_to(make_convert(added, q.dtype(), at), want, at);
    operands.emplace_back(added, at);
  }
  return make_op(Op::attention, operands, std::move(attributes), at);
}

Tensor conv(const Tensor& x, const Tensor& w, const Tensor& b, const ConvolutionOptions& options, Here at) {
  const std::size_t n = spatial_axes(x, "conv", at);
  return with_bias(convolve(x, w, options, n, at), b, n, "conv", at);
}

Tensor conv_transpose(const Tensor& x, const Tensor& w, const Tensor& b, const ConvolutionOptions& o,
                      Here at) {
  const std::size_t n = spatial_axes(x, "conv_transpose", at);
  const Shape& ws = node_of(w, "conv_transpose", at).shape;
  if (ws.size() != n + 2) {
    fail(Code::invalid_argument, "conv_transpose: shapes " + x.shape().ToString() + " and " + ws.ToString(),
         at);
  }
  const std::int64_t g = o.groups;
  if (g < 1 || ws[0] % g != 0) {
    fail(Code::invalid_argument, absl::StrCat("conv_transpose: ", g, " groups of ", ws[0], " channels"), at);
  }
  // [c, o/g, s...] -> [g, c/g, o/g, s...] -> [g, o/g, c/g, s...] -> [o, c/g, s...], flipped in space.
  Shape split{g, ws[0] / g, ws[1]}, joined{g * ws[1], ws[0] / g};
  std::vector<int> order{0, 2, 1}, flip;
  for (std::size_t i = 0; i < n; ++i) {
    split.push_back(ws[i + 2]);
    joined.push_back(ws[i + 2]);
    order.push_back(static_cast<int>(i) + 3);
    flip.push_back(static_cast<int>(i) + 2);
  }
  const Tensor turned = reverse(reshape(transpose(reshape(w, split, at), order, at), joined, at), flip, at);
  ConvolutionOptions direct;
  direct.groups = g;
  direct.input_dilation = or_all(o.strides, n, 1);
  direct.dilation = or_all(o.dilation, n, 1);
  const Integers low = or_all(o.low, n, 0), high = or_all(o.high, n, 0);
  if (low.size() != n || high.size() != n || direct.dilation.size() != n) {
    fail(Code::invalid_argument, "conv_transpose: one entry for each spatial axis is wanted", at);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t reach = direct.dilation[i] * (ws[i + 2] - 1);
    if (low[i] > reach || high[i] > reach) {
      fail(Code::invalid_argument,
           absl::StrCat("conv_transpose: padding beyond ", reach, " on spatial axis ", i), at);
    }
    direct.low.push_back(reach - low[i]);
    direct.high.push_back(reach - high[i]);
  }
  return with_bias(convolve(x, turned, direct, n, at), b, n, "conv_transpose", at);
}

Tensor max_pool(const Tensor& x, const Integers& window, const WindowOptions& options, Here at) {
  return pool(x, "max", window, options, spatial_axes(x, "max_pool", at), "max_pool", at);
}

Tensor avg_pool(const Tensor& x, const Integers& window, const WindowOptions& options, bool count_padding,
                Here at) {
  const std::size_t n = spatial_axes(x, "avg_pool", at);
  const Placed w = widen(x, "avg_pool", at);
  const Placed total{pool(w.tensor, "sum", window, options, n, "avg_pool", at), at};
  if (count_padding || (options.low.empty() && options.high.empty())) {
    double count = 1;
    for (std::int64_t e : window) count *= static_cast<double>(e);
    return narrow(total / count, x);
  }
  const Tensor counts =
      pool(ones(x.shape(), w.tensor.dtype(), at), "sum", window, options, n, "avg_pool", at);
  return narrow(total / Placed{counts, at}, x);
}

Tensor global_avg_pool(const Tensor& x, Here at) {
  std::vector<int> axes;
  for (std::size_t i = 0; i < spatial_axes(x, "global_avg_pool", at); ++i)
    axes.push_back(static_cast<int>(i) + 2);
  return mean(x, axes, true, at);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, Here at) {
  if (node_of(logits, "cross_entropy", at).shape.rank() != 2 ||
      node_of(targets, "cross_entropy", at).shape.rank() != 1) {
    fail(Code::invalid_argument,
         "cross_entropy: logits [n, c] and targets [n] are wanted, not " + logits.shape().ToString() +
             " and " + targets.shape().ToString(),
         at);
  }
  const Tensor chosen = gather_elements(log_softmax(logits, -1, at), expand_dims(targets, -1, at), 1, at);
  return frontend::make_elementwise(Op::neg, {Operand(mean(chosen, {}, false, at), at)});
}

}  // namespace leat
