// The ordered list of passes: what compile() runs between the graph that it is given and lowering.
//
// The list is data, so that whoever wants to see, stop at or bisect over passes names them all alike.
// Immutable; any thread.
//
//   for (const Pass& pass : pipeline()) std::cout << pass.name << ": " << pass.what << "\n";
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "compiler/compile.h"
#include "ir/graph.h"

namespace leat::compiler {

struct Pass {
  /// Unique: a pass that stands in the list several times is "eliminate_dead_nodes", then
  /// "eliminate_dead_nodes#2".
  std::string_view name;
  std::string_view what;  // one line
  /// Whether it could change this graph: copying and verifying a graph costs 1 us a node.
  bool (*applies)(const ir::Graph&, const CompileOptions&);
  ir::Graph (*run)(const ir::Graph&, const CompileOptions&);
  std::string_view stage;  // the stage that is reached behind it; "" for none
};
std::span<const Pass> pipeline();

/// Runs the list and verifies after each pass: one that leaves a broken graph is an `internal` error that
/// names it. A copy to a device that there is not is invalid_argument. Tells options.observe of the stages
/// and options.observe_pass of the passes.
StatusOr<ir::Graph> run_pipeline(const ir::Graph& graph, const CompileOptions& options);

}  // namespace leat::compiler
