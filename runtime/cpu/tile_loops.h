// The loops of the tile tier: one per op and dtype, compiled for one instruction set each.
//
// Every loop works on dense arrays (one byte of 0 or 1 per bool) and gives the bits of ir/meaning. The
// tables are constants; any thread. Loops compiled for different instruction sets share no symbol: their
// templates have internal linkage and live in an inline namespace of ir/meaning of their own.
//
//   const TileLoops& loops = host_tile_loops();
//   loops.Elementwise(ir::Op::add, DType::f32)(out, operands, 512, nullptr);
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "ir/ops.h"
#include "leat/dtype.h"

namespace leat::runtime::cpu {

/// out[i] = op(operands[0][i], ...). `out` may be one of the operands if its elements are as wide. Sets
/// *fault to 1 if an element faults. `fault` is read only by ops that may fault.
using TileLoop = void (*)(void* out, const void* const* operands, std::int64_t count, std::uint32_t* fault);

using TileLoopsOfOp = std::array<TileLoop, kDTypeCount>;
inline constexpr int kOpCount = static_cast<int>(ir::Op::fused) + 1;
using ElementwiseTable = std::array<TileLoopsOfOp, kOpCount>;  // by op, operand dtype
using ConvertTable = std::array<TileLoopsOfOp, kDTypeCount>;   // by operand dtype, result dtype

/// The parts of one reduction over one dtype. Accumulators are f32 for f16 and bf16, else the dtype.
struct ReductionLoops {
  /// Rows order: takes elements position .. position + count of a 4096-chunk into its 64 lanes; position 0
  /// starts them. REQUIRES: position is a multiple of 64.
  void (*lanes)(void* accumulators, const void* x, std::int64_t count, std::int64_t position);
  /// Joins the lanes that are present (64, or fewer in a shorter chunk) into accumulators[0].
  void (*join_lanes)(void* accumulators, std::int64_t present);
  /// out[r] = the reduction of x[r * count .. (r + 1) * count), rows order. REQUIRES: 1 <= count <= 4096.
  void (*whole_rows)(void* out, const void* x, std::int64_t rows, std::int64_t count);
  /// Columns order: accumulators[i] joins x[i], x[count + i], ... of `rows` rows in order; or starts as x[i].
  void (*take_rows)(void* accumulators, const void* x, std::int64_t rows, std::int64_t count);
  void (*start_row)(void* accumulators, const void* x, std::int64_t count);
  /// left[i] joins right[i], both accumulators.
  void (*join)(void* left, const void* right, std::int64_t count);
  /// out[i] = accumulators[i] in the dtype; or what a reduction of nothing gives.
  void (*finish)(void* out, const void* accumulators, std::int64_t count);
  void (*empty)(void* out, std::int64_t count);
};
inline constexpr int kReductionCount = 6;  // reduce_sum .. reduce_or, in table order
using ReductionTable = std::array<std::array<ReductionLoops, kDTypeCount>, kReductionCount>;

struct TileLoops {
  std::string_view instruction_set;
  const ElementwiseTable* arithmetic;      // the cheap ops
  const ElementwiseTable* transcendental;  // the costly ones
  const ConvertTable* convert;
  const ConvertTable* bitcast;
  const ReductionTable* reductions;
  TileLoop random_u32;
  TileLoop random_u64;
  const ElementwiseTable* near = nullptr;  // where not null, entries take the place of those above

  /// The loop of an elementwise op but convert and bitcast; `operand` is the dtype of its last operand.
  TileLoop Elementwise(ir::Op op, DType operand) const {
    const auto row = static_cast<std::size_t>(op), column = static_cast<std::size_t>(operand);
    if (near != nullptr && (*near)[row][column] != nullptr) return (*near)[row][column];
    const ElementwiseTable& table = ir::op_info(op).is(ir::kTranscendental) ? *transcendental : *arithmetic;
    return table[row][column];
  }
  const ReductionLoops& Reduction(ir::Op op, DType operand) const {
    return (*reductions)[static_cast<std::size_t>(op) - static_cast<std::size_t>(ir::Op::reduce_sum)]
                        [static_cast<std::size_t>(operand)];
  }
};

const TileLoops& baseline_tile_loops();
/// Null where this processor lacks AVX2, FMA or F16C.
const TileLoops* avx2_tile_loops();
/// Null where this processor lacks AVX-512 F, DQ, BW or VL.
const TileLoops* avx512_tile_loops();
/// The widest that this processor has.
const TileLoops& host_tile_loops();

}  // namespace leat::runtime::cpu
