// Emits the kernel of an op that is not a loop kernel (runtime/cuda/op_kernel.h), as LLVM IR of the NVPTX
// target. The meanings of ir/meaning run over scalars of IR values, so its bits are the interpreter's.
//
//   llvm::Module module("kernel", context);
//   emit_op_kernel(op_kernel, *gpu_target("sm_90"), module);
//
// Performance, by construction: neighbouring threads touch neighbouring memory; data that only moves does so
// in words of up to 16 bytes, several of them in flight where words are small; every loop over work strides
// by the grid, so one launch serves any size; indices are 64 bits wide, but divisions of small ones take the
// short way (LLVM splits them). Barriers stand where all threads of the block come.
#pragma once

#include <functional>

#include "compiler/codegen/control_flow.h"
#include "compiler/codegen/cuda/gpu_entry.h"
#include "compiler/codegen/instruction.h"
#include "runtime/cuda/op_kernel.h"

namespace leat::compiler::codegen {

void emit_op_kernel(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module);

/// What the emitters of all ops share; each group of ops derives its own.
class OpEmitter {
 protected:
  using OpKernel = runtime::cuda::OpKernel;
  using Code = OpKernel::Code;
  using I = Num<std::int64_t>;

  OpEmitter(const OpKernel& kernel, const CodeTarget& target, llvm::Module& module);
  OpEmitter(const OpEmitter&) = delete;
  ~OpEmitter();

  static I Zero() { return I(std::int64_t{0}); }
  static I Div(I a, I b) { return I(ir_builder().CreateUDiv(a.v, b.v)); }
  static I Mod(I a, I b) { return I(ir_builder().CreateURem(a.v, b.v)); }
  static I Min(I a, I b) { return I(ir_builder().CreateBinaryIntrinsic(llvm::Intrinsic::smin, a.v, b.v)); }
  static I Max(I a, I b) { return I(ir_builder().CreateBinaryIntrinsic(llvm::Intrinsic::smax, a.v, b.v)); }
  static I CeilDiv(I a, I b) { return Div(a + b - I(1), b); }
  llvm::Value* Barrier();
  /// The bytes of an element or word in memory.
  int WordBytes() const;
  llvm::Type* WordType();
  llvm::Type* MemoryType(DType dtype) { return memory_type(dtype, context_); }

  llvm::Value* At(llvm::Type* type, llvm::Value* base, I index) { return b_.CreateGEP(type, base, index.v); }
  llvm::Value* LoadWord(llvm::Type* type, llvm::Value* address, int bytes);
  void StoreWord(llvm::Value* value, llvm::Value* address, int bytes);
  /// An element as a value (a bool as i1), and back.
  llvm::Value* Load(DType dtype, llvm::Value* base, I index);
  void Store(DType dtype, llvm::Value* value, llvm::Value* base, I index);
  llvm::Value* SharedAt(I byte) { return b_.CreateGEP(b_.getInt8Ty(), entry_.shared, byte.v); }
  /// An i32 or i64 element as an index.
  I LoadIndex(DType dtype, llvm::Value* base, I index);
  /// Notes that `bad` holds; the flag is set when the thread ends.
  void NoteFault(Flag bad) { b_.CreateStore(b_.CreateOr(b_.CreateLoad(b_.getInt1Ty(), bad_), bad.v), bad_); }

  /// body(i) for the i below `count` that are this thread's in a loop that strides by the grid.
  void Each(I count, const std::function<void(I)>& body);
  /// body(i) for the i below `count` that are this block's.
  void EachBlock(I count, const std::function<void(I)>& body);
  /// Ordinary loops, that carry values or none.
  Values Loop(I low, I high, I step, Values initial, const std::function<Values(I, Values)>& body);
  void Loop(I low, I high, I step, const std::function<void(I)>& body);
  void If(Flag condition, const std::function<void()>& then);
  llvm::Value* IfElse(Flag condition, const std::function<llvm::Value*()>& then,
                      const std::function<llvm::Value*()>& otherwise);

  const OpKernel& kernel_;
  llvm::LLVMContext& context_;
  llvm::IRBuilder<> b_;
  LaneScope scope_;
  const GpuEntry entry_;
  std::vector<I> n_;  // the numbers
  Values p_;          // the pointers
  I thread_, threads_, block_, blocks_;
  llvm::Value* bad_ = nullptr;  // a local i1: an index was out of range
};

// One function per group of ops; each adds the whole kernel.
void emit_movement(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module);
void emit_contraction(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module);
void emit_attention(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module);
void emit_sorting(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module);
void emit_ordered(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module);

}  // namespace leat::compiler::codegen
