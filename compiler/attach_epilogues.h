// Epilogues of contractions: a kernel that reads a contraction's result row by row runs on each panel as soon
// as the panel is done, while it is in cache, in the same step.
//
// The result is still rounded to its dtype and written before the kernel reads it, so the bits are those of
// two steps. What a convolution on tiles can do with its sums itself (match_tile_epilogue.h) becomes a part
// of it instead, and its result is never written.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/passes/passes.h"
#include "runtime/program/program.h"

namespace leat::compiler {

struct ContractionRows {
  std::uint32_t step;          // in program.steps
  std::int64_t rows_per_unit;  // 0: panels are not blocks of whole rows
  std::int64_t rows;
  std::int64_t row_elements;
  std::int64_t row_parts = 1, part_elements = 0;  // as of runtime::cpu::ContractionPlan
};

/// Merges what can be merged; steps only, before edges are made. Of `boundaries` (unless null) those between
/// what is merged go, and those between contractions and kernels say why nothing was. REQUIRES:
/// `contractions` ascending by step.
void attach_epilogues(runtime::Program& program, const std::vector<ContractionRows>& contractions,
                      std::vector<FusionBoundary>* boundaries = nullptr);

/// The kernel that runs on each panel of a contraction's step; null where `body` has none.
const runtime::StepBody* epilogue_of(const runtime::StepBody& body);
/// The contraction of a step with an epilogue, or the step itself.
const runtime::StepBody& contraction_of(const runtime::StepBody& body);

}  // namespace leat::compiler
