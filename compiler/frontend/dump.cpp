#include "compiler/frontend/dump.h"

#include <algorithm>
#include <set>

#include "compiler/attach_epilogues.h"
#include "compiler/control_step.h"
#include "compiler/frontend/context_state.h"
#include "compiler/frontend/dump_ptx.h"
#include "compiler/frontend/picture.h"
#include "compiler/frontend/walk.h"
#include "ir/printer.h"
#include "runtime/program/kernel_code.h"

namespace leat::frontend {
namespace {

constexpr std::string_view kStages[] = {"graph", "optimized", "placed", "fused",   "kernels",
                                        "llvm",  "asm",       "ptx",    "program", "memory"};
constexpr std::string_view kDefaultArchitecture = "sm_90";

// Nodes inside a fused region have locations of the graph around it; printed alone they need them.
ir::Graph with_inner_locations(const ir::Graph& graph) {
  ir::Graph copy = graph;
  for (ir::Node& node : copy.nodes) {
    if (node.op != ir::Op::fused || node.attrs().graph(ir::Attr::body).locations.size() > 1) continue;
    auto body = std::make_shared<ir::Graph>(node.attrs().graph(ir::Attr::body));
    body->locations = graph.locations;
    ir::Attributes attributes = node.attrs();
    attributes.Set(ir::Attr::body, std::shared_ptr<const ir::Graph>(std::move(body)));
    node.attributes = std::make_shared<const ir::Attributes>(std::move(attributes));
  }
  return copy;
}

std::string print_with_parts(const runtime::Program& program) {
  std::string text = runtime::print(program);
  for (const runtime::Step& step : program.steps) {
    if (!step.body) continue;
    for (const compiler::SubProgram& part : compiler::sub_programs(*step.body)) {
      text += "\n// " + std::string(part.role) + " of " + step.name + "\n" + print_with_parts(*part.program);
    }
  }
  return text;
}

// The steps of a program and of the programs in them, and its distinct kernels: steps of their own, epilogues
// of contractions, parts of sub-programs.
class Kernels {
 public:
  void Add(const runtime::Program& program, const std::string& of) {
    for (const runtime::Step& step : program.steps) {
      if (!step.body) continue;
      std::string places;
      for (const std::uint32_t s : step.sources) {
        const ir::NodeLocation& at = program.sources[s].location;
        std::string place;
        if (!at.label.empty()) place += " label=\"" + at.label + "\"";
        if (!at.scope.empty()) place += " scope=\"" + at.scope + "\"";
        if (places.find(place) == std::string::npos) places += place;
      }
      Add({step.name + of + places, &program, &step, step.body.get()});
      if (const runtime::StepBody* epilogue = compiler::epilogue_of(*step.body)) {
        Add({"on each panel of " + step.name + of + places, &program, &step, epilogue});
      }
      for (const compiler::SubProgram& part : compiler::sub_programs(*step.body)) {
        sub_programs_.push_back(part.program);
        Add(*part.program, " in the " + std::string(part.role) + " of " + step.name + of);
      }
    }
  }
  StatusOr<std::string> Print(std::string_view stage, bool picture, compiler::CodeCache& code) const {
    if (stage == "kernels" && picture) {
      std::vector<NamedKernel> named;
      for (const auto& [name, kernel] : kernels_) named.push_back({name, kernel.get()});
      return draw(named);
    }
    std::vector<CodeText> parts;
    for (const auto& [name, kernel] : kernels_) {
      StatusOr<std::string> part = stage == "llvm"  ? code.LlvmText(*kernel)
                                   : stage == "asm" ? code.AssemblyText(*kernel)
                                                    : ir::print(*kernel);
      if (!part.ok()) return part.status();
      parts.push_back({name, *std::move(part)});
    }
    if (picture) return draw_blocks(parts, stage == "asm");
    std::string text;
    const std::string comment = stage == "kernels" ? "// " : stage == "llvm" ? "; " : "# ";
    for (const CodeText& part : parts)
      text += (text.empty() ? "" : "\n") + comment + part.name + "\n" + part.text;
    if (text.empty()) text = comment + "no kernels: no op of this program became a loop\n";
    return text;
  }

  StatusOr<std::string> PrintPtx(std::string_view arch, bool picture) const {
    const StatusOr<std::vector<CodeText>> parts = ptx_of(steps_, arch);
    if (!parts.ok()) return parts.status();
    if (picture) return draw_blocks(*parts, true);
    std::string text;
    for (const CodeText& part : *parts)
      text += (text.empty() ? "// " : "\n// ") + part.name + "\n" + part.text;
    return text.empty() ? "// no steps\n" : text;
  }

 private:
  void Add(NamedStep named) {
    steps_.push_back(named);
    const auto* step = dynamic_cast<const runtime::KernelStep*>(named.body);
    if (step == nullptr || !seen_.insert(step->code().get()).second) return;
    // Owned by the code, which the program's step owns, which may end before this.
    kernels_.emplace_back(std::move(named.name),
                          std::shared_ptr<const ir::Kernel>(step->code(), &step->code()->kernel()));
  }
  std::vector<NamedStep> steps_;  // of programs that the caller holds, or these:
  std::vector<std::shared_ptr<const runtime::Program>> sub_programs_;
  std::set<const runtime::KernelCode*> seen_;
  std::vector<std::pair<std::string, std::shared_ptr<const ir::Kernel>>> kernels_;
};

}  // namespace

StatusOr<ir::Graph> graph_of(std::span<const Tensor> tensors, ContextState& state,
                             std::vector<runtime::DeviceId>* input_devices) {
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
  return lower(walk.order, walk.key, input_devices);
}

StatusOr<std::string> dump(const ir::Graph& graph, std::string_view stage, compiler::CompileOptions options,
                           compiler::CodeCache& code, DumpFormat format) {
  constexpr std::string_view kAsPicture = ":dot", kWithArchitecture = "ptx:";
  std::string_view name = stage;
  if (name == "dot") {
    name = "program";
    format = DumpFormat::dot;
  } else if (name.size() > kAsPicture.size() && name.substr(name.size() - kAsPicture.size()) == kAsPicture) {
    name.remove_suffix(kAsPicture.size());
    format = DumpFormat::dot;
  }
  const bool picture = format == DumpFormat::dot;
  std::string_view arch = kDefaultArchitecture;
  if (name.substr(0, kWithArchitecture.size()) == kWithArchitecture) {
    arch = name.substr(kWithArchitecture.size());
    name = "ptx";
  }
  if (std::find(std::begin(kStages), std::end(kStages), name) == std::end(kStages)) {
    return Status(Code::invalid_argument, "no stage is called \"" + std::string(stage) +
                                              "\"; there are graph, optimized, placed, fused, kernels, llvm, "
                                              "asm, ptx, program, memory and dot");
  }
  if (name == "graph") return picture ? draw(graph) : ir::print(graph);
  std::string text;
  options.observe = [&](std::string_view at, const ir::Graph& g) {
    if (at == name) text = picture ? draw(g) : ir::print(with_inner_locations(g));
  };
  options.tier = compiler::Tier::tiles;  // seeing a program compiles nothing
  auto program = compiler::compile(graph, options, code);
  if (!program.ok()) return program.status();
  if (name == "program") return picture ? runtime::to_dot(**program) : print_with_parts(**program);
  if (name == "memory") return picture ? draw_memory(**program) : runtime::print_memory(**program);
  if (name != "kernels" && name != "llvm" && name != "asm" && name != "ptx") return text;
  Kernels kernels;
  kernels.Add(**program, "");
  if (name == "ptx") return kernels.PrintPtx(arch, picture);
  return kernels.Print(name, picture, code);
}

}  // namespace leat::frontend
