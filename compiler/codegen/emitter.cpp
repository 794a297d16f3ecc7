#include "compiler/codegen/emitter.h"

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

KernelEmitter::KernelEmitter(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module)
    : kernel_(kernel),
      target_(target),
      module_(module),
      context_(module.getContext()),
      b_(context_),
      lanes_(choose_lanes(kernel, target)),
      schedule_(make_schedule(kernel)),
      inputs_(kernel.inputs.size()),
      outputs_(kernel.outputs.size()),
      scalars_(kernel.value_count()),
      splats_(kernel.value_count()),
      staged_in_(kernel.value_count(), -1) {}

void KernelEmitter::Emit() {
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
  ReadArguments();
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

void KernelEmitter::ReadArguments() {
  llvm::Type *pointer = b_.getPtrTy(), *word = b_.getInt64Ty();
  llvm::Value* launch = function_->getArg(0);
  begin_ = function_->getArg(1);
  end_ = function_->getArg(2);
  // The fields of ir::KernelLaunch: five pointers.
  const auto field = [&](unsigned k) {
    return b_.CreateLoad(pointer, b_.CreateConstGEP1_64(pointer, launch, k));
  };
  llvm::Value *sizes = field(0), *accesses = field(1), *pointers = field(2), *scalars = field(3);
  faults_ = field(4);
  const auto word_at = [&](llvm::Value* array, unsigned k) {
    return b_.CreateLoad(word, b_.CreateConstGEP1_64(word, array, k));
  };
  const unsigned rank = static_cast<unsigned>(kernel_.rank());
  for (unsigned d = 0; d < rank; ++d) sizes_.push_back(word_at(sizes, d));
  for (unsigned a = 0; a < kernel_.access_count; ++a) {
    Values access;
    for (unsigned k = 0; k <= rank; ++k) access.push_back(word_at(accesses, a * (1 + rank) + k));
    accesses_.push_back(std::move(access));
  }
  for (unsigned k = 0; k < kernel_.pointer_count; ++k) {
    pointers_.push_back(b_.CreateLoad(pointer, b_.CreateConstGEP1_64(pointer, pointers, k)));
  }
  for (unsigned k = 0; k < kernel_.scalar_count; ++k) scalars_in_.push_back(word_at(scalars, k));
}

Values KernelEmitter::Decode(llvm::Value* linear) {
  Values indices(kernel_.parallel_rank);
  for (int d = kernel_.parallel_rank - 1; d > 0; --d) {
    const auto k = static_cast<std::size_t>(d);
    indices[k] = b_.CreateURem(linear, sizes_[k]);
    linear = b_.CreateUDiv(linear, sizes_[k]);
  }
  indices[0] = linear;
  return indices;
}

Values KernelEmitter::Advance(Values indices, int d, llvm::Value* amount) {
  for (; d > 0; --d) {
    const auto k = static_cast<std::size_t>(d);
    llvm::Value* next = b_.CreateAdd(indices[k], amount);
    llvm::Value* wraps = b_.CreateICmpEQ(next, sizes_[k]);
    indices[k] = b_.CreateSelect(wraps, I64(0), next);
    amount = b_.CreateZExt(wraps, b_.getInt64Ty());
  }
  if (d == 0) indices[0] = b_.CreateAdd(indices[0], amount);
  return indices;
}

void KernelEmitter::EachRun(const std::function<void(llvm::Value* count)>& body) {
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

void KernelEmitter::EachRow(const std::function<void()>& body) {
  emit_loop(b_, begin_, end_, 1, Decode(begin_), [&](llvm::Value*, Values indices) {
    SetRun(indices);
    body();
    return Advance(indices, kernel_.parallel_rank - 1, I64(1));
  });
}

KernelEmitter::Cursor KernelEmitter::MakeCursor(std::uint16_t access, DType dtype, Stride lane,
                                                const Values& indices, llvm::Value* pointer) {
  const Values& numbers = accesses_[access];
  llvm::Value* offset = numbers[0];
  for (std::size_t d = 0; d < indices.size(); ++d) {
    offset = b_.CreateAdd(offset, b_.CreateMul(numbers[1 + d], indices[d]));
  }
  Cursor cursor;
  cursor.base = pointer == nullptr ? offset : b_.CreateGEP(memory_type(dtype, context_), pointer, offset);
  const std::size_t parallel = kernel_.parallel_rank;
  const bool rows = kernel_.pattern == ir::Kernel::Pattern::row_reduce;
  cursor.lane_stride = numbers[1 + (rows ? parallel : parallel - 1)];
  if (kernel_.has_reduced()) cursor.reduced_stride = numbers[1 + parallel];
  cursor.lane = lane;
  cursor.dtype = dtype;
  return cursor;
}

void KernelEmitter::SetRun(const Values& indices) {
  for (std::size_t k = 0; k < inputs_.size(); ++k) {
    const Input& input = kernel_.inputs[k];
    if (input.kind == Input::Kind::scalar) continue;
    llvm::Value* pointer = input.kind == Input::Kind::memory ? pointers_[input.slot] : nullptr;
    inputs_[k] = MakeCursor(input.access, input.dtype, input.lane_stride, indices, pointer);
  }
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const Output& output = kernel_.outputs[k];
    outputs_[k] = MakeCursor(output.access, kernel_.dtype(output.value), output.lane_stride, indices,
                             pointers_[output.slot]);
  }
}

void emit_kernel(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module) {
  KernelEmitter(kernel, target, module).Emit();
}

}  // namespace leat::compiler::codegen
