// What composites are written with: operators at one place of the user's, and the wide dtype inside.
#pragma once

#include "compiler/frontend/build.h"

namespace leat::frontend {

/// A Tensor with the place of the user's call: its operators and functions carry it on, and doubles are
/// constants of the formula (part of the structure).
struct Placed {
  Tensor tensor;
  SourceLocation at;
};
struct Term {
  Tensor tensor;  // undefined: the number
  double number = 0;
  Term(const Placed& p) : tensor(p.tensor) {}  // NOLINT: implicit
  Term(double n) : number(n) {}                // NOLINT: implicit
  Operand operand(SourceLocation at) const {
    return tensor.defined() ? Operand(tensor, at) : frozen(number, at);
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

/// x in the dtype in which a composite computes: f32 for f16 and bf16. Throws if x is not floating.
Placed widen(const Tensor& x, std::string_view op, SourceLocation at);
/// Back to the dtype of `like`: the one rounding.
inline Tensor narrow(const Placed& r, const Tensor& like) {
  return make_convert(r.tensor, like.dtype(), r.at);
}

}  // namespace leat::frontend
