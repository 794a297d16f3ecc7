// Emits one kernel for a GPU, as LLVM IR of the NVPTX target: `.entry leat_kernel`, whose parameters are
// those of runtime/cuda/kernel_parameters.h. One thread computes scalars, so the body is that of the CPU with
// one lane; what differs are the loops (gpu_plan.h says which thread has which element).
//
//   llvm::Module module("kernel", context);
//   emit_gpu_kernel(kernel, *gpu_target("sm_90"), module);
//
// Every barrier and shuffle stands where all threads of the block come: in loops whose bounds are those of
// the block, never behind a condition of a thread. Where some threads have no element, they join a neutral
// value.
#pragma once

#include "compiler/codegen/cuda/gpu_entry.h"
#include "compiler/codegen/cuda/gpu_plan.h"
#include "compiler/codegen/emitter.h"

namespace leat::compiler::codegen {

/// Adds the entry to `module`, which has the data layout of the target. REQUIRES: ir::check(kernel) is "".
void emit_gpu_kernel(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module);

/// The last kernel of a split reduction: for each column of input 0, the pairwise join of its rows. `kernel`
/// is that of pairwise_kernel (kernel_ptx.h).
void emit_pairwise_kernel(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module);

class GpuEmitter final : public KernelEmitter {
 public:
  GpuEmitter(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module, bool pairwise);
  void Emit();

 private:
  static constexpr unsigned kGlobal = GpuEntry::kGlobal, kShared = GpuEntry::kShared;

  // gpu_emitter.cpp
  void ReadLaunch(const runtime::cuda::ParameterLayout& layout);
  llvm::Value* Barrier();
  llvm::Value* SharedAt(llvm::Value* byte) { return b_.CreateGEP(b_.getInt8Ty(), shared_, byte); }
  /// Accumulators in shared memory; a flag is a byte.
  llvm::Value* ToShared(llvm::Value* value);
  llvm::Value* LoadShared(llvm::Type* type, llvm::Value* address);
  Values NeutralOf(const Pass& pass);
  Values EmptyOf(const Pass& pass);
  /// Runs of a grid: the numbers [0, count) of blocks, as loop of every block.
  void EachBlock(llvm::Value* count, const std::function<void(llvm::Value*)>& body);
  /// Indices of a linear number over the parallel dimensions before `d`, and 0 from there on.
  Values DecodeOuter(llvm::Value* linear, int d);
  llvm::Value* OuterCount(int d);
  /// Gathers the operand of a reduction as its accumulator.
  llvm::Value* OperandIn(std::uint16_t reduction, const Memo& memo);

  // emit_gpu_map.cpp
  void EmitMap();
  void EmitGroup(llvm::Value* at, llvm::Value* remaining);
  void EmitElement(llvm::Value* lane);
  llvm::Value* Aligned(const std::vector<std::uint16_t>& wide_inputs, llvm::Value* at);
  Values LoadWide(const Cursor& cursor, llvm::Value* at);
  void StoreWide(const Cursor& cursor, llvm::Value* at, const Values& values);

  // emit_gpu_tiles.cpp
  void EmitTiled();
  void EmitTile(const Values& indices, llvm::Value* row0, llvm::Value* column0);
  void LoadTile(llvm::Value* rows, llvm::Value* columns, llvm::Value* column0);

  // emit_gpu_rows.cpp
  void EmitRows();
  void EmitRow();
  Values ReduceRow(const Pass& pass, std::size_t number, llvm::Value* chunks);
  /// The thread's part of a chunk: what lanes t and t + 32 accumulate, per reduction.
  Values EmitChunk(const Pass& pass, std::size_t number, llvm::Value* begin, llvm::Value* size);
  void KeepForLater(std::size_t number, const Step& step, const Memo& memo);
  Values JoinThreads(const Pass& pass, Values values);
  Values JoinWarps(const Pass& pass, Values values);
  Cursor CacheCursor(std::size_t cached, const Cursor& otherwise);

  // emit_gpu_columns.cpp
  void EmitColumns();
  void EmitColumnPass(const Pass& pass, const Step& column, llvm::Value* active, Memo& memo);
  void EmitRowValues(int ready, const Step& column, Memo& memo);
  Values EmitRowRange(const Pass& pass, const Step& column, const Memo& memo, llvm::Value* begin,
                      llvm::Value* end);
  llvm::Value* JoinColumn(std::uint16_t reduction, llvm::Value* value);
  Values JoinPartials(const Pass& pass, const Step& column, llvm::Value* active, llvm::Value* begin);

  const bool pairwise_;
  const GpuPlan plan_;
  GpuEntry entry_;
  llvm::Value* flags_ = nullptr;       // i64
  llvm::Value* use_shared_ = nullptr;  // i1
  llvm::Value* shared_ = nullptr;      // the dynamic shared memory
  llvm::Value *thread_ = nullptr, *threads_ = nullptr, *block_ = nullptr, *blocks_ = nullptr;  // i64
  llvm::Value *lane_ = nullptr, *warp_ = nullptr, *warps_ = nullptr;                           // i64
  Values cache_offsets_;  // rows: bytes into shared memory, by plan_.cached
};

}  // namespace leat::compiler::codegen
