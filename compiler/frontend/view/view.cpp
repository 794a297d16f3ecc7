#include "compiler/frontend/view/view.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "compiler/attach_epilogues.h"
#include "compiler/control_step.h"
#include "ir/printer.h"
#include "runtime/program/kernel_code.h"

namespace leat::frontend {
namespace {

std::string place(const SourceLocation& at) {
  return at.known() ? absl::StrCat(at.file, ":", at.line) : std::string();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1);
    lines.push_back(text.substr(begin, end + 1 - begin));
    begin = end + 1;
  }
  return lines;
}

/// What a box says of a fused region: its ops in order, equal ones counted.
std::string list_ops(const ir::Graph& body) {
  std::vector<std::pair<std::string, int>> ops;
  for (const ir::Node& inner : body.nodes) {
    if (ir::op_info(inner.op).family == ir::Family::source && inner.op != ir::Op::iota) continue;
    const std::string op(ir::name(inner.op));
    if (!ops.empty() && ops.back().first == op) {
      ++ops.back().second;
    } else {
      ops.emplace_back(op, 1);
    }
  }
  std::string text;
  for (const auto& [op, count] : ops) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", op, count > 1 ? absl::StrCat(" x", count) : "");
  }
  return text.empty() ? "fused" : text;
}

// A node without what it reads: the op, its attributes (constants by type only) and its types.
std::uint64_t signature_of(const ir::Graph& graph, const ir::Node& node) {
  std::string key(ir::name(node.op));
  for (const ir::Type& t : node.results) key += graph.ToString(t);
  for (const ir::Value v : node.inputs) absl::StrAppend(&key, " ", graph.ToString(graph.type(v)));
  for (const auto& [attr, value] : node.attrs().list()) {
    key += std::string(ir::name(attr)) + "=";
    if (const auto* body = std::get_if<std::shared_ptr<const ir::Graph>>(&value)) {
      for (const ir::Node& inner : (*body)->nodes) absl::StrAppend(&key, signature_of(**body, inner), ",");
    } else if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) {
      for (const std::int64_t i : *list) absl::StrAppend(&key, i, ",");
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      absl::StrAppend(&key, *integer);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      key += *text;
    } else if (const auto* truth = std::get_if<bool>(&value)) {
      key += *truth ? "1" : "0";
    }
  }
  return absl::HashOf(key);
}

// Origins of a node behind any pass: what its locations name.
void add_origin(ViewNode* to, std::uint32_t location) {
  if (location > 0) to->origins.push_back(location - 1);
}

template <class T>
void sort_unique(std::vector<T>* list) {
  std::sort(list->begin(), list->end());
  list->erase(std::unique(list->begin(), list->end()), list->end());
}

/// The scope around both; "" is none yet.
void widen(std::string* scope, const std::string& more) {
  if (more.empty() || scope->empty()) {
    if (scope->empty()) *scope = more;
    return;
  }
  std::size_t common = 0;
  for (std::size_t i = 0; i <= scope->size() && i <= more.size(); ++i) {
    const bool ends = (i == scope->size() || (*scope)[i] == '/') && (i == more.size() || more[i] == '/');
    if (ends) common = i;
    if (i == scope->size() || i == more.size() || (*scope)[i] != more[i]) break;
  }
  scope->resize(common);
}

void name_bodies(ViewNode* node) {
  for (std::size_t at = node->text.find('@'); at != std::string::npos; at = node->text.find('@', at + 1)) {
    if (at == 0 || node->text[at - 1] != '=') continue;
    std::size_t end = at + 1;
    if (end < node->text.size() && node->text[end] == '"') {
      end = node->text.find('"', end + 1);
      end = end == std::string::npos ? node->text.size() : end + 1;
    } else {
      end = std::min(node->text.find_first_of(",} \n", end), node->text.size());
    }
    node->body_names.push_back(node->text.substr(at, end - at));
  }
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

void finish(View* view) {
  for (ViewNode& node : view->nodes) {
    sort_unique(&node.origins);
    sort_unique(&node.made_of);
  }
  std::vector<ViewEdge>& edges = view->edges;
  std::stable_sort(edges.begin(), edges.end(), [](const ViewEdge& a, const ViewEdge& b) {
    return std::tie(a.to, a.from) < std::tie(b.to, b.from);
  });
  edges.erase(
      std::unique(edges.begin(), edges.end(),
                  [](const ViewEdge& a, const ViewEdge& b) { return a.to == b.to && a.from == b.from; }),
      edges.end());
}

}  // namespace

View view_of(const ir::Graph& graph, std::string_view stage, std::int64_t constants) {
  View view;
  view.stage = stage;
  ir::PrintOptions print_options;
  print_options.max_literal_elements = constants;
  const std::vector<std::string> lines = lines_of(ir::print(with_inner_locations(graph), print_options));
  const std::vector<std::string> names = ir::value_names(graph);
  std::size_t line = 0;
  for (const std::string& text : lines) view.elided += text.find("{value=<") != std::string::npos;
  while (line < lines.size() && !lines[line].ends_with("{\n")) view.header += lines[line++];
  if (line < lines.size()) view.header += lines[line++];
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    ViewNode made;
    const ir::NodeLocation& at = graph.locations[node.location];
    made.id = names[n];
    made.op = ir::name(node.op);
    made.title = made.op;
    made.label = at.label;
    made.scope = at.scope;
    made.at = place(at.source);
    made.signature = signature_of(graph, node);
    for (const ir::Type& t : node.results) {
      made.types += (made.types.empty() ? "" : ", ") + graph.ToString(t);
      made.bytes += t.shape.is_static() ? byte_size(t) : 0;
    }
    if (node.op == ir::Op::parameter) {
      made.kind = ViewNode::Kind::parameter;
      made.title = made.id;
    } else if (line < lines.size()) {
      made.text = lines[line++];
    }
    if (node.op == ir::Op::constant) {
      made.kind = ViewNode::Kind::constant;
      if (byte_size(node.type()) <= 8) made.title = ir::print(node.attrs().literal(ir::Attr::value));
    } else if (node.op == ir::Op::custom_call) {
      made.title += " " + node.attrs().string(ir::Attr::target);
    } else if (node.op == ir::Op::copy) {
      made.title += " to " + node.attrs().string(ir::Attr::device);
    } else if (node.op == ir::Op::fused) {
      made.kind = ViewNode::Kind::fused;
      const ir::Graph& body = node.attrs().graph(ir::Attr::body);
      made.title = list_ops(body);
      if (body.locations.size() <= 1) {  // else the locations are its own
        std::string labels, scope;
        for (const ir::Node& inner : body.nodes) {
          if (inner.op == ir::Op::parameter) continue;
          add_origin(&made, inner.location);
          const ir::NodeLocation& from = graph.locations[inner.location];
          widen(&scope, from.scope);
          if (!from.label.empty() && labels.find(from.label) == std::string::npos) {
            labels += (labels.empty() ? "" : ", ") + from.label;
          }
        }
        made.label = labels;
        made.scope = scope;
      }
    }
    if (made.origins.empty()) add_origin(&made, node.location);
    name_bodies(&made);
    for (const ir::Value v : node.inputs)
      view.edges.push_back({v.node, n, "", graph.ToString(graph.type(v))});
    view.nodes.push_back(std::move(made));
  }
  for (std::size_t o = 0; o < graph.outputs.size(); ++o) {
    const ir::Value v = graph.outputs[o];
    ViewNode out;
    out.kind = ViewNode::Kind::output;
    out.id = out.title = absl::StrCat("output ", o);
    out.op = "output";
    out.types = graph.ToString(graph.type(v));
    out.origins = view.nodes[v.node].origins;
    view.edges.push_back({v.node, static_cast<std::uint32_t>(view.nodes.size()), "", out.types});
    view.nodes.push_back(std::move(out));
  }
  for (; line < lines.size() && lines[line] != "}\n"; ++line) view.footer += lines[line];
  if (line < lines.size()) view.footer += lines[line++];
  for (; line < lines.size(); ++line) {
    if (lines[line] == "\n") continue;
    if (lines[line].starts_with("graph ")) {
      const std::size_t end =
          lines[line].starts_with("graph @\"") ? lines[line].find('"', 8) + 1 : lines[line].find('(');
      view.bodies.emplace_back(lines[line].substr(6, end - 6), "");
    }
    if (!view.bodies.empty()) view.bodies.back().second += lines[line];
  }
  for (ViewNode& node : view.nodes) {
    for (const std::string& name : node.body_names) {
      for (const auto& [body, text] : view.bodies) {
        if (body == name) node.body += text;
      }
    }
  }
  finish(&view);
  return view;
}

std::string print(const View& view) {
  std::string text = view.header;
  for (const ViewNode& node : view.nodes) text += node.text;
  text += view.footer;
  for (const auto& [name, body] : view.bodies) text += "\n" + body;
  return text;
}

View view_of(const runtime::Program& program, std::string_view stage) {
  View view;
  view.stage = stage;
  const std::vector<std::string> lines = lines_of(runtime::print(program));
  std::size_t line = 0;
  while (line < lines.size() && !lines[line].starts_with("  step ") && !lines[line].starts_with("  return")) {
    view.header += lines[line++];
  }
  const auto type_text = [](const ir::Type& t) { return std::string(name(t.dtype)) + t.shape.ToString(); };
  std::map<std::uint32_t, std::uint32_t> input_of;  // buffer to node
  for (std::size_t i = 0; i < program.inputs.size(); ++i) {
    ViewNode in;
    in.kind = ViewNode::Kind::parameter;
    in.id = in.title = absl::StrCat("input ", i);
    in.op = "input";
    const runtime::BufferInfo& buffer = program.buffers[program.inputs[i]];
    in.types = type_text(buffer.type);
    in.bytes = buffer.bytes;
    in.signature = absl::HashOf(in.types);
    input_of.emplace(program.inputs[i], static_cast<std::uint32_t>(view.nodes.size()));
    view.nodes.push_back(std::move(in));
  }
  const auto first = static_cast<std::uint32_t>(view.nodes.size());
  std::map<std::uint32_t, std::vector<std::uint32_t>> writers;
  for (std::uint32_t k = 0; k < program.steps.size(); ++k) {
    const runtime::Step& step = program.steps[k];
    ViewNode made;
    made.kind = ViewNode::Kind::step;
    made.id = absl::StrCat("s", k);
    made.op = step.body ? std::string(step.body->kind()) : "join";
    made.title = step.name;
    made.cost_ns = step.cost_ns;
    made.device = step.device;
    made.body = step.body ? step.body->ToString() + "\n" : "";
    const runtime::StepBody* const epilogue = step.body ? compiler::epilogue_of(*step.body) : nullptr;
    for (const runtime::StepBody* part : {static_cast<const runtime::StepBody*>(step.body.get()), epilogue}) {
      const auto* const kernel = dynamic_cast<const runtime::KernelStep*>(part);
      if (kernel != nullptr) made.body += ir::print(kernel->code()->kernel());
    }
    std::string key = step.name;
    for (const runtime::Use& use : step.uses) {
      const runtime::BufferInfo& buffer = program.buffers[use.buffer];
      made.bytes += buffer.bytes;
      absl::StrAppend(&key, " ", type_text(buffer.type), use.write ? "!" : "");
      if (use.write) {
        if (buffer.kind == runtime::BufferInfo::Kind::output || made.types.empty()) {
          made.types += (made.types.empty() ? "" : ", ") + type_text(buffer.type);
        }
        writers[use.buffer].push_back(first + k);
      } else if (const auto in = input_of.find(use.buffer); in != input_of.end()) {
        view.edges.push_back({in->second, first + k, "", type_text(buffer.type)});
      }
    }
    made.signature = absl::HashOf(key);
    for (const std::uint32_t s : step.sources) {
      const runtime::Source& source = program.sources[s];
      add_origin(&made, source.ordinal);
      if (!source.location.label.empty() && made.label.find(source.location.label) == std::string::npos) {
        made.label += (made.label.empty() ? "" : ", ") + source.location.label;
      }
      widen(&made.scope, source.location.scope);
      if (made.at.empty()) made.at = place(source.location.source);
    }
    if (step.body) {
      for (const compiler::SubProgram& part : compiler::sub_programs(*step.body)) {
        const std::string name = absl::StrCat(std::string(part.role), " of ", step.name, " ", k);
        view.bodies.emplace_back(name, absl::StrCat("// ", std::string(part.role), " of ", step.name, "\n",
                                                    print_with_parts(*part.program)));
        made.body_names.push_back(name);
        made.body += view.bodies.back().second;
      }
    }
    if (line < lines.size()) made.text = lines[line++];
    while (line < lines.size() && lines[line].starts_with("    ")) made.text += lines[line++];
    view.nodes.push_back(std::move(made));
  }
  for (const runtime::Edge& e : program.edges) {
    std::string types;
    for (const runtime::Use& use : program.steps[e.to].uses) {
      const auto& from = program.steps[e.from].uses;
      const bool flows = !use.write && std::any_of(from.begin(), from.end(), [&](const runtime::Use& u) {
        return u.write && u.buffer == use.buffer;
      });
      if (flows) types += (types.empty() ? "" : ", ") + type_text(program.buffers[use.buffer].type);
    }
    view.edges.push_back({first + e.from, first + e.to,
                          e.cause == runtime::Cause::use ? "" : std::string(runtime::name(e.cause)),
                          std::move(types)});
  }
  for (std::size_t o = 0; o < program.outputs.size(); ++o) {
    const std::uint32_t b = program.outputs[o];
    ViewNode out;
    out.kind = ViewNode::Kind::output;
    out.id = out.title = absl::StrCat("output ", o);
    out.op = "output";
    out.types = type_text(program.buffers[b].type);
    const auto to = static_cast<std::uint32_t>(view.nodes.size());
    for (const std::uint32_t w : writers[b]) view.edges.push_back({w, to, "", out.types});
    if (const auto in = input_of.find(b); in != input_of.end()) {
      view.edges.push_back({in->second, to, "", out.types});
    }
    view.nodes.push_back(std::move(out));
  }
  for (; line < lines.size(); ++line) view.footer += lines[line];
  finish(&view);
  return view;
}

}  // namespace leat::frontend
