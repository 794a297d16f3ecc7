// Running graphs, and the ops that own graphs: cond, while_loop, fused, custom_call.
//
// These work on Arrays rather than raw buffers, so that loop state and branch results move without
// copies; a result may share its elements with an operand. Nothing writes to an array once its node has
// run. Recursion follows the nesting of sub-graphs only, never the depth of a graph.
#pragma once

#include <span>
#include <vector>

#include "ir/interpreter.h"

namespace leat::ir {

/// The extents of the graph's symbols that these inputs imply. An error names the first input that does
/// not fit: its count, dtype, shape, or an extent over a symbol's bound.
StatusOr<std::vector<std::int64_t>> match_inputs(const Graph& graph, std::span<const Type> inputs);

/// `graph` itself if all its types are static, or a copy of it with the symbols bound.
StatusOr<std::shared_ptr<const Graph>> specialise(const Graph& graph, std::span<const Type> inputs);

/// Runs a graph of static types on inputs of its parameters' types.
StatusOr<std::vector<Array>> run_graph(const Graph& graph, std::vector<Array> inputs,
                                       const InterpretOptions& options);

/// Runs a node of the control family.
StatusOr<std::vector<Array>> run_control(const Node& node, std::vector<Array> operands,
                                         const InterpretOptions& options);

}  // namespace leat::ir
