#include "runtime/cpu/tile.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/cpu/tile_loops.h"
#include "runtime/cpu/tile_tape.h"

namespace leat::runtime::cpu {
namespace {

using ir::Kernel;
using Kind = TapeStep::Kind;

/// Where a tile lies: parallel indices [row, row + rows), reduced indices [step, step + steps).
struct Tile {
  std::int64_t row = 0, rows = 0;
  std::int64_t step = 0, steps = 1;
};

class TileRun {
 public:
  TileRun(const Kernel& kernel, const ir::KernelLaunch& launch, Tape& tape)
      : kernel_(kernel),
        launch_(launch),
        tape_(tape),
        columns_(kernel.pattern == Kernel::Pattern::column_reduce) {}

  void Run(std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; row += tape_.rows) {
      const Tile block{row, std::min(tape_.rows, end - row), 0, tape_.reduced};
      Play(tape_.before, block);
      if (tape_.whole) {
        Play(tape_.passes[0], block);
        StoreElements(block);
      } else {
        RunPasses(block);
      }
      StoreRows(block);
    }
  }

 private:
  void RunPasses(Tile block) {
    const std::int64_t steps = columns_ ? tape_.tile_steps : tape_.tile;
    for (TileValue& value : tape_.values) value.blocks = 0;
    for (std::size_t depth = 0; depth < tape_.passes.size(); ++depth) {
      const bool last = depth + 1 == tape_.passes.size();
      if (tape_.passes[depth].begin != tape_.passes[depth].end || (last && tape_.element_outputs)) {
        for (std::int64_t step = 0; step < tape_.reduced; step += steps) {
          const Tile tile{block.row, block.rows, step, std::min(steps, tape_.reduced - step)};
          Play(tape_.passes[depth], tile);
          if (last) StoreElements(tile);
        }
      }
      Play(tape_.after[depth], block);
    }
  }

  std::int64_t LinearBegin(const Tile& tile) const {
    return columns_ ? tile.row : tile.row * tape_.reduced + tile.step;
  }

  void Play(TapeRange range, const Tile& tile) {
    const std::int64_t elements = tile.rows * tile.steps;
    for (std::size_t s = range.begin; s < range.end; ++s) {
      const TapeStep& step = tape_.steps[s];
      TileValue& value = tape_.values[step.value];
      switch (step.kind) {
        case Kind::load_element: LoadElement(step, value, tile); break;
        case Kind::load_row: LoadRow(step, value, tile); break;
        case Kind::compute_element: {
          const void* operands[3];
          for (int k = 0; k < step.operand_count; ++k) operands[k] = tape_.values[step.operands[k]].element;
          value.element = step.output < 0 ? tape_.arena + step.place : Direct(step.output, value.bytes, tile);
          step.loop(value.element, operands, elements, launch_.faults + step.fault - (step.fault != 0));
          break;
        }
        case Kind::compute_row: {
          const void* operands[3];
          for (int k = 0; k < step.operand_count; ++k) operands[k] = tape_.values[step.operands[k]].row;
          value.row = tape_.arena + step.place;
          step.loop(value.row, operands, tile.rows, launch_.faults + step.fault - (step.fault != 0));
          break;
        }
        case Kind::expand: Expand(step, value, tile); break;
        case Kind::reduce:
          value.row = tape_.arena + step.place;
          if (tape_.reduced == 0) {
            step.reduction->empty(value.row, tile.rows);
          } else {
            step.reduction->whole_rows(value.row, tape_.values[step.operands[0]].element, tile.rows,
                                       tape_.reduced);
          }
          break;
        case Kind::accumulate: Accumulate(step, value, tile); break;
        case Kind::finish: Finish(step, value, tile); break;
      }
    }
  }

  std::byte* Direct(std::int32_t output, int bytes, const Tile& tile) const {
    const TileOutput& to = tape_.outputs[static_cast<std::size_t>(output)];
    return to.base + (to.access.offset + LinearBegin(tile) + to.reduced_stride * tile.step) * bytes;
  }

  void LoadElement(const TapeStep& step, TileValue& value, const Tile& tile) {
    const Kernel::Input& input = kernel_.inputs[step.value];
    const std::int64_t begin = LinearBegin(tile);
    std::byte* base = input.kind == Kernel::Input::Kind::memory
                          ? static_cast<std::byte*>(launch_.pointers[input.slot])
                          : nullptr;
    if (step.place == 0) {
      value.element = base + (value.access.offset + begin + value.reduced_stride * tile.step) * value.bytes;
      return;
    }
    value.element = tape_.arena + step.place;
    const std::int64_t stretches = columns_ ? tile.steps : 1;
    const std::int64_t count = tile.rows * tile.steps / stretches;
    LinearAccess access = value.access;
    access.offset += value.reduced_stride * tile.step;
    for (std::int64_t k = 0; k < stretches; ++k, access.offset += value.reduced_stride) {
      std::byte* to = value.element + k * count * value.bytes;
      if (base != nullptr) {
        read_access(access, base, value.bytes, begin, count, to);
      } else {
        index_access(access, begin, count, reinterpret_cast<std::int64_t*>(to));
      }
    }
  }

  void LoadRow(const TapeStep& step, TileValue& value, const Tile& tile) {
    const Kernel::Input& input = kernel_.inputs[step.value];
    std::byte* base = input.kind == Kernel::Input::Kind::memory
                          ? static_cast<std::byte*>(launch_.pointers[input.slot])
                          : nullptr;
    if (step.place == 0) {
      value.row = base + (value.access.offset + tile.row) * value.bytes;
      return;
    }
    value.row = tape_.arena + step.place;
    if (base != nullptr) {
      read_access(value.access, base, value.bytes, tile.row, tile.rows, value.row);
    } else {
      index_access(value.access, tile.row, tile.rows, reinterpret_cast<std::int64_t*>(value.row));
    }
  }

  void Expand(const TapeStep& step, TileValue& value, const Tile& tile) {
    if (step.place == 0) {
      value.element = value.row;
      return;
    }
    value.element = tape_.arena + step.place;
    if (columns_) {
      repeat_run(value.row, value.bytes, tile.rows, tape_.tile_steps, value.element);
    } else {
      repeat_each(value.row, value.bytes, tile.rows, tape_.whole ? tape_.reduced : tape_.tile, value.element);
    }
  }

  /// The state of a reduction: the running lanes or block, then the slots of the pairwise tree.
  std::byte* State(const TileValue& value) const { return tape_.arena + value.state_place; }
  std::byte* TreeSlot(const TileValue& value, int level) const {
    const std::int64_t before = (columns_ ? tape_.rows : 64) + level * tape_.rows;
    return State(value) + before * value.accumulator_bytes;
  }

  void Accumulate(const TapeStep& step, TileValue& value, const Tile& tile) {
    const ReductionLoops& loops = *step.reduction;
    std::byte* state = State(value);
    const TileValue& operand = tape_.values[step.operands[0]];
    if (!columns_) {
      const std::int64_t position = tile.step % 4096;
      loops.lanes(state, operand.element, tile.steps, position);
      const std::int64_t size = position + tile.steps;
      if (size == 4096 || tile.step + tile.steps == tape_.reduced) {
        loops.join_lanes(state, std::min<std::int64_t>(size, 64));
        Push(loops, value, 1);
      }
      return;
    }
    const std::int64_t row_bytes = tile.rows * value.bytes;
    const std::byte* x = operand.element;
    for (std::int64_t k = tile.step, end = tile.step + tile.steps; k < end;) {
      if (k % 64 == 0) loops.start_row(state, x, tile.rows), ++k, x += row_bytes;
      const std::int64_t rest = std::min(end, (k + 63) / 64 * 64) - k;  // of this block; 0 at its first row
      loops.take_rows(state, x, rest, tile.rows);
      k += rest;
      x += rest * row_bytes;
      if (k % 64 == 0 || k == tape_.reduced) Push(loops, value, tile.rows);
    }
  }

  /// Neighbours join pairwise as they come: slot k holds what 2^k of them give.
  void Push(const ReductionLoops& loops, TileValue& value, std::int64_t count) {
    std::byte* joined = State(value);
    int level = 0;
    for (std::uint64_t n = value.blocks++; n & 1; n >>= 1, ++level) {
      loops.join(TreeSlot(value, level), joined, count);
      joined = TreeSlot(value, level);
    }
    std::memcpy(TreeSlot(value, level), joined, static_cast<std::size_t>(count * value.accumulator_bytes));
  }

  void Finish(const TapeStep& step, TileValue& value, const Tile& tile) {
    const ReductionLoops& loops = *step.reduction;
    value.row = tape_.arena + step.place;
    if (value.blocks == 0) {
      loops.empty(value.row, tile.rows);
      return;
    }
    int level = std::countr_zero(value.blocks);
    const std::byte* joined = TreeSlot(value, level);
    for (++level; value.blocks >> level; ++level) {
      if ((value.blocks >> level & 1) == 0) continue;
      loops.join(TreeSlot(value, level), joined, tile.rows);
      joined = TreeSlot(value, level);
    }
    loops.finish(value.row, joined, tile.rows);
  }

  void StoreElements(const Tile& tile) {
    for (std::size_t o = 0; o < tape_.outputs.size(); ++o) {
      const TileOutput& output = tape_.outputs[o];
      if (output.row || output.direct) continue;
      const TileValue& value = tape_.values[kernel_.outputs[o].value];
      const std::int64_t stretches = columns_ ? tile.steps : 1;
      const std::int64_t count = tile.rows * tile.steps / std::max<std::int64_t>(stretches, 1);
      LinearAccess access = output.access;
      access.offset += output.reduced_stride * tile.step;
      for (std::int64_t k = 0; k < stretches; ++k, access.offset += output.reduced_stride) {
        write_access(access, output.base, value.bytes, LinearBegin(tile), count,
                     value.element + k * count * value.bytes);
      }
    }
  }

  void StoreRows(const Tile& block) {
    for (std::size_t o = 0; o < tape_.outputs.size(); ++o) {
      const TileOutput& output = tape_.outputs[o];
      if (!output.row) continue;
      const TileValue& value = tape_.values[kernel_.outputs[o].value];
      write_access(output.access, output.base, value.bytes, block.row, block.rows, value.row);
    }
  }

  const Kernel& kernel_;
  const ir::KernelLaunch& launch_;
  Tape& tape_;
  const bool columns_;
};

}  // namespace

void run_tiles(const TileLoops& loops, const Kernel& kernel, const ir::KernelLaunch& launch,
               std::int64_t begin, std::int64_t end) {
  if (begin >= end) return;
  static thread_local Tape tape;
  tape.Build(kernel, launch, loops, end - begin);
  TileRun(kernel, launch, tape).Run(begin, end);
}

void run_tiles(const Kernel& kernel, const ir::KernelLaunch& launch, std::int64_t begin, std::int64_t end) {
  run_tiles(host_tile_loops(), kernel, launch, begin, end);
}

}  // namespace leat::runtime::cpu
