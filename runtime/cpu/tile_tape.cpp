#include "runtime/cpu/tile_tape.h"

#include <algorithm>
#include <bit>

namespace leat::runtime::cpu {

using ir::Kernel;
using ir::Op;

void Tape::Build(const Kernel& kernel, const ir::KernelLaunch& launch, const TileLoops& loops,
                 std::int64_t count) {
  kernel_ = &kernel;
  launch_ = &launch;
  loops_ = &loops;
  ChooseGeometry(count);
  const std::size_t value_count = kernel.value_count();
  values.assign(value_count, TileValue{});
  slot_of_.assign(value_count, 0);
  uses_left_.assign(value_count, 0);
  needed_.assign(value_count, 0);
  loaded_.assign(value_count, 0);
  outputs.assign(kernel.outputs.size(), TileOutput{});
  dims_.resize((kernel.inputs.size() + kernel.outputs.size()) * 2 * static_cast<std::size_t>(kernel.rank()));
  dims_used_ = 0;
  steps.clear();
  passes.clear();
  after.clear();
  DescribeInputs();
  DescribeBody();
  DescribeOutputs();
  arena_bytes_ = 64;  // place 0 is no place
  PlacePersistentValues();
  slots_begin_ = arena_bytes_;
  EmitRowInputs();
  if (whole) {
    EmitWhole();
  } else {
    EmitPasses();
  }
  if (storage_.size() < arena_bytes_ + 64) storage_.resize(arena_bytes_ + 64);
  const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
  arena = storage_.data() + ((64 - address % 64) % 64);
  FillUniformInputs();
}

void Tape::ChooseGeometry(std::int64_t count) {
  parallel = 1;
  for (int d = 0; d < kernel_->parallel_rank; ++d) parallel *= launch_->sizes[d];
  reduced = kernel_->has_reduced() ? launch_->sizes[kernel_->parallel_rank] : 1;
  tile_steps = 1;
  switch (kernel_->pattern) {
    case Kernel::Pattern::map:
      whole = true;
      rows = tile = std::min(kTile, count);
      break;
    case Kernel::Pattern::row_reduce:
      whole = reduced <= kWholeRow;
      rows =
          whole ? std::min(count, std::max<std::int64_t>(1, kTile / std::max<std::int64_t>(reduced, 1))) : 1;
      tile = whole ? rows * reduced : kLongTile;
      break;
    case Kernel::Pattern::column_reduce:
      whole = false;
      rows = std::min(kTile, count);
      if (rows < kTile) {
        const auto fit = static_cast<std::uint64_t>(
            std::min<std::int64_t>({64, kTile / rows, std::max<std::int64_t>(reduced, 1)}));
        tile_steps = static_cast<std::int64_t>(std::bit_floor(fit));
      }
      tile = rows * tile_steps;
      break;
  }
}

LinearAccess Tape::Merge(std::uint16_t access, bool row, std::int64_t* reduced_stride) {
  const std::int64_t* numbers = AccessOf(access);
  const bool columns = kernel_->pattern == Kernel::Pattern::column_reduce;
  const int rank = row || columns ? kernel_->parallel_rank : kernel_->rank();
  *reduced_stride = columns && !row ? numbers[1 + kernel_->parallel_rank] : 0;
  std::int64_t* storage = dims_.data() + dims_used_;
  dims_used_ += 2 * static_cast<std::size_t>(rank);
  return merge_access(numbers[0], numbers + 1, launch_->sizes, rank, storage);
}

void Tape::DescribeInputs() {
  for (std::size_t i = 0; i < kernel_->inputs.size(); ++i) {
    const Kernel::Input& input = kernel_->inputs[i];
    TileValue& value = values[i];
    value.bytes = static_cast<std::uint8_t>(byte_size(input.dtype));
    if (input.kind == Kernel::Input::Kind::scalar) {
      value.uniform = true;
    } else {
      value.access = Merge(input.access, input.level == Kernel::Level::row, &value.reduced_stride);
      value.uniform = value.access.uniform() && value.reduced_stride == 0 && parallel > 0 && reduced > 0;
    }
  }
}

void Tape::DescribeBody() {
  for (std::size_t i = 0; i < kernel_->body.size(); ++i) {
    const Instruction& instruction = kernel_->body[i];
    const std::size_t number = kernel_->inputs.size() + i;
    TileValue& value = values[number];
    value.bytes = static_cast<std::uint8_t>(byte_size(instruction.dtype));
    for (int k = 0; k < instruction.operand_count; ++k) {
      const std::uint16_t operand = instruction.operands[k];
      value.depth = std::max(value.depth, values[operand].depth);
      if (instruction.level == Kernel::Level::element && IsRow(operand)) values[operand].expanded = true;
    }
    if (is_reduction(instruction.op)) {
      ++value.depth;
      const bool half = instruction.dtype == DType::f16 || instruction.dtype == DType::bf16;
      value.accumulator_bytes = half ? 4 : value.bytes;
    }
  }
}

void Tape::DescribeOutputs() {
  element_outputs = false;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Kernel::Output& output = kernel_->outputs[i];
    outputs[i].row = IsRow(output.value);
    outputs[i].access = Merge(output.access, outputs[i].row, &outputs[i].reduced_stride);
    outputs[i].base = static_cast<std::byte*>(launch_->pointers[output.slot]);
    values[output.value].stored = true;
    element_outputs |= !outputs[i].row;
  }
}

std::size_t Tape::Persist(std::int64_t elements, int bytes) {
  const std::size_t place = arena_bytes_;
  // 64 bytes more than a multiple of 64, so that tiles do not all start in one set of the cache.
  arena_bytes_ += (static_cast<std::size_t>(elements * bytes) + 63) / 64 * 64 + 64;
  return place;
}

void Tape::PlacePersistentValues() {
  const bool columns = kernel_->pattern == Kernel::Pattern::column_reduce;
  for (std::size_t i = 0; i < values.size(); ++i) {
    TileValue& value = values[i];
    const auto number = static_cast<std::uint16_t>(i);
    if (!IsRow(number)) {
      if (IsInput(number) && value.uniform) value.expanded_place = Persist(std::max(tile, rows), value.bytes);
      continue;
    }
    value.row_place = Persist(rows, value.bytes);
    // One reduced index per tile: a row value is its own expansion.
    if (value.expanded && !(columns && tile_steps == 1)) value.expanded_place = Persist(tile, value.bytes);
    if (!whole && !IsInput(number) && is_reduction(InstructionOf(number).op)) {
      // The lanes (long rows) or the running block (columns), and the slots of the pairwise tree.
      const std::int64_t block = columns ? rows : 64;
      const std::int64_t blocks = columns ? (reduced + 63) / 64 : (reduced + 4095) / 4096;
      const std::int64_t slots = std::bit_width(static_cast<std::uint64_t>(blocks)) + 1;
      value.state_place = Persist(block + slots * rows, value.accumulator_bytes);
    }
  }
}

void Tape::FillUniformInputs() {
  for (std::size_t i = 0; i < kernel_->inputs.size(); ++i) {
    const Kernel::Input& input = kernel_->inputs[i];
    TileValue& value = values[i];
    if (!value.uniform) continue;
    const void* from = nullptr;
    switch (input.kind) {
      case Kernel::Input::Kind::scalar: from = &launch_->scalars[input.slot]; break;
      case Kernel::Input::Kind::index: from = &value.access.offset; break;
      case Kernel::Input::Kind::memory:
        from =
            static_cast<const std::byte*>(launch_->pointers[input.slot]) + value.access.offset * value.bytes;
        break;
    }
    if (value.row_place != 0) {
      value.row = arena + value.row_place;
      fill(from, value.bytes, rows, value.row);
      value.element = value.row;
    }
    if (value.expanded_place != 0) {
      value.element = arena + value.expanded_place;
      fill(from, value.bytes, std::max(tile, value.row_place != 0 ? 0 : rows), value.element);
    }
  }
}

void Tape::Extent(std::uint16_t access, const void* base, int bytes, const std::byte** low,
                  const std::byte** high) const {
  const std::int64_t* numbers = AccessOf(access);
  std::int64_t least = numbers[0], most = numbers[0];
  for (int d = 0; d < kernel_->rank(); ++d) {
    const std::int64_t reach = numbers[1 + d] * (launch_->sizes[d] - 1);
    (reach < 0 ? least : most) += reach;
  }
  *low = static_cast<const std::byte*>(base) + least * bytes;
  *high = static_cast<const std::byte*>(base) + (most + 1) * bytes;
}

bool Tape::OverlapsAnInput(const Kernel::Output& output) const {
  const std::byte *low, *high;
  Extent(output.access, launch_->pointers[output.slot], values[output.value].bytes, &low, &high);
  for (std::size_t i = 0; i < kernel_->inputs.size(); ++i) {
    const Kernel::Input& input = kernel_->inputs[i];
    if (input.kind != Kernel::Input::Kind::memory) continue;
    const std::byte *input_low, *input_high;
    Extent(input.access, launch_->pointers[input.slot], values[i].bytes, &input_low, &input_high);
    if (low < input_high && input_low < high) return true;
  }
  return false;
}

}  // namespace leat::runtime::cpu
