// Emits one kernel for a CPU, `void leat_kernel(const KernelLaunch*, i64 begin, i64 end)`: loops over vectors
// of lanes of the target's width, around the parts that all targets share (compiler/codegen/emitter.h).
//
//   llvm::Module module("kernel", context);
//   emit_cpu_kernel(kernel, host_target(0), module);
#pragma once

#include <optional>

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
  /// `next`: the indices of the row after, which may lie beyond the end.
  void EachRow(const std::function<void(const Values& next)>& body);
  enum class Cache { first, second };
  /// Asks for the line of an element. One that does not exist is nothing to wait for, and no fault.
  void Prefetch(const Cursor& cursor, llvm::Value* lane, llvm::Value* row, Cache cache);
  /// Elements that are read from memory one after the other.
  static bool Streams(const Input& input) {
    return input.kind == Input::Kind::memory && input.level == Level::element &&
           input.lane_stride == Stride::one;
  }

  // emit_map.cpp
  void EmitMap();
  /// Computes and stores the pass's outputs for all lanes of a run of `count`.
  void EmitLaneLoop(const Pass& pass, llvm::Value* count);
  void PrefetchAhead(const Step& step);
  /// Lanes [begin, end), one vector at a time.
  void EmitLanes(const Pass& pass, const std::vector<std::uint16_t>& roots, llvm::Value* begin,
                 llvm::Value* end);
  /// A random_bits of u32 that is needed and whose index goes up by one a lane.
  std::optional<std::uint16_t> LaneRandom(const std::vector<std::uint16_t>& roots) const;
  /// As EmitLaneLoop; four vectors of `value` come of one vector of blocks where a whole group of 256
  /// elements is there.
  void EmitRandomLoop(const Pass& pass, const std::vector<std::uint16_t>& roots, std::uint16_t value,
                      llvm::Value* count);

  // emit_transpose.cpp
  void EmitTransposing(const std::vector<std::uint16_t>& strided);
  /// What a block of rows is made of: the transposed inputs, what is stored, and the cursors of its first
  /// row.
  struct Tile {
    std::vector<std::uint16_t> strided, roots;
    std::vector<Cursor> inputs, outputs;
  };
  void EmitTiles(const Values& indices, llvm::Value* rows, std::int64_t block,
                 const std::vector<std::uint16_t>& strided);
  /// The t-th transposed input at rows `first` to `first` + lanes, as a vector a row. Not full: columns that
  /// do not exist are others.
  Values LoadTile(const Tile& tile, std::size_t t, llvm::Value* first, llvm::Value* lane, bool full);
  void EmitTileRow(const Tile& tile, llvm::Value* row, Step step, const Values& loaded);
  void EmitStackTile(const Tile& tile, const Values& stack, llvm::Value* first, llvm::Value* lane);
  Values TransposeTile(Values columns);

  // emit_row_reduce.cpp
  void EmitRowReduce();
  /// Has the lane loops ask for what the row at `next` reads and writes.
  void LookAhead(const Values& next);
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
  std::vector<Cursor> ahead_;  // what a lane loop asks for as it goes
};

}  // namespace leat::compiler::codegen
