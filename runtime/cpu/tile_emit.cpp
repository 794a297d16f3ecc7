// The steps of a tape, and the slots of the values that live within a tile.
#include <algorithm>
#include <bit>

#include "runtime/cpu/tile_tape.h"

namespace leat::runtime::cpu {

using ir::Kernel;
using ir::Op;
using Kind = TapeStep::Kind;

void Tape::StartSegment() {
  slots_end_ = slots_begin_;
  for (auto& slots : free_slots_) slots.clear();
  std::fill(slot_of_.begin(), slot_of_.end(), 0);
  std::fill(uses_left_.begin(), uses_left_.end(), 0);
  std::fill(needed_.begin(), needed_.end(), 0);
  std::fill(loaded_.begin(), loaded_.end(), 0);
}

std::size_t Tape::TakeSlot(int bytes) {
  auto& free = free_slots_[std::countr_zero(static_cast<unsigned>(bytes))];
  if (!free.empty()) {
    const std::size_t slot = free.back();
    free.pop_back();
    return slot;
  }
  const std::size_t slot = slots_end_;
  slots_end_ += (static_cast<std::size_t>(tile * bytes) + 63) / 64 * 64 + 64;
  arena_bytes_ = std::max(arena_bytes_, slots_end_);
  return slot;
}

/// One use of an element value in this segment is done.
void Tape::Release(std::uint16_t value) {
  if (slot_of_[value] == 0 || --uses_left_[value] != 0) return;
  free_slots_[std::countr_zero(static_cast<unsigned>(values[value].bytes))].push_back(slot_of_[value]);
  slot_of_[value] = 0;
}

void Tape::EmitLoad(std::uint16_t value) {
  if (!IsInput(value) || IsRow(value) || values[value].uniform || loaded_[value]) return;
  loaded_[value] = 1;
  TapeStep step;
  step.kind = Kind::load_element;
  step.value = value;
  // A dense access is used where it lies. Tiles of several rows of columns must be whole rows for that.
  const bool memory = kernel_->inputs[value].kind == Kernel::Input::Kind::memory;
  const bool columns = kernel_->pattern == Kernel::Pattern::column_reduce;
  const bool dense = values[value].access.dense() || (columns && parallel == 1);
  const bool adjoining = tile_steps == 1 || (rows == parallel && values[value].reduced_stride == parallel);
  if (!memory || !dense || !adjoining) {
    step.place = slot_of_[value] = TakeSlot(values[value].bytes);
  }
  steps.push_back(step);
}

void Tape::EmitLoads(const Instruction& instruction) {
  for (int k = 0; k < instruction.operand_count; ++k) EmitLoad(instruction.operands[k]);
}

void Tape::EmitCompute(std::uint16_t value) {
  const Instruction& instruction = InstructionOf(value);
  TapeStep step;
  step.kind = IsRow(value) ? Kind::compute_row : Kind::compute_element;
  step.value = value;
  step.operand_count = instruction.operand_count;
  std::copy_n(instruction.operands, 3, step.operands);
  step.fault = instruction.fault;
  const DType operand = kernel_->dtype(instruction.operands[instruction.operand_count - 1]);
  const auto from = static_cast<std::size_t>(operand), to = static_cast<std::size_t>(instruction.dtype);
  if (instruction.op == Op::convert) {
    step.loop = (*loops_->convert)[from][to];
  } else if (instruction.op == Op::bitcast) {
    step.loop = (*loops_->bitcast)[from][to];
  } else if (instruction.op == Op::random_bits) {
    step.loop = instruction.dtype == DType::u32 ? loops_->random_u32 : loops_->random_u64;
  } else {
    step.loop = loops_->Elementwise(instruction.op, operand);
  }
  if (IsRow(value)) {
    step.place = values[value].row_place;
  } else {
    EmitLoads(instruction);
    for (int k = 0; k < instruction.operand_count; ++k) Release(instruction.operands[k]);
    step.place = slot_of_[value] = TakeSlot(values[value].bytes);
    // A value that nothing uses is computed for its faults only.
    if (uses_left_[value] == 0) uses_left_[value] = 1, Release(value);
  }
  steps.push_back(step);
  if (IsRow(value)) EmitExpand(value);
}

void Tape::EmitExpand(std::uint16_t value) {
  if (!values[value].expanded) return;
  TapeStep step;
  step.kind = Kind::expand;
  step.value = value;
  step.place = values[value].expanded_place;
  steps.push_back(step);
}

void Tape::EmitReduction(std::uint16_t value, Kind kind) {
  const Instruction& instruction = InstructionOf(value);
  TapeStep step;
  step.kind = kind;
  step.value = value;
  step.operands[0] = instruction.operands[0];
  step.operand_count = 1;
  step.reduction = &loops_->Reduction(instruction.op, instruction.dtype);
  step.place = values[value].row_place;
  if (kind != Kind::finish) {
    EmitLoads(instruction);
    Release(instruction.operands[0]);
  }
  steps.push_back(step);
  if (kind != Kind::accumulate) EmitExpand(value);
}

void Tape::EmitRowInputs() {
  before.begin = steps.size();
  for (std::size_t i = 0; i < kernel_->inputs.size(); ++i) {
    const auto value = static_cast<std::uint16_t>(i);
    if (!IsRow(value) || values[i].uniform) continue;
    TapeStep step;
    step.kind = Kind::load_row;
    step.value = value;
    // A dense row is used where it lies.
    const bool memory = kernel_->inputs[i].kind == Kernel::Input::Kind::memory;
    step.place = memory && values[i].access.dense() ? 0 : values[i].row_place;
    steps.push_back(step);
    EmitExpand(value);
  }
  before.end = steps.size();
}

/// Counts how often the segment uses each element value, from the outputs and reductions back.
void Tape::CountUse(std::uint16_t value) {
  if (!IsRow(value)) ++uses_left_[value];
}

void Tape::MarkNeeded(std::uint16_t value) {
  if (!IsRow(value)) needed_[value] = 1;
}

void Tape::EmitWhole() {
  StartSegment();
  for (const Instruction& instruction : kernel_->body) {
    if (instruction.level == Kernel::Level::row && !is_reduction(instruction.op)) continue;
    for (int k = 0; k < instruction.operand_count; ++k) CountUse(instruction.operands[k]);
  }
  for (const Kernel::Output& output : kernel_->outputs) CountUse(output.value);
  TapeRange range{steps.size(), 0};
  for (std::size_t i = 0; i < kernel_->body.size(); ++i) {
    const auto value = static_cast<std::uint16_t>(kernel_->inputs.size() + i);
    if (is_reduction(kernel_->body[i].op)) {
      EmitReduction(value, Kind::reduce);
    } else {
      EmitCompute(value);
    }
  }
  for (const Kernel::Output& output : kernel_->outputs) EmitLoad(output.value);
  range.end = steps.size();
  WriteOutputsDirectly(range);
  passes.push_back(range);
}

void Tape::EmitPasses() {
  std::uint16_t deepest = 0;
  for (const TileValue& value : values) deepest = std::max(deepest, value.depth);
  const std::size_t first = kernel_->inputs.size();
  const auto emit_rows = [&](std::uint16_t depth, TapeRange* range) {
    range->begin = range->end == 0 ? steps.size() : range->begin;
    for (std::size_t v = first; v < values.size(); ++v) {
      const auto value = static_cast<std::uint16_t>(v);
      if (!IsRow(value) || values[v].depth != depth) continue;
      if (is_reduction(InstructionOf(value).op)) {
        EmitReduction(value, Kind::finish);
      } else {
        EmitCompute(value);
      }
    }
    range->end = steps.size();
  };
  emit_rows(0, &before);
  for (std::uint16_t depth = 0; depth <= deepest; ++depth) {
    const bool last = depth == deepest;
    StartSegment();
    for (std::size_t v = first; v < values.size() && !last; ++v) {
      const Instruction& instruction = InstructionOf(static_cast<std::uint16_t>(v));
      if (is_reduction(instruction.op) && values[v].depth == depth + 1) MarkNeeded(instruction.operands[0]);
    }
    if (last) {
      for (const Kernel::Output& output : kernel_->outputs) MarkNeeded(output.value);
      // What may fault is computed at least once, in the last pass if no reduction needs it.
      for (std::size_t v = first; v < values.size(); ++v) {
        if (InstructionOf(static_cast<std::uint16_t>(v)).fault != 0)
          MarkNeeded(static_cast<std::uint16_t>(v));
      }
    }
    for (std::size_t v = values.size(); v-- > first;) {
      if (!needed_[v]) continue;
      const Instruction& instruction = InstructionOf(static_cast<std::uint16_t>(v));
      for (int k = 0; k < instruction.operand_count; ++k) {
        MarkNeeded(instruction.operands[k]);
        CountUse(instruction.operands[k]);
      }
    }
    for (std::size_t v = first; v < values.size() && !last; ++v) {
      const Instruction& instruction = InstructionOf(static_cast<std::uint16_t>(v));
      if (is_reduction(instruction.op) && values[v].depth == depth + 1) CountUse(instruction.operands[0]);
    }
    for (const Kernel::Output& output : kernel_->outputs) {
      if (last) CountUse(output.value);
    }
    TapeRange range{steps.size(), 0};
    for (std::size_t v = first; v < values.size(); ++v) {
      const auto value = static_cast<std::uint16_t>(v);
      if (needed_[v]) {
        EmitCompute(value);
      } else if (!last && is_reduction(InstructionOf(value).op) && values[v].depth == depth + 1) {
        EmitReduction(value, Kind::accumulate);
      }
    }
    if (last) {
      for (const Kernel::Output& output : kernel_->outputs) EmitLoad(output.value);
      range.end = steps.size();
      WriteOutputsDirectly(range);
    }
    range.end = steps.size();
    passes.push_back(range);
    TapeRange rows_range;
    if (!last) emit_rows(static_cast<std::uint16_t>(depth + 1), &rows_range);
    after.push_back(rows_range);
  }
}

void Tape::WriteOutputsDirectly(TapeRange range) {
  std::size_t last_compute = range.begin;
  for (std::size_t s = range.begin; s < range.end; ++s) {
    if (steps[s].kind != Kind::expand && steps[s].kind != Kind::load_row) last_compute = s;
  }
  // Inputs that are stored unchanged are read after everything else.
  for (const Kernel::Output& output : kernel_->outputs) {
    if (IsInput(output.value)) last_compute = range.end;
  }
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    TileOutput& output = outputs[o];
    const std::uint16_t value = kernel_->outputs[o].value;
    if (output.row || !output.access.dense() || tile_steps != 1) continue;
    for (std::size_t s = range.begin; s < range.end; ++s) {
      TapeStep& step = steps[s];
      if (step.kind != Kind::compute_element || step.value != value || step.output >= 0) continue;
      // Where the output lies on an input, nothing may read after the write.
      if (s == last_compute || !OverlapsAnInput(kernel_->outputs[o])) {
        step.output = static_cast<std::int32_t>(o);
        output.direct = true;
      }
    }
  }
}

}  // namespace leat::runtime::cpu
