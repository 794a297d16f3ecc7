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

Num<std::uint16_t> f16_bits(Num<float> x) {
  if (!LaneScope::current->target.hardware_f16) return meaning::f16_bits<Num<float>>(x);
  llvm::IRBuilder<>& b = ir_builder();
  llvm::Value* half = b.CreateFPTrunc(x.v, lanes_of(b.getHalfTy(), LaneScope::current->lanes));
  return Num<std::uint16_t>(b.CreateBitCast(half, lane_type<std::uint16_t>()));
}

Num<float> f32_of_f16(Num<float16> x) {
  if (!LaneScope::current->target.hardware_f16) return meaning::f32_of_f16<Num<float16>>(x);
  llvm::IRBuilder<>& b = ir_builder();
  llvm::Value* half = b.CreateBitCast(x.v, lanes_of(b.getHalfTy(), LaneScope::current->lanes));
  return Num<float>(b.CreateFPExt(half, lane_type<float>()));
}

}  // namespace leat::compiler::codegen
