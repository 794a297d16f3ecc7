#include <cstdio>
#include <set>

#include "absl/strings/str_cat.h"
#include "ir/printer.h"
#include "tools/leat/program_file.h"

namespace leat::tool {
namespace {

std::string escaped(std::string_view text) {
  std::string s;
  for (char c : text) {
    if (c == '"' || c == '\\') s += '\\';
    s += c;
  }
  return s;
}

// The graph as a picture: parameters and outputs as ellipses, constants left out where they are scalars.
std::string graph_to_dot(const ir::Graph& graph) {
  std::string dot =
      absl::StrCat("digraph \"", escaped(graph.name), "\" {\n  node [shape=box, fontname=\"Helvetica\"];\n");
  const auto scalar = [&](std::uint32_t n) {
    return graph.nodes[n].op == ir::Op::constant && graph.nodes[n].type().shape.num_elements() == 1;
  };
  std::size_t parameter = 0;
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (scalar(n)) continue;
    std::string label(ir::name(node.op));
    if (node.op == ir::Op::parameter) label = absl::StrCat("%", graph.parameter_names[parameter++]);
    if (node.op == ir::Op::fused) {
      label.clear();
      for (const ir::Node& inner : node.attrs().graph(ir::Attr::body).nodes) {
        if (ir::op_info(inner.op).family != ir::Family::source)
          absl::StrAppend(&label, std::string(ir::name(inner.op)), "\\n");
      }
    }
    for (const ir::Type& t : node.results) absl::StrAppend(&label, "\\n", graph.ToString(t));
    absl::StrAppend(&dot, "  n", n, " [label=\"", label, "\"",
                    node.op == ir::Op::parameter ? ", shape=ellipse" : "",
                    node.op == ir::Op::fused ? ", style=filled, fillcolor=\"#e8f0fe\"" : "", "];\n");
    for (ir::Value v : node.inputs) {
      if (!scalar(v.node)) absl::StrAppend(&dot, "  n", v.node, " -> n", n, ";\n");
    }
  }
  for (std::size_t o = 0; o < graph.outputs.size(); ++o) {
    absl::StrAppend(&dot, "  out", o, " [label=\"output ", o, "\", shape=ellipse];\n  n",
                    graph.outputs[o].node, " -> out", o, ";\n");
  }
  return dot + "}\n";
}

}  // namespace

Status dump(const DumpOptions& options) {
  const bool picture = options.format == "dot";
  auto print_graph = [&](const ir::Graph& graph) {
    std::fputs((picture ? graph_to_dot(graph) : ir::print(graph)).c_str(), stdout);
  };
  if (options.stage == "graph") {  // as written, symbols and all
    StatusOr<ir::Graph> graph = parse_program(options.file);
    if (!graph.ok()) return graph.status();
    print_graph(*graph);
    return {};
  }
  StatusOr<ir::Graph> graph = load_program(options.file);
  if (!graph.ok()) return graph.status();
  auto code = compiler::make_code_cache({});
  compiler::CompileOptions compile;
  compile.tier = compiler::Tier::tiles;
  compile.fuse = options.fuse;
  compile.exact_contractions = options.exact;
  compile.devices[0].workers = options.workers;
  bool shown = false;
  compile.observe = [&](std::string_view stage, const ir::Graph& g) {
    if (stage != options.stage) return;
    print_graph(g);
    shown = true;
  };
  const auto program = compiler::compile(*graph, compile, *code);
  if (!program.ok()) return program.status();
  if (shown) return {};
  if (options.stage == "program") {
    std::fputs((picture ? runtime::to_dot(**program) : runtime::print(**program)).c_str(), stdout);
    return {};
  }
  if (picture)
    return Status(Code::invalid_argument, absl::StrCat("stage ", options.stage, " has no picture"));
  if (options.stage == "memory") {
    std::fputs(runtime::print_memory(**program).c_str(), stdout);
    return {};
  }
  std::set<const runtime::KernelCode*> seen;
  for (const runtime::Step& step : (*program)->steps) {
    if (!step.body || step.body->kind() != "kernel") continue;
    const runtime::KernelCode& kernel = *static_cast<const runtime::KernelStep&>(*step.body).code();
    if (!seen.insert(&kernel).second) continue;
    StatusOr<std::string> text = options.stage == "llvm"  ? code->LlvmText(kernel.kernel())
                                 : options.stage == "asm" ? code->AssemblyText(kernel.kernel())
                                                          : ir::print(kernel.kernel());
    if (!text.ok()) return text.status();
    std::printf("// %s\n%s\n", step.name.c_str(), text->c_str());
  }
  return {};
}

}  // namespace leat::tool
