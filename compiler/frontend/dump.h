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
StatusOr<ir::Graph> graph_of(std::span<const Tensor> tensors, ContextState& state,
                             std::vector<runtime::DeviceId>* input_devices = nullptr);

enum class DumpFormat : std::uint8_t { text, dot };

/// "graph", "optimized", "placed", "fused", "kernels", "llvm", "asm", "ptx", "program", "memory", as text or
/// as a picture; "ptx:sm_80" is PTX for another architecture than sm_90, what is no loop kernel named as
/// such; "dot" is the program as a picture, "STAGE:dot" any stage. An unknown one is invalid_argument and
/// lists them. Stages after "graph" need static shapes.
StatusOr<std::string> dump(const ir::Graph& graph, std::string_view stage, compiler::CompileOptions options,
                           compiler::CodeCache& code, DumpFormat format = DumpFormat::text);

}  // namespace leat::frontend
