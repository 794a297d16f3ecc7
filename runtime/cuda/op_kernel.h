// Device code of ops that are not loop kernels: what to launch, as plain data.
//
// An op (a gather, a sort, a contraction, ...) becomes one or more launches that run one after another on one
// stream. An OpKernel says what the code of a launch depends on and nothing else: two launches with equal
// OpKernels run the same code, so print(kernel) is the key of a cache; sizes and strides are numbers among
// the parameters. compiler/codegen/cuda/kernel_ptx.h makes the code. All values are immutable; any thread.
//
//   StatusOr<OpPlan> plan = plan_op(node, operand_types, gpu);            // op_plan.h
//   for (const OpLaunch& launch : plan->launches) {
//     std::vector<std::uint64_t> words = pack_parameters(launch, faults, uses, scratch);
//     // cuLaunchKernel(entry of launch.kernel, launch.geometry, &words[0])
//   }
//
// The parameters, always passed by value:
//
//   word 0      address of the fault flag: a u32 that the kernel sets to 1 (and never clears) where an index
//               is out of range; the results then hold anything
//   word 1      flags of the launch
//   then        OpKernel::numbers numbers, then OpKernel::pointers addresses
//
// `uses` are the addresses of the op's operands, then of its results, dense and row-major, each aligned to
// kOpAlignment; `scratch` has OpPlan::scratch_bytes that belong to this run of the op alone, and may hold
// anything before. Results may not overlap operands.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ir/ops.h"
#include "leat/dtype.h"
#include "runtime/cuda/kernel_parameters.h"

namespace leat::runtime::cuda {

/// What device allocators give anyway; words of 16 bytes rely on it.
inline constexpr std::int64_t kOpAlignment = 16;

struct OpKernel {
  enum class Code : std::uint8_t {
    // Data movement: each word of the result comes from one address (emit_op_movement.cpp).
    gather,
    gather_elements,
    gather_nd,
    pad,
    concat,
    dynamic_slice,
    dynamic_update_slice,
    im2col,  // what each tap of a convolution reads, as a matrix
    fault,   // every index is out of range: there is nothing to read
    // In order along an axis, or over a window (emit_op_ordered.cpp).
    window,
    scan,       // a thread a line: neighbours in memory are neighbours in the block
    scan_rows,  // lines are rows: tiles through shared memory
    arg,        // a thread a line
    arg_rows,   // a block a row
    // Order (emit_op_sort.cpp).
    sort_blocks,      // chunks of a line in shared memory: keys and indices
    sort_merge,       // pairs of sorted runs
    take,             // a result in the order of the indices
    take_indices,     // the indices themselves, as i64
    scatter_keys,     // the destination of each update of scatter_elements
    scatter_nd_keys,  // and of scatter_nd
    scatter_runs,     // updates of one destination, in order
    // Contractions (emit_op_contraction.cpp).
    matmul,
    convolution,
    convolution_taps,  // where each product of a convolution reads
    attention,         // whole: scores, their softmax, and the mean of the values (emit_op_attention.cpp)
  };
  Code code = Code::gather;
  ir::Op op = ir::Op::parameter;  // what joins two values: a reduce_* op or an elementwise one
  DType dtype = DType::f32;       // of the elements
  DType second = DType::f32;      // of the indices, of the keys
  std::uint8_t word = 0;          // bytes that move at once; 0: an element; columns of a tile of attention
  std::uint8_t rank = 0;          // dimensions, operands, or the width of a tile: see the emitter
  std::uint8_t variant = 0;       // bits that the emitter names
  std::uint16_t numbers = 0, pointers = 0;
  friend bool operator==(const OpKernel&, const OpKernel&) = default;

  static constexpr unsigned kNumbers = 2;  // the word that they begin at
  unsigned words() const { return kNumbers + numbers + pointers; }
};

// OpKernel::variant of scans.
inline constexpr std::uint8_t kExclusive = 1, kBackward = 2;
// Of sorts: the order of the values, and where NaNs go.
inline constexpr std::uint8_t kDescending = 1, kNanLast = 2;
// Of contractions.
inline constexpr std::uint8_t kXAlongDepth = 1, kYAlongDepth = 2;  // dense along k: neighbours load along it
inline constexpr std::uint8_t kAbsentTaps = 4;    // a convolution that reads padding, or holes; im2col too
inline constexpr std::uint8_t kHolesInInput = 8;  // of the input dilation
// Of attention; and the keys that a block takes at once.
inline constexpr std::uint8_t kCausal = 1, kMasked = 2;
inline constexpr std::int64_t kAttentionKeys = 64;
/// What running sums of products of `dtype` are kept in: f32 for f16 and bf16; u32 or u64 for integers.
DType contraction_accumulator(DType dtype);

/// Elements that a block sorts in shared memory, and that a thread merges.
inline constexpr std::int64_t kSortTile = 1024, kMergeElements = 8;

/// The threads of a block in every launch of it.
int threads_of(const OpKernel& kernel);

/// "gather word=4 index=i64 numbers=4 pointers=3"; equal text, equal code.
std::string print(const OpKernel& kernel);

/// An address: bytes into a use of the op, or into its scratch.
struct OpPointer {
  static constexpr std::int32_t kScratch = -1;
  std::int32_t use = kScratch;
  std::int64_t offset = 0;
};

struct OpLaunch {
  OpKernel kernel;
  LaunchGeometry geometry;
  std::vector<std::int64_t> numbers;
  std::vector<OpPointer> pointers;
};

struct OpPlan {
  std::vector<OpLaunch> launches;  // none: the results have no elements
  std::int64_t scratch_bytes = 0;
  bool faults = false;  // whether the fault flag may be set
  std::string note;     // for dumps: why it is done so
};

std::vector<std::uint64_t> pack_parameters(const OpLaunch& launch, std::uint32_t* faults,
                                           std::span<void* const> uses, void* scratch);

}  // namespace leat::runtime::cuda
