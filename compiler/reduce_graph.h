// Delta debugging: the smallest graph found for which something still holds.
//
// Nodes go first: sets of them are cut out, and what they gave becomes parameters; then each is bypassed by
// one of its operands; extents shrink wherever they stand, to 1 where that does; parameters and constants
// become one number. Every candidate is a valid graph. Bodies of control ops only shrink in their extents.
//
//   ir::Graph small = reduce_graph(graph, [&](const ir::Graph& g) { return crashes(g); });
#pragma once

#include <functional>
#include <string_view>

#include "ir/graph.h"

namespace leat::compiler {

struct ReduceOptions {
  std::int64_t max_tries = 5000;  // candidates that are tried
  /// Called with each graph that is smaller and still fails.
  std::function<void(std::string_view how, const ir::Graph&)> progress;
};

/// REQUIRES: the graph is static and `fails(graph)` holds. `fails` is called on this thread only.
ir::Graph reduce_graph(const ir::Graph& graph, const std::function<bool(const ir::Graph&)>& fails,
                       const ReduceOptions& options = {});

}  // namespace leat::compiler
