#include "compiler/frontend/dump.h"

#include <algorithm>
#include <set>

#include "compiler/frontend/context_state.h"
#include "compiler/frontend/dump_kernels.h"
#include "compiler/frontend/graph_state.h"
#include "compiler/frontend/picture.h"
#include "compiler/frontend/view/difference.h"
#include "compiler/frontend/view/graphviz.h"
#include "compiler/frontend/view/kernel_text.h"
#include "compiler/frontend/walk.h"
#include "compiler/pipeline.h"
#include "ir/printer.h"

namespace leat::frontend {
namespace {

constexpr std::string_view kGraphs[] = {"graph", "optimized", "placed", "fused"};
constexpr std::string_view kOthers[] = {"kernels", "llvm", "asm", "ptx", "program", "memory"};
constexpr std::string_view kAfter = "after:", kBefore = "before:";

template <class List>
bool contains(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

bool is_pass(std::string_view name) {
  return std::ranges::any_of(compiler::pipeline(), [&](const compiler::Pass& p) { return p.name == name; });
}

/// Whether `stage` is a graph between or behind passes; not ok where it is nothing.
StatusOr<bool> is_graph_stage(std::string_view stage) {
  if (contains(kGraphs, stage)) return true;
  if (contains(kOthers, stage)) return false;
  for (const std::string_view where : {kAfter, kBefore}) {
    if (!stage.starts_with(where)) continue;
    if (is_pass(stage.substr(where.size()))) return true;
    std::string names;
    for (const compiler::Pass& p : compiler::pipeline()) {
      names += (names.empty() ? "" : ", ") + std::string(p.name);
    }
    return Status(Code::invalid_argument, "no pass is called \"" + std::string(stage.substr(where.size())) +
                                              "\"; there are " + names);
  }
  return Status(Code::invalid_argument,
                "no stage is called \"" + std::string(stage) +
                    "\"; there are graph, optimized, placed, fused, kernels, llvm, asm, "
                    "ptx, program, memory, and after:PASS and before:PASS");
}

/// The steps that are shown, of a view of the program.
std::vector<bool> shown_steps(const View& view, const Shown& shown) {
  std::vector<bool> steps;
  for (std::size_t n = 0; n < view.nodes.size(); ++n) {
    if (view.nodes[n].kind == ViewNode::Kind::step) steps.push_back(shown.of_node[n] != Shown::kHidden);
  }
  return steps;
}

std::string memory_text(const runtime::Program& program, const std::vector<bool>& steps) {
  const std::string text = runtime::print_memory(program);
  if (std::all_of(steps.begin(), steps.end(), [](bool s) { return s; })) return text;
  std::set<std::string> used;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    for (const runtime::Use& use : program.steps[k].uses) {
      if (steps[k]) used.insert("b" + std::to_string(use.buffer));
    }
  }
  std::string kept;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1);
    const std::string line = text.substr(begin, end + 1 - begin);
    begin = end + 1;
    const std::size_t at = line.find(") b");
    if (at == std::string::npos || used.contains(line.substr(at + 2, line.find(' ', at + 2) - at - 2))) {
      kept += line;
    }
  }
  return kept;
}

StatusOr<std::string> as_picture(std::string dot, DumpFormat format) {
  if (format == DumpFormat::dot) return dot;
  return run_graphviz(dot, format == DumpFormat::svg ? "svg" : "png");
}

StatusOr<std::string> render(const View& view, const DumpOptions& what, const Stages* stages) {
  const Groups groups = group(view);
  const StatusOr<Shown> shown = select(view, groups, what, stages);
  if (!shown.ok()) return shown.status();
  if (what.format == DumpFormat::text) return print(view, groups, *shown);
  return as_picture(draw(view, groups, *shown), what.format);
}

/// The text of the stage "placed", with where each node is and why on a line above it.
View with_reasons(View view, const std::vector<std::string>& devices) {
  if (!view.note.empty()) view.header = "// " + view.note + "\n" + view.header;
  for (ViewNode& node : view.nodes) {
    if (node.why.empty() || node.text.empty()) continue;
    node.text = "  // " + devices[node.device] + ": " + node.why + "\n" + node.text;
  }
  return view;
}

StatusOr<std::string> render_json(const Stages& stages, const DumpOptions& what, const PageExtras& extras) {
  const bool all = what.stage.empty() || what.format == DumpFormat::html;
  std::vector<const View*> views;
  std::vector<Shown> shown;
  for (const View& view : stages.views) {
    if (all || view.stage == what.stage) views.push_back(&view);
  }
  if (views.empty() && stages.asked.stage == what.stage) views.push_back(&stages.asked);
  if (views.empty()) {
    return Status(Code::invalid_argument,
                  "format json has stages graph, optimized, placed, fused and program, "
                  "and after:PASS; kernels are in the steps, memory stands beside them");
  }
  DumpOptions whole = what;
  whole.fold = Fold::none;
  Status missing;
  for (const View* view : views) {
    StatusOr<Shown> part = select(*view, {{Group{}}, {}}, whole, &stages);
    if (!part.ok()) {  // a cone may be gone in later stages; in one it must be
      missing = part.status();
      part = Shown{};
      part->of_node.assign(view->nodes.size(), Shown::kHidden);
    }
    shown.push_back(*std::move(part));
  }
  const auto is_empty = [](const Shown& s) {
    return std::ranges::all_of(s.of_node, [](std::int32_t n) { return n == Shown::kHidden; });
  };
  if (!missing.ok() && std::ranges::all_of(shown, is_empty)) return missing;
  std::string json = to_json(stages, views, shown, extras);
  return what.format == DumpFormat::html ? to_page(stages.name, json) : json;
}

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

StatusOr<std::string> dump(const ir::Graph& graph, const DumpOptions& what, compiler::CompileOptions options,
                           compiler::CodeCache& code, const PageExtras& extras) {
  const bool json = what.format == DumpFormat::json || what.format == DumpFormat::html;
  const std::string stage = what.stage.empty() ? "graph" : what.stage;
  const StatusOr<bool> is_graph = is_graph_stage(stage);
  if (!is_graph.ok()) return is_graph.status();
  if (stage == "graph" && !json) return render(view_of(graph, stage, what.constants), what, nullptr);
  StatusOr<Stages> stages = see(graph, std::move(options), code, what.constants, stage);
  if (!stages.ok()) return stages.status();
  if (json) {
    const bool has_code =
        what.code == DumpCode::all || (what.code == DumpCode::automatic && what.format == DumpFormat::html);
    if (has_code) {
      if (Status s = add_code(&*stages, code, what.code, what.arch); !s.ok()) return s;
    } else if (what.format == DumpFormat::html) {
      stages->code_left_out = "the code of kernels is left out: it was not asked for (code=none)";
    }
    return render_json(*stages, what, extras);
  }
  if (*is_graph) {
    return render(stage == "placed" && what.format == DumpFormat::text
                      ? with_reasons(std::move(stages->asked), stages->devices)
                      : std::move(stages->asked),
                  what, &*stages);
  }
  const View& program = stages->views.back();
  if (stage == "program") return render(program, what, &*stages);
  DumpOptions cone = what;  // of code only a cone is shown in part
  cone.fold = Fold::none;
  const StatusOr<Shown> shown = select(program, {{Group{}}, {}}, cone, &*stages);
  if (!shown.ok()) return shown.status();
  const std::vector<bool> steps = shown_steps(program, *shown);
  if (stage == "memory") {
    if (what.format != DumpFormat::text) return as_picture(draw_memory(*stages->program), what.format);
    return memory_text(*stages->program, steps);
  }
  const Kernels kernels(*stages->program, steps);
  const bool picture = what.format != DumpFormat::text;
  StatusOr<std::string> text =
      stage == "ptx" ? kernels.PrintPtx(what.arch, picture) : kernels.Print(stage, picture, code);
  if (!text.ok() || !picture) return text;
  return as_picture(*std::move(text), what.format);
}

StatusOr<std::string> dump(const ir::Graph& graph, std::string_view stage, compiler::CompileOptions options,
                           compiler::CodeCache& code) {
  constexpr std::string_view kAsPicture = ":dot", kWithArchitecture = "ptx:";
  DumpOptions what;
  what.fold = Fold::none;
  what.constants = -1;
  std::string_view name = stage;
  if (name == "dot") {
    name = "program";
    what.format = DumpFormat::dot;
  } else if (name.ends_with(kAsPicture)) {
    name.remove_suffix(kAsPicture.size());
    what.format = DumpFormat::dot;
  }
  if (name.starts_with(kWithArchitecture)) {
    what.arch = name.substr(kWithArchitecture.size());
    name = "ptx";
  }
  what.stage = name.empty() ? "\"\"" : name;
  return dump(graph, what, std::move(options), code);
}

StatusOr<std::string> diff(const ir::Graph& graph, std::string_view from, std::string_view to,
                           compiler::CompileOptions options, compiler::CodeCache& code) {
  View views[2];
  for (const int k : {0, 1}) {
    std::string stage(k == 0 ? from : to);
    if (is_pass(stage)) stage = std::string(kAfter) + stage;
    const StatusOr<bool> is_graph = is_graph_stage(stage);
    if (!is_graph.ok()) return is_graph.status();
    if (!*is_graph) {
      return Status(Code::invalid_argument,
                    "stage " + stage +
                        " is a language of its own, of which no line stands in another; "
                        "a difference is of two graphs: graph, optimized, placed, fused, "
                        "after:PASS, before:PASS");
    }
    StatusOr<Stages> stages = see(graph, options, code, DumpOptions{}.constants, stage);
    if (!stages.ok()) return stages.status();
    views[k] = std::move(stages->asked);
  }
  return difference(views[0], views[1]);
}

StatusOr<std::vector<PassRun>> run_passes(const ir::Graph& graph, compiler::CompileOptions options,
                                          compiler::CodeCache& code) {
  StatusOr<Stages> stages = see(graph, std::move(options), code);
  if (!stages.ok()) return stages.status();
  return std::move(stages->passes);
}

}  // namespace leat::frontend

namespace leat {

StatusOr<std::string> dump(std::span<const Tensor> tensors, const DumpOptions& options) {
  frontend::ContextState& state = *Context::Current().state();
  compiler::CompileOptions compile = state.compile_options();
  const StatusOr<ir::Graph> graph = frontend::graph_of(tensors, state, &compile.input_devices);
  if (!graph.ok()) return graph.status();
  return frontend::dump(*graph, options, compile, state.code());
}

StatusOr<std::string> dump(std::initializer_list<Tensor> tensors, const DumpOptions& options) {
  return dump(std::span(tensors.begin(), tensors.size()), options);
}

StatusOr<std::string> dump(const Graph& graph, const DumpOptions& options) {
  frontend::ContextState& state = *Context::Current().state();
  return frontend::dump(graph.state().graph, options, state.compile_options(), state.code());
}

StatusOr<std::string> diff(std::span<const Tensor> tensors, std::string_view from, std::string_view to) {
  frontend::ContextState& state = *Context::Current().state();
  compiler::CompileOptions compile = state.compile_options();
  const StatusOr<ir::Graph> graph = frontend::graph_of(tensors, state, &compile.input_devices);
  if (!graph.ok()) return graph.status();
  return frontend::diff(*graph, from, to, compile, state.code());
}

StatusOr<std::string> diff(std::initializer_list<Tensor> tensors, std::string_view from,
                           std::string_view to) {
  return diff(std::span(tensors.begin(), tensors.size()), from, to);
}

std::vector<PassInfo> passes() {
  std::vector<PassInfo> list;
  for (const compiler::Pass& p : compiler::pipeline())
    list.push_back({std::string(p.name), std::string(p.what)});
  return list;
}

}  // namespace leat
