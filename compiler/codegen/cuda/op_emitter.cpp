#include "compiler/codegen/cuda/op_emitter.h"

#include <llvm/IR/IntrinsicsNVPTX.h>
#include <llvm/IR/Module.h>

namespace leat::compiler::codegen {

OpEmitter::OpEmitter(const OpKernel& kernel, const CodeTarget& target, llvm::Module& module)
    : kernel_(kernel),
      context_(module.getContext()),
      b_(context_),
      scope_(b_, 1, target),
      entry_(b_, target, module, kernel.words(), true, runtime::cuda::threads_of(kernel)) {
  for (unsigned k = 0; k < kernel.numbers; ++k)
    n_.emplace_back(b_.CreateLoad(b_.getInt64Ty(), entry_.Word(b_, OpKernel::kNumbers + k)));
  for (unsigned k = 0; k < kernel.pointers; ++k)
    p_.push_back(b_.CreateLoad(b_.getPtrTy(GpuEntry::kGlobal),
                               entry_.Word(b_, OpKernel::kNumbers + kernel.numbers + k)));
  thread_ = I(entry_.thread);
  threads_ = I(entry_.threads);
  block_ = I(entry_.block);
  blocks_ = I(entry_.blocks);
  bad_ = b_.CreateAlloca(b_.getInt1Ty(), nullptr, "bad");
  b_.CreateStore(b_.getFalse(), bad_);
}

OpEmitter::~OpEmitter() {
  // Where no index is read, the condition folds to false.
  If(Flag(b_.CreateLoad(b_.getInt1Ty(), bad_)), [&] {
    llvm::Value* flag = b_.CreateLoad(b_.getPtrTy(GpuEntry::kGlobal), entry_.Word(b_, 0));
    // Several threads may set it.
    b_.CreateAlignedStore(b_.getInt32(1), flag, llvm::Align(4))->setAtomic(llvm::AtomicOrdering::Monotonic);
  });
  b_.CreateRetVoid();
}

llvm::Value* OpEmitter::Barrier() { return b_.CreateIntrinsic(llvm::Intrinsic::nvvm_barrier0, {}, {}); }

int OpEmitter::WordBytes() const {
  return kernel_.word != 0 ? kernel_.word : static_cast<int>(byte_size(kernel_.dtype));
}

llvm::Type* OpEmitter::WordType() {
  const auto bytes = static_cast<unsigned>(WordBytes());
  if (bytes == 16) return llvm::FixedVectorType::get(b_.getInt32Ty(), 4);
  return b_.getIntNTy(8 * bytes);
}

llvm::Value* OpEmitter::LoadWord(llvm::Type* type, llvm::Value* address, int bytes) {
  return b_.CreateAlignedLoad(type, address, llvm::Align(static_cast<std::uint64_t>(bytes)));
}

void OpEmitter::StoreWord(llvm::Value* value, llvm::Value* address, int bytes) {
  b_.CreateAlignedStore(value, address, llvm::Align(static_cast<std::uint64_t>(bytes)));
}

llvm::Value* OpEmitter::Load(DType dtype, llvm::Value* base, I index) {
  llvm::Type* type = MemoryType(dtype);
  llvm::Value* loaded = LoadWord(type, At(type, base, index), static_cast<int>(byte_size(dtype)));
  return dtype == DType::bool_ ? b_.CreateICmpNE(loaded, b_.getInt8(0)) : loaded;
}

void OpEmitter::Store(DType dtype, llvm::Value* value, llvm::Value* base, I index) {
  if (dtype == DType::bool_) value = b_.CreateZExt(value, b_.getInt8Ty());
  StoreWord(value, At(MemoryType(dtype), base, index), static_cast<int>(byte_size(dtype)));
}

OpEmitter::I OpEmitter::LoadIndex(DType dtype, llvm::Value* base, I index) {
  return I(b_.CreateSExt(Load(dtype, base, index), b_.getInt64Ty()));
}

void OpEmitter::Each(I count, const std::function<void(I)>& body) {
  Loop(block_ * threads_ + thread_, count, blocks_ * threads_, body);
}

void OpEmitter::EachBlock(I count, const std::function<void(I)>& body) { Loop(block_, count, blocks_, body); }

Values OpEmitter::Loop(I low, I high, I step, Values initial, const std::function<Values(I, Values)>& body) {
  return emit_loop(b_, low.v, high.v, step.v, std::move(initial),
                   [&](llvm::Value* i, Values values) { return body(I(i), std::move(values)); });
}

void OpEmitter::Loop(I low, I high, I step, const std::function<void(I)>& body) {
  Loop(low, high, step, {}, [&](I i, Values) {
    body(i);
    return Values();
  });
}

void OpEmitter::If(Flag condition, const std::function<void()>& then) {
  emit_if(
      b_, condition.v,
      [&] {
        then();
        return Values();
      },
      [] { return Values(); });
}

llvm::Value* OpEmitter::IfElse(Flag condition, const std::function<llvm::Value*()>& then,
                               const std::function<llvm::Value*()>& otherwise) {
  return emit_if(
      b_, condition.v, [&] { return Values{then()}; }, [&] { return Values{otherwise()}; })[0];
}

void emit_op_kernel(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module) {
  using Code = runtime::cuda::OpKernel::Code;
  switch (kernel.code) {
    case Code::gather:
    case Code::gather_elements:
    case Code::gather_nd:
    case Code::pad:
    case Code::concat:
    case Code::dynamic_slice:
    case Code::dynamic_update_slice:
    case Code::take:
    case Code::im2col:
    case Code::fault: emit_movement(kernel, target, module); return;
    case Code::window:
    case Code::scan:
    case Code::scan_rows:
    case Code::arg:
    case Code::arg_rows: emit_ordered(kernel, target, module); return;
    case Code::sort_blocks:
    case Code::sort_merge:
    case Code::take_indices:
    case Code::scatter_keys:
    case Code::scatter_nd_keys:
    case Code::scatter_runs: emit_sorting(kernel, target, module); return;
    case Code::matmul:
    case Code::convolution:
    case Code::convolution_taps: emit_contraction(kernel, target, module); return;
    case Code::attention: emit_attention(kernel, target, module); return;
  }
}

}  // namespace leat::compiler::codegen
