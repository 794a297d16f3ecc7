// The work behind leat/inspect.h, for a graph of the ir floor.
#pragma once

#include "compiler/compile.h"
#include "leat/inspect.h"

namespace leat::frontend {

/// `output_names` may be empty. The tier of `options` does not matter: nothing is generated.
StatusOr<Inspection> inspect(const ir::Graph& graph, compiler::CompileOptions options,
                             compiler::CodeCache& code, const std::optional<Roofline>& roofline,
                             std::span<const std::string> output_names = {});

}  // namespace leat::frontend
