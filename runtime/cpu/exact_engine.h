// The exact engine: contractions on the micro-kernel, bit-equal to the interpreter.
//
// The plans hold no buffers but packed constants; they are immutable otherwise, and any number of threads
// execute any ranges of panels at once. A range of adjacent panels runs as one block, so that operands
// are packed once for all of them.
#pragma once

#include <optional>

#include "runtime/cpu/contraction.h"
#include "runtime/cpu/micro_kernel.h"

namespace leat::runtime::cpu {

/// REQUIRES: a valid descriptor (plan_matmul checks it), and a CPU that runs `isa`.
ContractionPlan plan_exact_matmul(const MatmulDescriptor& descriptor, Isa isa);
ContractionPlan plan_exact_convolution(const ConvolutionDescriptor& descriptor, Isa isa);
/// Of x, result or both in blocks; nothing where there are no tiles for it.
std::optional<ContractionPlan> plan_blocked_convolution(const ConvolutionDescriptor& descriptor, Isa isa);

/// The split of `rows` (batch * m) x `columns` into panels: blocks of whole rows, or of whole columns.
struct PanelGrid {
  bool by_rows = true;
  std::int64_t extent = 1;  // rows (or columns) of a panel
  std::int64_t units = 1;
  bool shares_y = false;  // a step of its own packs y once for all panels
};

/// What the rows multiply.
enum class YOperand : std::uint8_t {
  own,          // each batch a y of its own
  one,          // all the same
  one_to_pack,  // all the same, which a step before may pack
};

/// A function of shape, tile and `y`. `batch_rows` are the rows that share a y.
PanelGrid split_panels(std::int64_t batch, std::int64_t batch_rows, std::int64_t columns, std::int64_t k,
                       const MicroKernel& kernel, YOperand y);

/// An estimate on one worker.
double exact_cost_ns(double multiplications, double bytes, DType dtype, Isa isa);

}  // namespace leat::runtime::cpu
