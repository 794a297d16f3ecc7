// The stages of a program as text. Computes nothing, needs no device.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "compiler/compile.h"
#include "leat/tensor.h"

namespace leat::frontend {

class ContextState;

/// The graph that evaluating these tensors together would run.
StatusOr<ir::Graph> graph_of(std::span<const Tensor> tensors, ContextState& state);

/// "graph", "optimized", "placed", "fused", "kernels", "llvm", "asm", "program", "memory" or "dot".
/// An unknown stage is invalid_argument and lists them.
StatusOr<std::string> dump(const ir::Graph& graph, std::string_view stage, compiler::CompileOptions options,
                           compiler::CodeCache& code);

}  // namespace leat::frontend
