// Checks a whole graph: topological order, operand and result references, types as inference gives
// them, attributes as the table lists them, sub-graphs. Runs after every pass.
#pragma once
#include "ir/graph.h"

namespace leat::ir {
Status verify(const Graph& graph);
}  // namespace leat::ir
