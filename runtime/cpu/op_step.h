// Steps for the ops that no kernel computes: gather, scatter, sort, pad, concat, cumulative ops, windows, ...
//
// make_op_step chooses the fastest code that gives the interpreter's bits; where there is none of its own,
// the interpreter itself (ir::interpret_op) runs the op on whole buffers. Uses: the operands, then the
// results. A fault (an index out of range) is returned from Execute.
#pragma once

#include <memory>
#include <vector>

#include "ir/graph.h"
#include "runtime/program/program.h"

namespace leat::runtime::cpu {

struct OpStep {
  std::shared_ptr<const StepBody> body;
  std::int64_t units = 1;
  std::int64_t grain = 1;
  double cost_ns = 0;
};

/// REQUIRES: static types, as inference gives them.
OpStep make_op_step(const ir::Node& node, std::vector<ir::Type> operand_types);

}  // namespace leat::runtime::cpu
