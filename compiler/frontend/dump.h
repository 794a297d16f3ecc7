// The stages of a program as text, pictures, JSON or a page: what stands behind leat/dump.h, Context::Dump
// and the command. Computes nothing, needs no device. Pure functions; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "compiler/compile.h"
#include "compiler/frontend/view/json.h"
#include "leat/dump.h"
#include "leat/tensor.h"

namespace leat::frontend {

class ContextState;

/// The graph that evaluating these tensors together would run.
StatusOr<ir::Graph> graph_of(std::span<const Tensor> tensors, ContextState& state,
                             std::vector<runtime::DeviceId>* input_devices = nullptr);

/// See leat/dump.h. `extras` are for formats json and html.
StatusOr<std::string> dump(const ir::Graph& graph, const DumpOptions& what, compiler::CompileOptions options,
                           compiler::CodeCache& code, const PageExtras& extras = {});

/// In one word, unfolded and whole: "fused", "fused:dot", "ptx:sm_80"; "dot" is the program as a picture.
StatusOr<std::string> dump(const ir::Graph& graph, std::string_view stage, compiler::CompileOptions options,
                           compiler::CodeCache& code);

/// What lies between two graphs of the pipeline: stages "graph" to "fused", "after:PASS", "before:PASS".
StatusOr<std::string> diff(const ir::Graph& graph, std::string_view from, std::string_view to,
                           compiler::CompileOptions options, compiler::CodeCache& code);

/// Every pass, and what it did to this graph.
StatusOr<std::vector<PassRun>> run_passes(const ir::Graph& graph, compiler::CompileOptions options,
                                          compiler::CodeCache& code);

}  // namespace leat::frontend
