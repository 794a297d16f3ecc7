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

/// An estimate on one worker.
double exact_cost_ns(double multiplications, double bytes, DType dtype, Isa isa);

}  // namespace leat::runtime::cpu
