// What composites are written with: operators at one place of the user's, and the wide dtype inside.
#pragma once

#include "compiler/frontend/build.h"
#include "leat/ops.h"

namespace leat::frontend {

/// A Tensor with the place of the user's call: its operators and functions carry it on, and doubles are
/// constants of the formula (part of the structure).
struct Placed {
  Tensor tensor;
  SourceLocation at;
};
/// A number that the user chose or that follows from a shape: another one is the same kernel.
struct Argument {
  double value;
};
struct Term {
  Tensor tensor;  // undefined: the number
  double number = 0;
  bool is_constant = true;
  Term(const Placed& p) : tensor(p.tensor) {}                // NOLINT: implicit
  Term(double n) : number(n) {}                              // NOLINT: implicit
  Term(Argument a) : number(a.value), is_constant(false) {}  // NOLINT: implicit
  Operand operand(SourceLocation at) const {
    if (tensor.defined()) return Operand(tensor, at);
    return is_constant ? frozen(number, at) : Operand(number, at);
  }
};

inline Placed apply(ir::Op op, const Placed& x) {
  return {make_elementwise(op, {Operand(x.tensor, x.at)}), x.at};
}
inline Placed apply(ir::Op op, const Placed& x, const Term& y) {
  return {make_elementwise(op, {Operand(x.tensor, x.at), y.operand(x.at)}), x.at};
}
inline Placed choose(const Placed& p, const Term& x, const Term& y) {
  return {make_elementwise(ir::Op::select, {Operand(p.tensor, p.at), x.operand(p.at), y.operand(p.at)}),
          p.at};
}
inline Placed operator+(const Placed& x, const Term& y) { return apply(ir::Op::add, x, y); }
inline Placed operator-(const Placed& x, const Term& y) { return apply(ir::Op::sub, x, y); }
inline Placed operator*(const Placed& x, const Term& y) { return apply(ir::Op::mul, x, y); }
inline Placed operator/(const Placed& x, const Term& y) { return apply(ir::Op::div, x, y); }
inline Placed operator<(const Placed& x, const Term& y) { return apply(ir::Op::less, x, y); }

/// Reductions that keep their axes, so that the result broadcasts against the operand.
inline Placed sum_over(const Placed& x, const Axes& axes) { return {sum(x.tensor, axes, true, x.at), x.at}; }
inline Placed max_over(const Placed& x, const Axes& axes) { return {max(x.tensor, axes, true, x.at), x.at}; }

/// "f32[2,3]".
std::string type_text(const Tensor& x);
/// All in their common dtype; throws naming `op`.
void promote_all(std::initializer_list<Tensor*> tensors, std::string_view op, SourceLocation at);
/// x in the dtype in which a composite computes: f32 for f16 and bf16. Throws if x is not floating.
Placed widen(const Tensor& x, std::string_view op, SourceLocation at);
/// Back to the dtype of `like`: the one rounding.
inline Tensor narrow(const Placed& r, const Tensor& like) {
  return make_convert(r.tensor, like.dtype(), r.at);
}

}  // namespace leat::frontend
