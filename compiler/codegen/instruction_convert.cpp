#include "compiler/codegen/instruction.h"
#include "ir/meaning/conversion.h"

namespace leat::compiler::codegen {

llvm::Value* emit_convert(ir::Op op, DType from, DType to, llvm::Value* x) {
  return visit_dtype(from, [&](auto source) -> llvm::Value* {
    return visit_dtype(to, [&](auto target) -> llvm::Value* {
      using S = decltype(source);
      using T = decltype(target);
      if (op == ir::Op::convert) return meaning::convert<T>(Num<S>(x)).v;
      if constexpr (sizeof(S) == sizeof(T)) return meaning::bitcast<T>(Num<S>(x)).v;
      return nullptr;
    });
  });
}

}  // namespace leat::compiler::codegen
