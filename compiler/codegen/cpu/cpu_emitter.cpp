#include "compiler/codegen/cpu/cpu_emitter.h"

#include <llvm/IR/Module.h>

#include <algorithm>

#include "compiler/codegen/jit.h"

namespace leat::compiler::codegen {
namespace {

/// Lanes of a step: as many of the widest values as fill a register, but f32 fills one where 64-bit values
/// are only besides (they take two).
int choose_lanes(const ir::Kernel& kernel, const CodeTarget& target) {
  int widest = 1;
  bool single = false, tiles = false;
  for (std::uint16_t v = 0; v < kernel.value_count(); ++v) {
    const DType dtype = kernel.dtype(v);
    const bool half = dtype == DType::f16 || dtype == DType::bf16;
    const int bytes = half ? 4 : static_cast<int>(byte_size(dtype));
    widest = std::max(widest, bytes);
    single |= bytes == 4;
  }
  for (const ir::Kernel::Input& input : kernel.inputs) {
    tiles |= kernel.parallel_rank > 1 && input.lane_stride == ir::Kernel::Stride::any;
  }
  const int lanes = target.lanes_of(widest == 8 && single ? 4 : widest);
  // A tile of 32 x 32 bytes takes 8 times as long to compile as one of 16 x 16, and is no faster.
  return tiles ? std::min(lanes, 16) : lanes;
}

}  // namespace

CpuEmitter::CpuEmitter(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module)
    : KernelEmitter(kernel, target, module, choose_lanes(kernel, target)) {}

void CpuEmitter::Emit() {
  llvm::Type *pointer = b_.getPtrTy(), *word = b_.getInt64Ty();
  function_ = llvm::Function::Create(llvm::FunctionType::get(b_.getVoidTy(), {pointer, word, word}, false),
                                     llvm::Function::ExternalLinkage, kKernelSymbol, module_);
  function_->addFnAttr(llvm::Attribute::NoUnwind);
  function_->addFnAttr("target-cpu", target_.cpu);
  function_->addFnAttr("target-features", target_.features);
  function_->addFnAttr("prefer-vector-width", std::to_string(target_.vector_bits));
  function_->addFnAttr("min-legal-vector-width", std::to_string(target_.vector_bits));
  b_.SetInsertPoint(llvm::BasicBlock::Create(context_, "entry", function_));
  LaneScope scope(b_, lanes_, target_);
  ReadLaunch();
  FindUniform();
  auto* work = llvm::BasicBlock::Create(context_, "work", function_);
  auto* done = llvm::BasicBlock::Create(context_, "done", function_);
  b_.CreateCondBr(b_.CreateICmpSLT(begin_, end_), work, done);
  b_.SetInsertPoint(work);
  switch (kernel_.pattern) {
    case ir::Kernel::Pattern::map: EmitMap(); break;
    case ir::Kernel::Pattern::row_reduce: EmitRowReduce(); break;
    case ir::Kernel::Pattern::column_reduce: EmitColumnReduce(); break;
  }
  b_.CreateBr(done);
  b_.SetInsertPoint(done);
  b_.CreateRetVoid();
}

void CpuEmitter::ReadLaunch() {
  llvm::Type* pointer = b_.getPtrTy();
  llvm::Value* launch = function_->getArg(0);
  begin_ = function_->getArg(1);
  end_ = function_->getArg(2);
  // The fields of ir::KernelLaunch: five pointers.
  const auto field = [&](unsigned k) {
    return b_.CreateLoad(pointer, b_.CreateConstGEP1_64(pointer, launch, k));
  };
  llvm::Value *sizes = field(0), *accesses = field(1), *pointers = field(2), *scalars = field(3);
  faults_ = field(4);
  ReadArguments(sizes, accesses, pointers, scalars, 0);
}

void CpuEmitter::EachRun(const std::function<void(llvm::Value* count)>& body) {
  const int last = kernel_.parallel_rank - 1;
  if (last == 0) {
    SetRun({begin_});
    body(b_.CreateSub(end_, begin_));
    return;
  }
  Values state = Decode(begin_);
  state.push_back(begin_);
  llvm::BasicBlock* before = b_.GetInsertBlock();
  auto* loop = llvm::BasicBlock::Create(context_, "run", function_);
  auto* done = llvm::BasicBlock::Create(context_, "runs.done", function_);
  b_.CreateBr(loop);
  b_.SetInsertPoint(loop);
  std::vector<llvm::PHINode*> phis;
  for (llvm::Value* value : state) {
    phis.push_back(b_.CreatePHI(b_.getInt64Ty(), 2));
    phis.back()->addIncoming(value, before);
  }
  Values indices(phis.begin(), phis.end() - 1);
  llvm::Value* at = phis.back();
  const auto minor = static_cast<std::size_t>(last);
  llvm::Value* count = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateSub(end_, at),
                                                b_.CreateSub(sizes_[minor], indices[minor]));
  SetRun(indices);
  body(count);
  indices = Advance(indices, last - 1, I64(1));
  indices[minor] = I64(0);
  llvm::Value* next = b_.CreateAdd(at, count);
  indices.push_back(next);
  for (std::size_t k = 0; k < phis.size(); ++k) phis[k]->addIncoming(indices[k], b_.GetInsertBlock());
  b_.CreateCondBr(b_.CreateICmpSLT(next, end_), loop, done);
  b_.SetInsertPoint(done);
}

void CpuEmitter::EachRow(const std::function<void(const Values& next)>& body) {
  emit_loop(b_, begin_, end_, 1, Decode(begin_), [&](llvm::Value*, Values indices) {
    SetRun(indices);
    const Values next = Advance(indices, kernel_.parallel_rank - 1, I64(1));
    body(next);
    return next;
  });
}

void CpuEmitter::Prefetch(const Cursor& cursor, llvm::Value* lane, llvm::Value* row, Cache cache) {
  constexpr unsigned kRead = 0, kData = 1;
  llvm::Value* address = ElementAddress(cursor, lane, row);
  const unsigned locality = cache == Cache::first ? 3 : 2;
  b_.CreateIntrinsic(llvm::Intrinsic::prefetch, {address->getType()},
                     {address, b_.getInt32(kRead), b_.getInt32(locality), b_.getInt32(kData)});
}

void emit_cpu_kernel(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module) {
  CpuEmitter(kernel, target, module).Emit();
}

}  // namespace leat::compiler::codegen
