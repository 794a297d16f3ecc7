#include "compiler/frontend/dump.h"

#include <set>

#include "compiler/frontend/context_state.h"
#include "compiler/frontend/walk.h"
#include "ir/printer.h"
#include "runtime/program/kernel_code.h"

namespace leat::frontend {
namespace {

constexpr std::string_view kGraphStages[] = {"graph", "optimized", "placed", "fused"};

StatusOr<std::string> kernel_text(const ir::Kernel& kernel, std::string_view stage,
                                  compiler::CodeCache& code) {
  if (stage == "llvm") return code.LlvmText(kernel);
  if (stage == "asm") return code.AssemblyText(kernel);
  return ir::print(kernel);
}

}  // namespace

StatusOr<ir::Graph> graph_of(std::span<const Tensor> tensors, ContextState& state) {
  Walk walk;
  std::vector<Node*> roots;
  const std::lock_guard lock(graph_lock(state.id()));
  for (const Tensor& t : tensors) {
    if (!t.defined()) return Status(Code::failed_precondition, "dump: a tensor has no value");
    if (t.node()->context != state.id()) {
      return Status(Code::failed_precondition, "dump: a tensor belongs to another Context");
    }
    if (!has_value(*t.node())) roots.push_back(t.node());
  }
  walk.Run(roots, state.next_walk++, true);
  return lower(walk.order, walk.key);
}

StatusOr<std::string> dump(const ir::Graph& graph, std::string_view stage, compiler::CompileOptions options,
                           compiler::CodeCache& code) {
  if (stage == "graph") return ir::print(graph);
  bool known = stage == "kernels" || stage == "llvm" || stage == "asm" || stage == "program" ||
               stage == "memory" || stage == "dot";
  for (std::string_view s : kGraphStages) known = known || s == stage;
  if (!known) {
    return Status(
        Code::invalid_argument,
        "no stage is called \"" + std::string(stage) +
            "\"; there are graph, optimized, placed, fused, kernels, llvm, asm, program, memory and dot");
  }
  std::string text;
  options.observe = [&](std::string_view at, const ir::Graph& g) {
    if (at == stage) text = ir::print(g);
  };
  options.tier = compiler::Tier::tiles;  // seeing a program compiles nothing
  auto program = compiler::compile(graph, options, code);
  if (!program.ok()) return program.status();
  if (stage == "program") return runtime::print(**program);
  if (stage == "memory") return runtime::print_memory(**program);
  if (stage == "dot") return runtime::to_dot(**program);
  if (stage != "kernels" && stage != "llvm" && stage != "asm") return text;
  std::set<const runtime::KernelCode*> seen;
  for (const runtime::Step& step : (*program)->steps) {
    const auto* kernel = dynamic_cast<const runtime::KernelStep*>(step.body.get());
    if (kernel == nullptr || !seen.insert(kernel->code().get()).second) continue;
    StatusOr<std::string> part = kernel_text(kernel->code()->kernel(), stage, code);
    if (!part.ok()) return part.status();
    if (!text.empty()) text += '\n';
    text += (stage == "kernels" ? "// " : "; ") + step.name + "\n" + *part;
  }
  return text;
}

}  // namespace leat::frontend
