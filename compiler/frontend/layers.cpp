// linear, attention, dropout, cross_entropy.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/composite.h"
#include "ir/inference.h"
#include "leat/create.h"
#include "leat/nn.h"

namespace leat {

using frontend::apply;
using frontend::Argument;
using frontend::choose;
using frontend::fail;
using frontend::make_convert;
using frontend::make_elementwise;
using frontend::make_op;
using frontend::narrow;
using frontend::node_of;
using frontend::Placed;
using frontend::promote_all;
using frontend::type_text;
using frontend::widen;
using ir::Attr;
using ir::Op;

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b, Here at) {
  if (node_of(x, "linear", at).shape.rank() == 0 || node_of(w, "linear", at).shape.rank() != 2 ||
      x.shape().back() != w.shape()[0]) {
    fail(Code::invalid_argument,
         "linear: x is [...,k] and w [k,m], got " + type_text(x) + " and " + type_text(w) + " [C39]", at);
  }
  const Tensor y = matmul(x, w, at);
  if (!b.defined()) return y;
  if (!(b.shape() == Shape{w.shape()[1]})) {
    fail(Code::invalid_argument,
         absl::StrCat("linear: b ", type_text(b), " for w ", type_text(w), ": it needs shape [", w.shape()[1],
                      "]"),
         at);
  }
  return make_elementwise(Op::add, {Operand(y, at), Operand(b, at)});
}

namespace {

// The mask as what is added to scores of this type.
Tensor added_mask(const Tensor& given, DType dtype, const Shape& scores, SourceLocation at) {
  const StatusOr<Shape> both = ir::broadcast_shapes(given.shape(), scores);
  if (!both.ok() || !(*both == scores)) {
    fail(Code::invalid_argument,
         "attention: the mask " + type_text(given) + " does not broadcast to the scores' " +
             scores.ToString() + " [C43]",
         at);
  }
  Tensor mask = given;
  if (mask.dtype() == DType::bool_) {
    const Tensor none = frontend::as_tensor(frontend::frozen(0, at), dtype);
    mask = make_elementwise(Op::select, {Operand(mask, at), Operand(none, at),
                                         frontend::frozen(-std::numeric_limits<double>::infinity(), at)});
  }
  return broadcast_to(make_convert(mask, dtype, at), scores, at);
}

}  // namespace

Tensor attention(const Tensor& q0, const Tensor& k0, const Tensor& v0, const Tensor& mask, bool causal,
                 double scale, Here at) {
  Tensor q = q0, k = k0, v = v0;
  promote_all({&q, &k, &v}, "attention", at);
  if (scale == 0) {
    const double width = q.rank() > 0 ? static_cast<double>(q.shape().back()) : 0;
    scale = width > 0 ? 1 / std::sqrt(width) : 1;
  }
  ir::Attributes attributes{{Attr::scale, scale}};
  if (causal) attributes.Set(Attr::causal, true);
  std::vector<Operand> operands{Operand(q, at), Operand(k, at), Operand(v, at)};
  Tensor added;
  if (mask.defined() && q.rank() >= 2 && k.rank() == q.rank()) {  // else the op itself says what is wrong
    Shape scores = q.shape();
    scores[scores.size() - 1] = k.shape()[k.shape().size() - 2];
    added = added_mask(mask, q.dtype(), scores, at);
    operands.emplace_back(added, at);
  }
  return make_op(Op::attention, operands, std::move(attributes), at);
}

Tensor dropout(const Tensor& x, Generator& generator, double probability, Here at) {
  const Placed w = widen(x, "dropout", at);
  if (!(probability >= 0 && probability <= 1)) {
    fail(Code::invalid_argument, absl::StrCat("dropout: the probability ", probability, " is not in [0, 1]"),
         at);
  }
  const Placed kept{generator.bernoulli(x.shape(), 1 - probability, at), at};
  return narrow(choose(kept, w * Argument{1 / (1 - probability)}, 0.0), x);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, Here at) {
  const Placed w = widen(logits, "cross_entropy", at);
  const DType index = node_of(targets, "cross_entropy", at).dtype;
  const Shape& s = logits.shape();
  if (!is_int(index)) {
    fail(Code::invalid_argument,
         "cross_entropy: the targets are " + type_text(targets) + ", not integers [C28]", at);
  }
  if (s.rank() == 0 || !(targets.shape() == Shape(s.dims().first(s.size() - 1)))) {
    fail(Code::invalid_argument,
         "cross_entropy: logits [...,classes] and targets [...], got " + type_text(logits) + " and " +
             type_text(targets),
         at);
  }
  const bool direct = index == DType::i32 || index == DType::i64;
  const Tensor places = expand_dims(direct ? targets : make_convert(targets, DType::i64, at), -1, at);
  const Tensor chosen = gather_elements(log_softmax(w.tensor, -1, at), places, -1, at);
  return narrow(apply(Op::neg, Placed{mean(chosen, {}, false, at), at}), logits);
}

}  // namespace leat
