#include "compiler/codegen/emitter.h"

#include <llvm/IR/Module.h>

namespace leat::compiler::codegen {
KernelEmitter::KernelEmitter(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module,
                             int lanes)
    : kernel_(kernel),
      target_(target),
      module_(module),
      context_(module.getContext()),
      b_(context_),
      lanes_(lanes),
      schedule_(make_schedule(kernel)),
      inputs_(kernel.inputs.size()),
      outputs_(kernel.outputs.size()),
      divides_(kernel.value_count()),
      scalars_(kernel.value_count()),
      splats_(kernel.value_count()),
      reciprocals_(kernel.value_count()),
      staged_in_(kernel.value_count(), -1) {}

void KernelEmitter::ReadArguments(llvm::Value* sizes, llvm::Value* accesses, llvm::Value* pointers,
                                  llvm::Value* scalars, unsigned address_space) {
  llvm::Type *pointer = b_.getPtrTy(address_space), *word = b_.getInt64Ty();
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
    pointers_.push_back(b_.CreateLoad(pointer, b_.CreateConstGEP1_64(word, pointers, k)));
  }
  for (unsigned k = 0; k < kernel_.scalar_count; ++k) scalars_in_.push_back(word_at(scalars, k));
}

std::vector<std::uint16_t> KernelEmitter::StridedInputs() const {
  std::vector<std::uint16_t> strided;
  for (std::uint16_t v = 0; v < kernel_.inputs.size(); ++v) {
    const Input& input = kernel_.inputs[v];
    if (input.kind == Input::Kind::memory && input.lane_stride == Stride::any) strided.push_back(v);
  }
  return strided;
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

}  // namespace leat::compiler::codegen
