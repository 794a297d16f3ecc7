// Checks a whole graph: topological order, operand and result references, types as inference gives
// them, attributes as the table lists them, sub-graphs. Runs after every pass.
//
// The error is the one that building the node would give, with its source location, and a note that
// names the node as print() does. Never crashes, whatever the graph holds; the one thing that it
// cannot see is whether a literal's elements are as many as its type says.
//
//   if (Status s = verify(graph); !s.ok()) return s;
//   // "add: operands must have one shape, ... [C3]\n  in %3 of @layer"
#pragma once
#include "ir/graph.h"

namespace leat::ir {

/// Sub-graphs within sub-graphs; the main graph is at depth 0.
inline constexpr int kMaxNesting = 64;

Status verify(const Graph& graph);

}  // namespace leat::ir
