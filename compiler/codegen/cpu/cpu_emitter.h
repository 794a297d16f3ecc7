// Emits one kernel for a CPU, `void leat_kernel(const KernelLaunch*, i64 begin, i64 end)`: loops over vectors
// of lanes of the target's width, around the parts that all targets share (compiler/codegen/emitter.h).
//
//   llvm::Module module("kernel", context);
//   emit_cpu_kernel(kernel, host_target(0), module);
#pragma once

#include "compiler/codegen/emitter.h"

namespace leat::compiler::codegen {

/// Adds the function to `module`. REQUIRES: ir::check(kernel) is "".
void emit_cpu_kernel(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module);

class CpuEmitter final : public KernelEmitter {
 public:
  CpuEmitter(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module);
  void Emit();

 private:
  // cpu_emitter.cpp
  void ReadLaunch();
  void EachRun(const std::function<void(llvm::Value* count)>& body);
  void EachRow(const std::function<void()>& body);

  // emit_map.cpp
  void EmitMap();
  /// Computes and stores the pass's outputs for all lanes of a run of `count`.
  void EmitLaneLoop(const Pass& pass, llvm::Value* count);

  // emit_transpose.cpp
  void EmitTransposing(const std::vector<std::uint16_t>& strided);
  void EmitTiles(const Values& indices, llvm::Value* rows, const std::vector<std::uint16_t>& strided);
  Values TransposeTile(Values columns);

  // emit_row_reduce.cpp
  void EmitRowReduce();
  void EmitRowPass(const Pass& pass, int number, llvm::Value* count);
  Values EmitChunk(const Pass& pass, llvm::Value* begin, llvm::Value* size);
  llvm::Value* JoinLanes(ir::Op op, DType accumulator, Values vectors);

  // emit_column_reduce.cpp
  void EmitColumnReduce();
  void EmitStrip(llvm::Value* lane, int vectors, llvm::Value* remaining);
  void PrefetchRow(const std::vector<Step>& steps, llvm::Value* row);
  void EmitColumnPass(const Pass& pass, int number, std::vector<Step>& steps, std::vector<Memo>& memos);
  void EmitRowValues(int ready, std::vector<Step>& steps, std::vector<Memo>& memos);

  llvm::Value *begin_ = nullptr, *end_ = nullptr;
};

}  // namespace leat::compiler::codegen
