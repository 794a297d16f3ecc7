// What the loops of every target share when they emit a kernel as LLVM IR: the arguments, the cursors of the
// current run, and the values of the body.
//
// A target derives an emitter that adds the loops around it (cpu/cpu_emitter.h, cuda/gpu_emitter.h). Values
// live on two levels: `scalars_` hold what does not vary over the lanes of the run (and its splat), a Memo
// what was computed for one vector of lanes (on a GPU, one lane). One object, one emission, one thread.
//
// Words: a run is a stretch of the lane dimension with all other indices fixed; a step is one vector of lanes
// of it. A step may be partial: only `remaining` of its lanes exist. The body is emitted once for full and
// partial steps; only loads and stores differ, behind a branch.
#pragma once

#include <algorithm>
#include <functional>

#include "compiler/codegen/control_flow.h"
#include "compiler/codegen/instruction.h"
#include "compiler/codegen/schedule.h"
#include "ir/kernel.h"

namespace leat::compiler::codegen {

using Memo = std::vector<llvm::Value*>;  // by value number; null: not known

class KernelEmitter {
 protected:
  KernelEmitter(const ir::Kernel& kernel, const CodeTarget& target, llvm::Module& module, int lanes);
  ~KernelEmitter() = default;

  using Level = ir::Kernel::Level;
  using Input = ir::Kernel::Input;
  using Output = ir::Kernel::Output;
  using Stride = ir::Kernel::Stride;

  struct Step {
    llvm::Value* lane = nullptr;       // i64: the first lane, counted from the start of the run
    llvm::Value* row = nullptr;        // i64: the reduced index of a column kernel's element values
    llvm::Value* remaining = nullptr;  // i64: lanes that exist; null: all
    llvm::Value* full = nullptr;       // i1: remaining >= lanes; null with remaining
  };
  /// An input or output as seen from a run: its element 0, and how it moves.
  struct Cursor {
    llvm::Value* base = nullptr;  // pointer; of an index input, i64
    llvm::Value* lane_stride = nullptr;
    llvm::Value* reduced_stride = nullptr;
    Stride lane = Stride::one;
    DType dtype = DType::f32;
  };

  // emitter.cpp
  /// Loads the arrays of ir::KernelLaunch from where they lie. The pointers in them are of `address_space`.
  void ReadArguments(llvm::Value* sizes, llvm::Value* accesses, llvm::Value* pointers, llvm::Value* scalars,
                     unsigned address_space);
  /// The memory inputs that move along the lanes by a stride known only when the kernel runs.
  std::vector<std::uint16_t> StridedInputs() const;
  Values Decode(llvm::Value* linear);
  /// Adds `amount` to the parallel index of dimension `d`, which it takes at most to its end, with carry
  /// upwards.
  Values Advance(Values indices, int d, llvm::Value* amount);
  void SetRun(const Values& indices);
  Cursor MakeCursor(std::uint16_t access, DType dtype, Stride lane, const Values& indices,
                    llvm::Value* pointer);
  llvm::Value* I64(std::int64_t value) { return b_.getInt64(static_cast<std::uint64_t>(value)); }
  const ir::Kernel::Instruction& InstructionOf(std::uint16_t value) const {
    return kernel_.body[value - kernel_.inputs.size()];
  }
  bool IsInput(std::uint16_t value) const { return value < kernel_.inputs.size(); }
  Level LevelOf(std::uint16_t value) const { return kernel_.level(value); }

  // emit_access.cpp
  Step MakeStep(llvm::Value* lane, llvm::Value* row, llvm::Value* remaining);
  /// i1 lanes that exist. Emitted where it is used: in the rare branch of a partial step.
  llvm::Value* Active(const Step& step);
  llvm::Value* ElementAddress(const Cursor& cursor, llvm::Value* lane, llvm::Value* row);
  llvm::Value* LoadScalar(const Cursor& cursor, llvm::Value* lane, llvm::Value* row);
  void StoreScalar(const Cursor& cursor, llvm::Value* value);
  llvm::Value* LoadFull(const Cursor& cursor, const Step& step);
  llvm::Value* LoadPartial(const Cursor& cursor, const Step& step);
  void StoreFull(const Cursor& cursor, const Step& step, llvm::Value* value);
  void StorePartial(const Cursor& cursor, const Step& step, llvm::Value* value);
  llvm::Value* IndexLanes(const Cursor& cursor, const Step& step);
  llvm::Value* FromMemory(DType dtype, llvm::Value* loaded);
  llvm::Value* ToMemory(DType dtype, llvm::Value* value);
  bool Masked(const Cursor& cursor) const;
  llvm::Value* Splat(llvm::Value* scalar) {
    return lanes_ == 1 ? scalar : b_.CreateVectorSplat(static_cast<unsigned>(lanes_), scalar);
  }
  llvm::Value* LaneNumbers();

  // emit_body.cpp
  void FindUniform();
  /// Computes the uniform values of the level and readiness given, as scalars.
  void EmitUniform(Level level, int ready);
  void LoadUniformInput(std::uint16_t value);
  llvm::Value* EmitInstruction(std::uint16_t value, const std::function<llvm::Value*(std::uint16_t)>& operand,
                               const Step* step);
  void SetUniform(std::uint16_t value, llvm::Value* scalar);
  llvm::Value* ValueIn(const Memo& memo, std::uint16_t value) const {
    return memo[value] != nullptr ? memo[value] : splats_[value];
  }
  /// Computes `roots` for a step, on top of what the memo has. `staged`: values to load from an output's
  /// memory.
  void EmitLoads(Step& step, const std::vector<std::uint16_t>& roots, Memo& memo);
  void EmitValues(const Step& step, const std::vector<std::uint16_t>& roots, Memo& memo);
  void EmitStores(const Step& step, const std::vector<std::uint16_t>& outputs,
                  const std::vector<Pass::Stage>& stages, const Memo& memo);
  int CostOf(const std::vector<std::uint16_t>& roots);
  std::vector<std::uint16_t> StoreRoots(const Pass& pass) const;
  /// Joins partial results position by position; the pass's reductions cycle fastest.
  Values JoinAll(const Pass& pass, const Values& a, const Values& b, int lanes);
  /// From the accumulator of a reduction to its result.
  llvm::Value* FinishReduction(std::uint16_t value, llvm::Value* accumulated);

  const ir::Kernel& kernel_;
  const CodeTarget& target_;
  llvm::Module& module_;
  llvm::LLVMContext& context_;
  llvm::IRBuilder<> b_;
  llvm::Function* function_ = nullptr;
  int lanes_ = 1;
  Schedule schedule_;
  // Arguments, loaded at entry.
  llvm::Value* faults_ = nullptr;
  Values sizes_, scalars_in_, pointers_;
  std::vector<Values> accesses_;
  // The current run.
  std::vector<Cursor> inputs_, outputs_;
  std::vector<bool> uniform_;   // does not vary over the lanes (nor, in a column kernel, over its rows)
  std::vector<bool> divides_;   // a uniform divisor of values that are not
  Memo scalars_, splats_;       // of uniform values known by now
  Memo reciprocals_;            // of those that divide (divide_by.h)
  std::vector<int> staged_in_;  // by value: the output whose memory has it by now, or -1
};

}  // namespace leat::compiler::codegen
