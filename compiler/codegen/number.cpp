// Functions of the number concept for which the machine may have an instruction.
#include "compiler/codegen/number.h"

#include <llvm/IR/IntrinsicsX86.h>

#include "ir/meaning/conversion.h"

namespace leat::compiler::codegen {
namespace {

/// p * 2^n by the machine's instruction for so many lanes, or null: it has none.
llvm::Value* emit_scale(llvm::Value* p, llvm::Value* n, bool is_double) {
  const CodeTarget& target = LaneScope::current->target;
  const int lanes = LaneScope::current->lanes, bits = lanes * (is_double ? 64 : 32);
  if (!target.hardware_scale || bits > target.vector_bits) return nullptr;
  llvm::IRBuilder<>& b = ir_builder();
  using namespace llvm::Intrinsic;
  ID intrinsic = not_intrinsic;
  switch (bits) {
    case 128: intrinsic = is_double ? x86_avx512_mask_scalef_pd_128 : x86_avx512_mask_scalef_ps_128; break;
    case 256: intrinsic = is_double ? x86_avx512_mask_scalef_pd_256 : x86_avx512_mask_scalef_ps_256; break;
    case 512: intrinsic = is_double ? x86_avx512_mask_scalef_pd_512 : x86_avx512_mask_scalef_ps_512; break;
    default: return nullptr;
  }
  // Operands: p, n, what lanes outside of the mask get, the mask, and the rounding (4: as the machine is
  // set).
  std::vector<llvm::Value*> operands{p, n, p,
                                     llvm::ConstantInt::getAllOnesValue(b.getIntNTy(lanes > 8 ? 16u : 8u))};
  if (bits == 512) operands.push_back(b.getInt32(4));
  return b.CreateIntrinsic(p->getType(), intrinsic, operands);
}

}  // namespace

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

Num<float> scale2(Num<float> p, Num<float> n, Num<std::uint32_t> k) {
  llvm::Value* scaled = emit_scale(p.v, n.v, false);
  return scaled != nullptr ? Num<float>(scaled) : meaning::scale2<Num<float>>(p, n, k);
}
Num<double> scale2(Num<double> p, Num<double> n, Num<std::uint64_t> k) {
  llvm::Value* scaled = emit_scale(p.v, n.v, true);
  return scaled != nullptr ? Num<double>(scaled) : meaning::scale2<Num<double>>(p, n, k);
}

}  // namespace leat::compiler::codegen
