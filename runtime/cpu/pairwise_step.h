// The last step of a reduction whose reduced dimension was split: joins partial results pairwise, in the
// fixed order of ir/meaning/reduction.h, and rounds once to the result's dtype.
#pragma once

#include <memory>

#include "ir/ops.h"
#include "runtime/program/program.h"

namespace leat::runtime::cpu {

/// Uses: partials [chunks, rows] of the accumulator dtype (f32 for f16 and bf16, else `dtype`); result [rows]
/// of `dtype`. `op` is a reduce_* op that accepts `dtype`.
std::shared_ptr<const StepBody> make_pairwise_step(ir::Op op, DType dtype, std::int64_t chunks,
                                                   std::int64_t rows);

}  // namespace leat::runtime::cpu
