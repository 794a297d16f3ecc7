#include "compiler/codegen/cuda/gpu_entry.h"

#include <llvm/IR/IntrinsicsNVPTX.h>
#include <llvm/IR/Module.h>

#include "runtime/cuda/kernel_parameters.h"

namespace leat::compiler::codegen {

GpuEntry::GpuEntry(llvm::IRBuilder<>& b, const CodeTarget& target, llvm::Module& module, unsigned words,
                   bool by_value, int max_threads) {
  llvm::LLVMContext& context = module.getContext();
  llvm::Type* parameter = by_value ? b.getPtrTy() : b.getPtrTy(kGlobal);
  function = llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), {parameter}, false),
                                    llvm::Function::ExternalLinkage, runtime::cuda::kEntryName, module);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  function->addFnAttr("target-cpu", target.cpu);
  function->addFnAttr("target-features", target.features);
  if (by_value) {
    llvm::Type* block = llvm::ArrayType::get(b.getInt64Ty(), words);
    function->addParamAttr(0, llvm::Attribute::getWithByValType(context, block));
    function->addParamAttr(0, llvm::Attribute::getWithAlignment(context, llvm::Align(8)));
  }
  const auto annotate = [&](const char* key, int value) {
    llvm::Metadata* parts[] = {llvm::ValueAsMetadata::get(function), llvm::MDString::get(context, key),
                               llvm::ConstantAsMetadata::get(b.getInt32(static_cast<unsigned>(value)))};
    module.getOrInsertNamedMetadata("nvvm.annotations")->addOperand(llvm::MDNode::get(context, parts));
  };
  annotate("kernel", 1);
  annotate("maxntidx", max_threads);
  b.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", function));
  const auto special = [&](llvm::Intrinsic::ID id) {
    return b.CreateZExt(b.CreateIntrinsic(id, {}, {}), b.getInt64Ty());
  };
  thread = special(llvm::Intrinsic::nvvm_read_ptx_sreg_tid_x);
  threads = special(llvm::Intrinsic::nvvm_read_ptx_sreg_ntid_x);
  block = special(llvm::Intrinsic::nvvm_read_ptx_sreg_ctaid_x);
  blocks = special(llvm::Intrinsic::nvvm_read_ptx_sreg_nctaid_x);
  auto* memory = new llvm::GlobalVariable(module, llvm::ArrayType::get(b.getInt8Ty(), 0), false,
                                          llvm::GlobalValue::ExternalLinkage, nullptr, "leat_shared", nullptr,
                                          llvm::GlobalValue::NotThreadLocal, kShared);
  memory->setAlignment(llvm::Align(16));
  shared = memory;
}

llvm::Value* from_thread(llvm::IRBuilder<>& b, llvm::Value* value, int mask) {
  llvm::Type* type = value->getType();
  const unsigned bits = static_cast<unsigned>(type->getPrimitiveSizeInBits().getFixedValue());
  llvm::Type* word = b.getInt32Ty();
  const auto exchange = [&](llvm::Value* x) {
    return b.CreateIntrinsic(llvm::Intrinsic::nvvm_shfl_sync_bfly_i32, {},
                             {b.getInt32(~0u), x, b.getInt32(static_cast<unsigned>(mask)), b.getInt32(31)});
  };
  llvm::Type* integer = b.getIntNTy(bits);
  llvm::Value* raw = b.CreateBitCast(value, integer);
  if (bits == 64) {
    llvm::Value* low = exchange(b.CreateTrunc(raw, word));
    llvm::Value* high = exchange(b.CreateTrunc(b.CreateLShr(raw, 32), word));
    raw = b.CreateOr(b.CreateZExt(low, integer), b.CreateShl(b.CreateZExt(high, integer), 32));
  } else {
    raw = b.CreateTrunc(exchange(b.CreateZExt(raw, word)), integer);
  }
  return b.CreateBitCast(raw, type);
}

}  // namespace leat::compiler::codegen
