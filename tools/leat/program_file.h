// Loading a program and its inputs for the subcommands.
#pragma once

#include "compiler/compile.h"
#include "tools/leat/commands.h"

namespace leat::tool {

/// Parses, and binds symbols to the given sizes. Every symbol needs one.
StatusOr<ir::Graph> load_program(const ProgramFile& file);
/// Parses only.
StatusOr<ir::Graph> parse_program(const ProgramFile& file);

/// Inputs from the files that `options` names; the others are filled.
StatusOr<std::vector<ir::Array>> load_inputs(const ir::Graph& graph, const RunOptions& options);

/// "name=value" split; invalid_argument where it is not of that form.
StatusOr<std::pair<std::string, std::string>> split_pair(const std::string& text, std::string_view what);

}  // namespace leat::tool
