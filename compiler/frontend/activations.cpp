#include <cmath>

#include "compiler/frontend/composite.h"
#include "ir/inference.h"
#include "leat/nn.h"

namespace leat {

using frontend::apply;
using frontend::Argument;
using frontend::choose;
using frontend::narrow;
using frontend::Placed;
using frontend::widen;
using ir::Op;

namespace frontend {

std::string type_text(const Tensor& x) { return std::string(name(x.dtype())) + x.shape().ToString(); }

void promote_all(std::initializer_list<Tensor*> tensors, std::string_view op, SourceLocation at) {
  DType dtype = node_of(**tensors.begin(), op, at).dtype;
  for (const Tensor* t : tensors) {
    const StatusOr<DType> common = ir::promote(dtype, node_of(*t, op, at).dtype);
    if (!common.ok()) fail(Code::invalid_argument, std::string(op) + ": " + common.status().message(), at);
    dtype = *common;
  }
  for (Tensor* t : tensors) *t = make_convert(*t, dtype, at);
}

Placed widen(const Tensor& x, std::string_view op, SourceLocation at) {
  const DType dtype = node_of(x, op, at).dtype;
  if (!is_float(dtype)) {
    fail(Code::invalid_argument,
         std::string(op) + ": takes a floating dtype, got " + type_text(x) + " (convert it with astype) [C5]",
         at);
  }
  return {dtype == DType::f16 || dtype == DType::bf16 ? make_convert(x, DType::f32, at) : x, at};
}

}  // namespace frontend

namespace {

Placed stable_softplus(const Placed& x) {
  const Placed tail = apply(Op::log1p, apply(Op::exp, apply(Op::neg, apply(Op::abs, x))));
  return apply(Op::maximum, x, 0.0) + tail;
}

Placed clamped(const Placed& x, double low, double high) {
  return {frontend::make_elementwise(Op::clamp, {frontend::frozen(low, x.at), Operand(x.tensor, x.at),
                                                 frontend::frozen(high, x.at)}),
          x.at};
}

Placed hard(const Placed& x) { return clamped(x / 6.0 + 0.5, 0, 1); }

// The exponentials of x - max and what the maximum was.
struct Shifted {
  Placed shifted, exponentials;
  int axis;
};
Shifted shift(const Placed& x, int axis) {
  const Placed s = x - max_over(x, axis);
  return {s, apply(Op::exp, s), axis};
}

}  // namespace

Tensor relu(const Tensor& x, Here at) {
  frontend::node_of(x, "relu", at);
  return frontend::make_elementwise(Op::maximum, {Operand(x, at), Operand(0, at).Frozen()});
}

Tensor relu6(const Tensor& x, Here at) { return narrow(clamped(widen(x, "relu6", at), 0, 6), x); }

Tensor leaky_relu(const Tensor& x, double slope, Here at) {
  const Placed w = widen(x, "leaky_relu", at);
  return narrow(choose(w < 0.0, w * Argument{slope}, w), x);
}

Tensor elu(const Tensor& x, double alpha, Here at) {
  const Placed w = widen(x, "elu", at);
  return narrow(choose(w < 0.0, apply(Op::expm1, w) * Argument{alpha}, w), x);
}

Tensor selu(const Tensor& x, Here at) {
  const Placed w = widen(x, "selu", at);
  constexpr double kAlpha = 1.6732632423543772, kScale = 1.0507009873554805;
  return narrow(choose(w < 0.0, apply(Op::expm1, w) * kAlpha, w) * kScale, x);
}

Tensor silu(const Tensor& x, Here at) {
  const Placed w = widen(x, "silu", at);
  return narrow(w * apply(Op::sigmoid, w), x);
}

Tensor softplus(const Tensor& x, Here at) { return narrow(stable_softplus(widen(x, "softplus", at)), x); }

Tensor softsign(const Tensor& x, Here at) {
  const Placed w = widen(x, "softsign", at);
  return narrow(w / (apply(Op::abs, w) + 1.0), x);
}

Tensor mish(const Tensor& x, Here at) {
  const Placed w = widen(x, "mish", at);
  return narrow(w * apply(Op::tanh, stable_softplus(w)), x);
}

Tensor hard_sigmoid(const Tensor& x, Here at) { return narrow(hard(widen(x, "hard_sigmoid", at)), x); }

Tensor hard_swish(const Tensor& x, Here at) {
  const Placed w = widen(x, "hard_swish", at);
  return narrow(w * hard(w), x);
}

Tensor gelu(const Tensor& x, bool approximate, Here at) {
  const Placed w = widen(x, "gelu", at);
  if (!approximate) {
    const Placed e = apply(Op::erf, w * std::sqrt(0.5));
    return narrow(w * 0.5 * (e + 1.0), x);
  }
  constexpr double kRootTwoOverPi = 0.7978845608028654;
  const Placed inner = (w + w * w * w * 0.044715) * kRootTwoOverPi;
  return narrow(w * 0.5 * (apply(Op::tanh, inner) + 1.0), x);
}

Tensor softmax(const Tensor& x, int axis, Here at) {
  const Placed w = widen(x, "softmax", at);
  const Shifted s = shift(w, frontend::normal_axis(axis, x.rank(), "softmax", at));
  return narrow(s.exponentials / sum_over(s.exponentials, s.axis), x);
}

Tensor log_softmax(const Tensor& x, int axis, Here at) {
  const Placed w = widen(x, "log_softmax", at);
  const Shifted s = shift(w, frontend::normal_axis(axis, x.rank(), "log_softmax", at));
  return narrow(s.shifted - apply(Op::log, sum_over(s.exponentials, s.axis)), x);
}

}  // namespace leat
