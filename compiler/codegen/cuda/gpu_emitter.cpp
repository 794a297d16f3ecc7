#include "compiler/codegen/cuda/gpu_emitter.h"

#include <llvm/IR/IntrinsicsNVPTX.h>
#include <llvm/IR/Module.h>

namespace leat::compiler::codegen {

using runtime::cuda::ParameterLayout;

GpuEmitter::GpuEmitter(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module,
                       bool pairwise)
    : KernelEmitter(kernel, target, module, 1), pairwise_(pairwise), plan_(make_gpu_plan(kernel)) {}

void GpuEmitter::Emit() {
  const ParameterLayout layout(kernel_);
  entry_ =
      GpuEntry(b_, target_, module_, layout.words, layout.by_value(), pairwise_ ? 1024 : plan_.max_threads);
  function_ = entry_.function;
  LaneScope scope(b_, 1, target_);
  ReadLaunch(layout);
  FindUniform();
  switch (plan_.loops) {
    case GpuPlan::Loops::map: EmitMap(); break;
    case GpuPlan::Loops::tiles: EmitTiled(); break;
    case GpuPlan::Loops::rows: EmitRows(); break;
    case GpuPlan::Loops::columns: EmitColumns(); break;
  }
  b_.CreateRetVoid();
}

void GpuEmitter::ReadLaunch(const ParameterLayout& layout) {
  const auto at = [&](unsigned k) { return entry_.Word(b_, k); };
  faults_ = b_.CreateLoad(b_.getPtrTy(kGlobal), at(ParameterLayout::kFaults));
  flags_ = b_.CreateLoad(b_.getInt64Ty(), at(ParameterLayout::kFlags));
  use_shared_ = b_.CreateICmpNE(b_.CreateAnd(flags_, kUseShared), I64(0));
  ReadArguments(at(ParameterLayout::kSizes), at(layout.accesses), at(layout.pointers), at(layout.scalars),
                kGlobal);
  thread_ = entry_.thread;
  threads_ = entry_.threads;
  block_ = entry_.block;
  blocks_ = entry_.blocks;
  shared_ = entry_.shared;
  lane_ = b_.CreateAnd(thread_, I64(kWarp - 1));
  warp_ = b_.CreateLShr(thread_, 5);
  warps_ = b_.CreateLShr(threads_, 5);
}

llvm::Value* GpuEmitter::Barrier() { return b_.CreateIntrinsic(llvm::Intrinsic::nvvm_barrier0, {}, {}); }

llvm::Value* GpuEmitter::ToShared(llvm::Value* value) {
  return value->getType()->isIntegerTy(1) ? b_.CreateZExt(value, b_.getInt8Ty()) : value;
}

llvm::Value* GpuEmitter::LoadShared(llvm::Type* type, llvm::Value* address) {
  const bool flag = type->isIntegerTy(1);
  llvm::Value* loaded = b_.CreateAlignedLoad(flag ? b_.getInt8Ty() : type, address, llvm::Align(8));
  return flag ? b_.CreateICmpNE(loaded, b_.getInt8(0)) : loaded;
}

Values GpuEmitter::NeutralOf(const Pass& pass) {
  Values values;
  for (std::uint16_t v : pass.reductions)
    values.push_back(reduction_start(InstructionOf(v).op, accumulator_dtype(kernel_.dtype(v))));
  return values;
}

Values GpuEmitter::EmptyOf(const Pass& pass) {
  Values values;
  for (std::uint16_t v : pass.reductions)
    values.push_back(reduction_empty(InstructionOf(v).op, accumulator_dtype(kernel_.dtype(v))));
  return values;
}

void GpuEmitter::EachBlock(llvm::Value* count, const std::function<void(llvm::Value*)>& body) {
  emit_loop(b_, block_, count, blocks_, {}, [&](llvm::Value* i, Values) {
    body(i);
    return Values();
  });
}

Values GpuEmitter::DecodeOuter(llvm::Value* linear, int d) {
  Values indices(kernel_.parallel_rank, I64(0));
  for (int k = d - 1; k >= 0; --k) {
    const auto at = static_cast<std::size_t>(k);
    indices[at] = k == 0 ? linear : b_.CreateURem(linear, sizes_[at]);
    if (k > 0) linear = b_.CreateUDiv(linear, sizes_[at]);
  }
  return indices;
}

llvm::Value* GpuEmitter::OuterCount(int d) {
  llvm::Value* count = I64(1);
  for (int k = 0; k < d; ++k) count = b_.CreateMul(count, sizes_[static_cast<std::size_t>(k)]);
  return count;
}

llvm::Value* GpuEmitter::OperandIn(std::uint16_t reduction, const Memo& memo) {
  const DType dtype = kernel_.dtype(reduction), accumulator = accumulator_dtype(dtype);
  llvm::Value* x = ValueIn(memo, InstructionOf(reduction).operands[0]);
  return dtype == accumulator ? x : emit_convert(ir::Op::convert, dtype, accumulator, x);
}

void emit_gpu_kernel(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module) {
  GpuEmitter(kernel, target, module, false).Emit();
}

void emit_pairwise_kernel(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module) {
  GpuEmitter(kernel, target, module, true).Emit();
}

}  // namespace leat::compiler::codegen
