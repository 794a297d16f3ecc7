// The switch from op to meaning for operands of one dtype, included by the instruction_*.cpp files, which
// instantiate it: a row of ir/ops.def without a meaning does not compile.
#pragma once

#include "compiler/codegen/instruction.h"
#include "ir/meaning/elementwise.h"

namespace leat::compiler::codegen {

constexpr bool takes(ir::TypeRule rule, DType t) {
  switch (rule) {
    case ir::TypeRule::any: return true;
    case ir::TypeRule::numeric: return t != DType::bool_;
    case ir::TypeRule::floating: return is_float(t);
    case ir::TypeRule::integer: return is_int(t);
    case ir::TypeRule::integral: return is_int(t) || t == DType::bool_;
  }
  return false;
}

template <ir::Op op, ir::Family family, ir::TypeRule rule, class S>
llvm::Value* emit_row(llvm::Value* const* x, [[maybe_unused]] llvm::Value** fault) {
  using ir::Family;
  using N = Num<S>;
  if constexpr (!takes(rule, dtype_of<S>())) {
    return nullptr;
  } else if constexpr (family == Family::select) {
    return meaning::apply<op>(Flag(x[0]), N(x[1]), N(x[2])).v;
  } else if constexpr (family == Family::ternary) {
    return meaning::apply<op>(N(x[0]), N(x[1]), N(x[2])).v;
  } else if constexpr (family == Family::binary || family == Family::compare) {
    if constexpr (std::is_integral_v<S> && (op == ir::Op::div || op == ir::Op::rem)) {
      if (fault != nullptr) *fault = meaning::faults<op>(N(x[0]), N(x[1])).v;
    }
    return meaning::apply<op>(N(x[0]), N(x[1])).v;
  } else if constexpr (family == Family::unary || family == Family::classify) {
    return meaning::apply<op>(N(x[0])).v;
  } else {
    return nullptr;  // convert has a switch of its own; the other families are not elementwise
  }
}

template <class S>
llvm::Value* elementwise_of(ir::Op op, llvm::Value* const* x, llvm::Value** fault) {
  using ir::Op;
  switch (op) {
#define LEAT_OP(name, family, types, ...) \
  case Op::name:                          \
    return emit_row<Op::name, ir::Family::family, ir::TypeRule::types, S>(x, fault);
#include "ir/ops.def"
  }
  return nullptr;
}

}  // namespace leat::compiler::codegen
