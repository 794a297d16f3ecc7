// Loads and stores of scalars and of steps of lanes.
#include "compiler/codegen/emitter.h"

namespace leat::compiler::codegen {

llvm::Value* KernelEmitter::LaneNumbers() {
  if (lanes_ == 1) return I64(0);
  std::vector<llvm::Constant*> numbers;
  for (int l = 0; l < lanes_; ++l) numbers.push_back(b_.getInt64(static_cast<std::uint64_t>(l)));
  return llvm::ConstantVector::get(numbers);
}

KernelEmitter::Step KernelEmitter::MakeStep(llvm::Value* lane, llvm::Value* row, llvm::Value* remaining) {
  Step step{.lane = lane, .row = row, .remaining = remaining};
  if (remaining != nullptr) {
    step.full = b_.CreateICmpSGE(remaining, I64(lanes_));
  }
  return step;
}

llvm::Value* KernelEmitter::Active(const Step& step) {
  // In i32: half the work of i64 where lanes are of 32 bits.
  llvm::Value* present = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, step.remaining, I64(lanes_));
  llvm::Value* numbers = b_.CreateTrunc(LaneNumbers(), codegen::lanes_of(b_.getInt32Ty(), lanes_));
  return b_.CreateICmpSLT(numbers, Splat(b_.CreateTrunc(present, b_.getInt32Ty())));
}

llvm::Value* KernelEmitter::FromMemory(DType dtype, llvm::Value* loaded) {
  if (dtype != DType::bool_) return loaded;
  return b_.CreateICmpNE(loaded, llvm::Constant::getNullValue(loaded->getType()));
}

llvm::Value* KernelEmitter::ToMemory(DType dtype, llvm::Value* value) {
  if (dtype != DType::bool_) return value;
  return b_.CreateZExt(value, value->getType()->getWithNewBitWidth(8));
}

llvm::Value* KernelEmitter::ElementAddress(const Cursor& cursor, llvm::Value* lane, llvm::Value* row) {
  llvm::Type* type = memory_type(cursor.dtype, context_);
  llvm::Value* at = cursor.base;
  if (row != nullptr) at = b_.CreateGEP(type, at, b_.CreateMul(row, cursor.reduced_stride));
  switch (cursor.lane) {
    case Stride::zero: return at;
    case Stride::one: return b_.CreateGEP(type, at, lane);
    case Stride::any: return b_.CreateGEP(type, at, b_.CreateMul(lane, cursor.lane_stride));
  }
  return at;
}

llvm::Value* KernelEmitter::LoadScalar(const Cursor& cursor, llvm::Value* lane, llvm::Value* row) {
  llvm::Type* type = memory_type(cursor.dtype, context_);
  const llvm::Align align(byte_size(cursor.dtype));
  return FromMemory(cursor.dtype, b_.CreateAlignedLoad(type, ElementAddress(cursor, lane, row), align));
}

void KernelEmitter::StoreScalar(const Cursor& cursor, llvm::Value* value) {
  b_.CreateAlignedStore(ToMemory(cursor.dtype, value), cursor.base, llvm::Align(byte_size(cursor.dtype)));
}

bool KernelEmitter::Masked(const Cursor& cursor) const {
  return cursor.lane == Stride::one && lanes_ > 1 &&
         static_cast<int>(byte_size(cursor.dtype)) >= target_.masked_bytes;
}

llvm::Value* KernelEmitter::LoadFull(const Cursor& cursor, const Step& step) {
  if (cursor.lane == Stride::zero || lanes_ == 1) return Splat(LoadScalar(cursor, step.lane, step.row));
  llvm::Type* element = memory_type(cursor.dtype, context_);
  llvm::Type* type = codegen::lanes_of(element, lanes_);
  const llvm::Align align(byte_size(cursor.dtype));
  llvm::Value* address = ElementAddress(cursor, step.lane, step.row);
  if (cursor.lane == Stride::one) {
    return FromMemory(cursor.dtype, b_.CreateAlignedLoad(type, address, align));
  }
  // Scalar loads: as fast as the gather instruction, which few element types have.
  llvm::Value* loaded = llvm::PoisonValue::get(type);
  for (int l = 0; l < lanes_; ++l) {
    llvm::Value* at = b_.CreateGEP(element, address, b_.CreateMul(cursor.lane_stride, I64(l)));
    loaded = b_.CreateInsertElement(loaded, b_.CreateAlignedLoad(element, at, align),
                                    static_cast<std::uint64_t>(l));
  }
  return FromMemory(cursor.dtype, loaded);
}

llvm::Value* KernelEmitter::LoadPartial(const Cursor& cursor, const Step& step) {
  if (cursor.lane == Stride::zero || lanes_ == 1) return Splat(LoadScalar(cursor, step.lane, step.row));
  llvm::Type* element = memory_type(cursor.dtype, context_);
  llvm::Type* type = codegen::lanes_of(element, lanes_);
  const llvm::Align align(byte_size(cursor.dtype));
  llvm::Value* address = ElementAddress(cursor, step.lane, step.row);
  llvm::Value* zero = llvm::Constant::getNullValue(type);
  if (Masked(cursor)) {
    return FromMemory(cursor.dtype, b_.CreateMaskedLoad(type, address, align, Active(step), zero));
  }
  // Lane by lane through the stack; absent lanes are 0.
  llvm::Value* stage = entry_alloca(b_, type, "partial");
  b_.CreateStore(zero, stage);
  emit_loop(b_, I64(0), step.remaining, 1, {}, [&](llvm::Value* l, Values) {
    llvm::Value* offset = cursor.lane == Stride::any ? b_.CreateMul(l, cursor.lane_stride) : l;
    llvm::Value* loaded = b_.CreateAlignedLoad(element, b_.CreateGEP(element, address, offset), align);
    b_.CreateAlignedStore(loaded, b_.CreateGEP(element, stage, l), align);
    return Values();
  });
  return FromMemory(cursor.dtype, b_.CreateLoad(type, stage));
}

void KernelEmitter::StoreFull(const Cursor& cursor, const Step& step, llvm::Value* value) {
  llvm::Type* element = memory_type(cursor.dtype, context_);
  const llvm::Align align(byte_size(cursor.dtype));
  llvm::Value* address = ElementAddress(cursor, step.lane, step.row);
  value = ToMemory(cursor.dtype, value);
  if (cursor.lane == Stride::one || lanes_ == 1) {
    b_.CreateAlignedStore(value, address, align);
    return;
  }
  for (int l = 0; l < lanes_; ++l) {
    llvm::Value* at = cursor.lane == Stride::zero
                          ? address
                          : b_.CreateGEP(element, address, b_.CreateMul(cursor.lane_stride, I64(l)));
    b_.CreateAlignedStore(b_.CreateExtractElement(value, static_cast<std::uint64_t>(l)), at, align);
  }
}

void KernelEmitter::StorePartial(const Cursor& cursor, const Step& step, llvm::Value* value) {
  llvm::Type* element = memory_type(cursor.dtype, context_);
  const llvm::Align align(byte_size(cursor.dtype));
  llvm::Value* address = ElementAddress(cursor, step.lane, step.row);
  value = ToMemory(cursor.dtype, value);
  if (Masked(cursor)) {
    b_.CreateMaskedStore(value, address, align, Active(step));
    return;
  }
  llvm::Value* stage = entry_alloca(b_, value->getType(), "partial");
  b_.CreateStore(value, stage);
  emit_loop(b_, I64(0), step.remaining, 1, {}, [&](llvm::Value* l, Values) {
    llvm::Value* stored = b_.CreateAlignedLoad(element, b_.CreateGEP(element, stage, l), align);
    llvm::Value* offset = cursor.lane == Stride::one   ? l
                          : cursor.lane == Stride::any ? b_.CreateMul(l, cursor.lane_stride)
                                                       : I64(0);
    b_.CreateAlignedStore(stored, b_.CreateGEP(element, address, offset), align);
    return Values();
  });
}

llvm::Value* KernelEmitter::IndexLanes(const Cursor& cursor, const Step& step) {
  llvm::Value* first = cursor.base;
  if (step.row != nullptr) first = b_.CreateAdd(first, b_.CreateMul(step.row, cursor.reduced_stride));
  if (cursor.lane == Stride::zero) return Splat(first);
  llvm::Value* stride = cursor.lane == Stride::one ? I64(1) : cursor.lane_stride;
  first = b_.CreateAdd(first, b_.CreateMul(step.lane, stride));
  return b_.CreateAdd(Splat(first), b_.CreateMul(LaneNumbers(), Splat(stride)));
}

}  // namespace leat::compiler::codegen
