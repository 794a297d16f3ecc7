// Splitting the reduced dimension of a kernel that has few rows, so that all workers can take part.
//
// The fixed order of a reduction joins whole chunks pairwise (ir/meaning/reduction.h), so a run of 2^k chunks
// that starts at a multiple of 2^k is a subtree: the kernel computes each such run as a row of its own, and a
// last step joins the runs pairwise. The bits are those of the unsplit kernel.
#pragma once

#include <optional>

#include "compiler/build_kernel.h"

namespace leat::compiler {

struct SplitReduction {
  struct Partial {
    ir::Op op;
    DType dtype;          // of the result
    DType accumulator;    // of the partials
    std::uint16_t value;  // in the unsplit kernel
  };
  std::int64_t chunks = 0;  // rows of partials, the shorter last one included
  std::optional<BuiltKernel>
      full;  // outputs: element outputs of the kernel, then a partial for each reduction
  std::optional<BuiltKernel> last;  // the shorter last chunk, writing behind the others
  std::vector<Partial> partials;
  std::vector<std::uint32_t> element_outputs;  // of the unsplit kernel, that the chunk kernels write
  /// What remains: a map kernel whose memory inputs are first those of the unsplit kernel that it needs (see
  /// finish_inputs), then the reduced values.
  std::optional<BuiltKernel> finish;
  std::vector<std::uint32_t> finish_outputs;  // outputs of the unsplit kernel that `finish` writes
  /// Outputs that are a reduced value as it is: (output, partial).
  std::vector<std::pair<std::uint32_t, std::uint32_t>> direct_outputs;
};

/// nullopt where splitting does not pay (enough rows, or little work) or cannot be done (an element that
/// depends on a reduced value, faults).
std::optional<SplitReduction> split_reduction(const BuiltKernel& built, int workers);

}  // namespace leat::compiler
