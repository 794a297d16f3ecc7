// A kernel unrolled for one launch: the steps that the tile tier executes over and over, tile by tile.
//
// Built per call of run_tiles into storage that a thread keeps, so nothing is allocated once warm. A tile is
// `tile` elements of the domain at most:
//   map            consecutive indices
//   row_reduce     whole rows where a row is at most kWholeRow long (everything in one go, nothing computed
//                  twice); else a stretch of one row, in one pass per dependent reduction and one for outputs
//   column_reduce  a stretch of columns times a few rows, in passes as above
// Row values live for a block of `rows` parallel indices. Outputs are stored in the last pass only, as they
// may lie where inputs do.
#pragma once

#include <cstddef>
#include <vector>

#include "ir/kernel.h"
#include "runtime/cpu/tile_access.h"
#include "runtime/cpu/tile_loops.h"

namespace leat::runtime::cpu {

/// Elements per tile: 2 KiB of f32, so that a dozen live values stay in a 32 KiB L1 cache.
inline constexpr std::int64_t kTile = 512;
/// Rows up to one chunk of a reduction are held whole.
inline constexpr std::int64_t kWholeRow = 4096;
/// Stretches of longer rows; divides 4096.
inline constexpr std::int64_t kLongTile = 1024;

struct TapeStep {
  enum class Kind : std::uint8_t {
    load_element,  // an input to its element pointer
    load_row,      // an input to its row pointer
    compute_element,
    compute_row,
    expand,      // a row value to an element pointer
    reduce,      // whole rows to a row value
    accumulate,  // a tile into the state of a reduction (long rows, columns)
    finish,      // the state of a reduction to a row value
  };
  Kind kind = Kind::compute_element;
  std::uint8_t operand_count = 0;
  std::uint16_t value = 0;
  std::uint16_t operands[3] = {0, 0, 0};
  std::uint16_t fault = 0;
  std::int32_t output = -1;  // the result goes straight to this output's memory
  std::size_t place = 0;     // of the result in the arena
  TileLoop loop = nullptr;
  const ReductionLoops* reduction = nullptr;
};

struct TapeRange {
  std::size_t begin = 0, end = 0;
};

/// A value while tiles run.
struct TileValue {
  std::byte* element = nullptr;
  std::byte* row = nullptr;
  LinearAccess access;              // inputs: over the index space of the tiles, or of the rows
  std::int64_t reduced_stride = 0;  // column_reduce: not part of `access`
  std::uint8_t bytes = 4;
  bool uniform = false;     // an input that is the same everywhere: filled once
  bool expanded = false;    // a row value that element instructions use
  bool stored = false;      // an output
  std::uint16_t depth = 0;  // reductions on the longest path to it
  // Where it lives in the arena, for row values, expanded ones and the state of reductions.
  std::size_t row_place = 0, expanded_place = 0, state_place = 0;
  std::uint8_t accumulator_bytes = 4;
  std::uint64_t blocks = 0;  // chunks or blocks that the state has taken in
};

struct TileOutput {
  LinearAccess access;
  std::int64_t reduced_stride = 0;
  std::byte* base = nullptr;
  bool row = false;
  bool direct = false;  // written by its compute step
};

class Tape {
 public:
  /// For a run over `count` parallel indices. REQUIRES: check(kernel) == "", count > 0.
  void Build(const ir::Kernel& kernel, const ir::KernelLaunch& launch, const TileLoops& loops,
             std::int64_t count);

  std::int64_t reduced = 1;     // extent of the reduced dimension; 1 in map
  std::int64_t parallel = 1;    // product of the parallel extents
  bool whole = true;            // one pass: map, or whole rows
  std::int64_t rows = 1;        // parallel indices per block
  std::int64_t tile_steps = 1;  // column_reduce: reduced indices per tile
  std::int64_t tile = 0;        // elements per tile

  TapeRange before;               // row values that need no reduction
  std::vector<TapeRange> passes;  // by depth; the last one serves the outputs
  std::vector<TapeRange> after;   // by depth: row values of the next depth
  bool element_outputs = false;
  std::vector<TapeStep> steps;
  std::vector<TileValue> values;
  std::vector<TileOutput> outputs;
  std::byte* arena = nullptr;

 private:
  using Instruction = ir::Kernel::Instruction;

  void ChooseGeometry(std::int64_t count);
  LinearAccess Merge(std::uint16_t access, bool row, std::int64_t* reduced_stride);
  void DescribeInputs();
  void DescribeBody();
  void DescribeOutputs();
  void PlacePersistentValues();
  void FillUniformInputs();
  void EmitRowInputs();
  void EmitWhole();
  void EmitPasses();
  void StartSegment();
  void MarkNeeded(std::uint16_t value);
  void CountUse(std::uint16_t value);
  void EmitLoads(const Instruction& instruction);
  void EmitLoad(std::uint16_t value);
  void EmitCompute(std::uint16_t value);
  void EmitReduction(std::uint16_t value, TapeStep::Kind kind);
  void EmitExpand(std::uint16_t value);
  void Release(std::uint16_t value);
  void WriteOutputsDirectly(TapeRange range);
  bool OverlapsAnInput(const ir::Kernel::Output& output) const;
  void Extent(std::uint16_t access, const void* base, int bytes, const std::byte** low,
              const std::byte** high) const;
  std::size_t Persist(std::int64_t elements, int bytes);
  std::size_t TakeSlot(int bytes);
  bool IsInput(std::uint16_t value) const { return value < kernel_->inputs.size(); }
  bool IsRow(std::uint16_t value) const { return kernel_->level(value) == ir::Kernel::Level::row; }
  const Instruction& InstructionOf(std::uint16_t value) const {
    return kernel_->body[value - kernel_->inputs.size()];
  }
  const std::int64_t* AccessOf(std::uint16_t access) const {
    return launch_->accesses + static_cast<std::int64_t>(access) * (1 + kernel_->rank());
  }

  const ir::Kernel* kernel_ = nullptr;
  const ir::KernelLaunch* launch_ = nullptr;
  const TileLoops* loops_ = nullptr;
  std::size_t arena_bytes_ = 0;  // persistent values, then the slots of the segment that needs most
  std::size_t slots_begin_ = 0, slots_end_ = 0;
  std::vector<std::size_t> free_slots_[4];  // of the segment being emitted, by log2 of the element size
  std::vector<std::size_t> slot_of_;        // by value; 0 is none
  std::vector<std::uint32_t> uses_left_;    // by value
  std::vector<char> needed_, loaded_;       // by value
  std::vector<std::int64_t> dims_;          // storage of the merged accesses
  std::size_t dims_used_ = 0;
  std::vector<std::byte> storage_;
};

/// Whether the op reduces; the place of its loops in the table follows from it.
inline bool is_reduction(ir::Op op) { return ir::op_info(op).family == ir::Family::reduce; }

}  // namespace leat::runtime::cpu
