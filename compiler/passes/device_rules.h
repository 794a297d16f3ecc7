// What place_nodes and choose_devices agree on: which nodes have no place of their own, and what a GPU can
// run. Pure functions; any thread.
#pragma once

#include <vector>

#include "compiler/passes/choose_devices.h"
#include "ir/graph.h"

namespace leat::compiler {

/// Constants, iotas and views of them: a kernel makes them anew wherever it runs. `everywhere` has the
/// answers for all earlier nodes.
bool is_everywhere(const ir::Graph& graph, const ir::Node& node, const std::vector<bool>& everywhere);
/// Whether `node` becomes (part of) a kernel, whose body takes in what is everywhere.
bool runs_in_kernel(const ir::Node& node);
/// Ok where a GPU has code for it, or why not.
Status has_gpu_code(const ir::Graph& graph, const ir::Node& node, const CustomLookup& custom);
/// Ok where the host has: for all but a custom op that has a launch function for GPUs only.
Status has_host_code(const ir::Node& node, const CustomLookup& custom);

}  // namespace leat::compiler
