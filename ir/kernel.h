// A kernel: what one fused group of ops computes, as loops over a domain.
//
// Both tiers run it: the tile evaluator (runtime/cpu) interprets it chunk by chunk, the loop emitter
// (compiler/codegen) turns it into machine code, with the same bits. A Kernel holds *structure* only:
// extents, strides, offsets and scalars are arguments (KernelLaunch), so one compiled kernel serves
// every shape. Immutable once built; print() is canonical, so equal text means equal code.
//
// Domain: `parallel_rank` >= 1 parallel dimensions, row-major, minor-most last, and at most one
// reduced dimension. A value at Level::element is a function of (parallel index, reduced index); one
// at Level::row is a function of the parallel index only. In a map kernel there is no reduced
// dimension and every value is at Level::element.
//
//   row_reduce     the reduced dimension is the minor-most of the reduction's logical operand: shape A
//   column_reduce  it is not: shape C (both in ir/meaning/reduction.h)
//
// softmax over rows is one row_reduce kernel: %m = reduce_max %x; %e = exp(%x - %m);
// %s = reduce_sum %e; out = %e / %s, where %m and %s are at Level::row.
#pragma once

#include <string>
#include <vector>

#include "ir/ops.h"
#include "leat/dtype.h"

namespace leat::ir {

struct Kernel {
  enum class Pattern : std::uint8_t { map, row_reduce, column_reduce };
  enum class Level : std::uint8_t { element, row };

  /// How an access moves along the dimension that vector lanes run over: the minor-most parallel
  /// dimension of map and column_reduce, the reduced dimension of row_reduce. Part of the key.
  enum class Stride : std::uint8_t { zero, one, any };

  /// A value that comes from outside.
  ///   memory  an element of a buffer: pointers[slot][offset + sum stride[d] * i[d]]
  ///   index   no memory: the i64 value offset + sum stride[d] * i[d]
  ///   scalar  the scalar argument scalars[slot], bits of `dtype` in the low bytes
  struct Input {
    enum class Kind : std::uint8_t { memory, index, scalar };
    Kind kind = Kind::memory;
    DType dtype = DType::f32;
    Stride lane_stride = Stride::one;
    Level level = Level::element;  // row: does not move along the reduced dimension
    std::uint16_t slot = 0;        // memory: into pointers; scalar: into scalars
    std::uint16_t access = 0;      // memory, index: into accesses
    friend bool operator==(const Input&, const Input&) = default;
  };

  /// One operation in SSA form. Operands are value numbers: 0..inputs-1 are the inputs, inputs+k is
  /// body[k]. Ops: the elementwise families, convert and bitcast (to `dtype`), random_bits (operands:
  /// key u64, offset u64, linear index i64), and reduce_* (element operand, row result).
  struct Instruction {
    Op op = Op::add;
    DType dtype = DType::f32;  // of the result
    Level level = Level::element;
    std::uint8_t operand_count = 0;
    std::uint16_t operands[3] = {0, 0, 0};
    std::uint16_t fault = 0;  // of an op that may fault: the flag faults[fault - 1] is set to 1; else 0
    friend bool operator==(const Instruction&, const Instruction&) = default;
  };

  /// A stored value: pointers[slot][offset + sum stride[d] * i[d]]; a row value ignores the reduced
  /// dimension. Outputs of one kernel never overlap each other, nor an input unless it is the same
  /// elements at the same indices.
  struct Output {
    std::uint16_t value = 0;
    Stride lane_stride = Stride::one;
    std::uint16_t slot = 0;    // into pointers, after those of the inputs
    std::uint16_t access = 0;  // into accesses
    friend bool operator==(const Output&, const Output&) = default;
  };

  Pattern pattern = Pattern::map;
  std::uint8_t parallel_rank = 1;
  std::vector<Input> inputs;
  std::vector<Instruction> body;
  std::vector<Output> outputs;
  std::uint16_t pointer_count = 0;
  std::uint16_t scalar_count = 0;
  std::uint16_t access_count = 0;
  std::uint16_t fault_count = 0;

  bool has_reduced() const { return pattern != Pattern::map; }
  /// Dimensions of the domain: parallel_rank, and one more where there is a reduced dimension (last).
  int rank() const { return parallel_rank + (has_reduced() ? 1 : 0); }
  std::uint16_t value_count() const { return static_cast<std::uint16_t>(inputs.size() + body.size()); }
  DType dtype(std::uint16_t value) const {
    return value < inputs.size() ? inputs[value].dtype : body[value - inputs.size()].dtype;
  }
  Level level(std::uint16_t value) const {
    return value < inputs.size() ? inputs[value].level : body[value - inputs.size()].level;
  }
  friend bool operator==(const Kernel&, const Kernel&) = default;
};

/// The arguments of one launch; the machine code reads exactly this layout.
struct KernelLaunch {
  const std::int64_t* sizes;     // [rank]
  const std::int64_t* accesses;  // [access_count][1 + rank]: offset, then a stride per dimension, in elements
  void* const* pointers;         // [pointer_count]
  const std::uint64_t* scalars;  // [scalar_count]
  std::uint32_t* faults;         // [fault_count], set to 1 by a fault, never cleared
};

/// Computes the parallel indices [begin, end) in row-major order over the parallel sizes. Ranges of
/// one launch may run at the same time on different threads.
using KernelFunction = void (*)(const KernelLaunch* launch, std::int64_t begin, std::int64_t end);

/// The canonical text, one instruction a line; the key of caches and the `kernels` stage of dumps.
std::string print(const Kernel& kernel);

/// Whether what is stored to pointers[output] is computed from the memory at pointers[input].
bool reads(const Kernel& kernel, std::size_t output, std::size_t input);

/// Whether `kernel` is well formed: operands before uses, levels, dtypes, slots and accesses in range.
/// Returns the first complaint, or "".
std::string check(const Kernel& kernel);

}  // namespace leat::ir
