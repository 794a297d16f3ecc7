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
  llvm::Type* parameter = layout.by_value() ? b_.getPtrTy() : b_.getPtrTy(kGlobal);
  function_ = llvm::Function::Create(llvm::FunctionType::get(b_.getVoidTy(), {parameter}, false),
                                     llvm::Function::ExternalLinkage, runtime::cuda::kEntryName, module_);
  function_->addFnAttr(llvm::Attribute::NoUnwind);
  function_->addFnAttr("target-cpu", target_.cpu);
  function_->addFnAttr("target-features", target_.features);
  if (layout.by_value()) {
    llvm::Type* block = llvm::ArrayType::get(b_.getInt64Ty(), layout.words);
    function_->addParamAttr(0, llvm::Attribute::getWithByValType(context_, block));
    function_->addParamAttr(0, llvm::Attribute::getWithAlignment(context_, llvm::Align(8)));
  }
  const auto annotate = [&](const char* key, int value) {
    llvm::Metadata* parts[] = {llvm::ValueAsMetadata::get(function_), llvm::MDString::get(context_, key),
                               llvm::ConstantAsMetadata::get(b_.getInt32(static_cast<unsigned>(value)))};
    module_.getOrInsertNamedMetadata("nvvm.annotations")->addOperand(llvm::MDNode::get(context_, parts));
  };
  annotate("kernel", 1);
  annotate("maxntidx", pairwise_ ? 1024 : plan_.max_threads);
  b_.SetInsertPoint(llvm::BasicBlock::Create(context_, "entry", function_));
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
  llvm::Type* word = b_.getInt64Ty();
  llvm::Value* block = function_->getArg(0);
  const auto at = [&](unsigned k) { return b_.CreateConstGEP1_64(word, block, k); };
  faults_ = b_.CreateLoad(b_.getPtrTy(kGlobal), at(ParameterLayout::kFaults));
  flags_ = b_.CreateLoad(word, at(ParameterLayout::kFlags));
  use_shared_ = b_.CreateICmpNE(b_.CreateAnd(flags_, kUseShared), I64(0));
  ReadArguments(at(ParameterLayout::kSizes), at(layout.accesses), at(layout.pointers), at(layout.scalars),
                kGlobal);
  const auto special = [&](llvm::Intrinsic::ID id) {
    return b_.CreateZExt(b_.CreateIntrinsic(id, {}, {}), word);
  };
  thread_ = special(llvm::Intrinsic::nvvm_read_ptx_sreg_tid_x);
  threads_ = special(llvm::Intrinsic::nvvm_read_ptx_sreg_ntid_x);
  block_ = special(llvm::Intrinsic::nvvm_read_ptx_sreg_ctaid_x);
  blocks_ = special(llvm::Intrinsic::nvvm_read_ptx_sreg_nctaid_x);
  lane_ = b_.CreateAnd(thread_, I64(kWarp - 1));
  warp_ = b_.CreateLShr(thread_, 5);
  warps_ = b_.CreateLShr(threads_, 5);
  auto* memory = new llvm::GlobalVariable(module_, llvm::ArrayType::get(b_.getInt8Ty(), 0), false,
                                          llvm::GlobalValue::ExternalLinkage, nullptr, "leat_shared", nullptr,
                                          llvm::GlobalValue::NotThreadLocal, kShared);
  memory->setAlignment(llvm::Align(16));
  shared_ = memory;
}

llvm::Value* GpuEmitter::Barrier() { return b_.CreateIntrinsic(llvm::Intrinsic::nvvm_barrier0, {}, {}); }

llvm::Value* GpuEmitter::FromThread(llvm::Value* value, int mask) {
  llvm::Type* type = value->getType();
  const unsigned bits = static_cast<unsigned>(type->getPrimitiveSizeInBits().getFixedValue());
  llvm::Type* word = b_.getInt32Ty();
  const auto exchange = [&](llvm::Value* x) {
    return b_.CreateIntrinsic(
        llvm::Intrinsic::nvvm_shfl_sync_bfly_i32, {},
        {b_.getInt32(~0u), x, b_.getInt32(static_cast<unsigned>(mask)), b_.getInt32(kWarp - 1)});
  };
  llvm::Type* integer = b_.getIntNTy(bits);
  llvm::Value* raw = b_.CreateBitCast(value, integer);
  if (bits == 64) {
    llvm::Value* low = exchange(b_.CreateTrunc(raw, word));
    llvm::Value* high = exchange(b_.CreateTrunc(b_.CreateLShr(raw, 32), word));
    raw = b_.CreateOr(b_.CreateZExt(low, integer), b_.CreateShl(b_.CreateZExt(high, integer), 32));
  } else {
    raw = b_.CreateTrunc(exchange(b_.CreateZExt(raw, word)), integer);
  }
  return b_.CreateBitCast(raw, type);
}

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
