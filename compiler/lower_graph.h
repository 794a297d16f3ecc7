// From a fused graph to the steps and buffers of a Program, without memory offsets.
#pragma once

#include "compiler/compile.h"
#include "runtime/program/program.h"

namespace leat::compiler {

/// `graph` is what fuse_groups left; `origin` is the user's graph, whose node locations name the sources.
StatusOr<runtime::Program> lower_graph(const ir::Graph& graph, const CompileOptions& options,
                                       CodeCache& code);

}  // namespace leat::compiler
