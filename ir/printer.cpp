#include "ir/printer.h"

#include <cstring>
#include <map>
#include <set>

#include "ir/inference.h"
#include "ir/text_form.h"

namespace leat::ir {
namespace {

// Beyond this, decimals are no longer read by anyone, and hex is half as long and quick to parse.
constexpr std::size_t kMaxDecimalElements = 64;

std::string print_elements(const Literal& literal, std::int64_t max_elements) {
  if (literal.bytes == nullptr || !literal.type.shape.is_static()) return "<no elements>";
  const auto n = static_cast<std::size_t>(literal.type.shape.num_elements());
  const std::size_t width = byte_size(literal.type.dtype);
  const std::byte* p = literal.bytes.get();
  if (n == 0) return "[]";
  // All the same: each element equals the one before it.
  if (n == 1 || std::memcmp(p, p + width, (n - 1) * width) == 0) {
    const std::string value = format_element(literal.type.dtype, p);
    return n == 1 && literal.type.shape.rank() > 0 ? "[" + value + "]" : value;
  }
  if (max_elements >= 0 && n > static_cast<std::size_t>(max_elements)) {
    return "<" + std::to_string(n * width) + " bytes>";
  }
  std::string s;
  if (n <= kMaxDecimalElements) {
    for (std::size_t i = 0; i < n; ++i) {
      s += i == 0 ? "[" : ", ";
      s += format_element(literal.type.dtype, p + i * width);
    }
    return s + "]";
  }
  constexpr char kHex[] = "0123456789abcdef";
  s.reserve(2 + 2 * n * width);
  s = "0x";
  for (std::size_t i = 0; i < n * width; ++i) {
    const auto byte = std::to_integer<unsigned>(p[i]);
    s += kHex[byte >> 4];
    s += kHex[byte & 15];
  }
  return s;
}

class Printer {
 public:
  explicit Printer(const PrintOptions& options) : options_(options) {}

  std::string Print(const Graph& main) {
    Name(main);
    // Printing a graph names the sub-graphs that it uses, which puts them in the queue.
    for (std::size_t i = 0; i < queue_.size(); ++i) {
      if (i > 0) out_ += '\n';
      PrintGraph(*queue_[i]);
    }
    return std::move(out_);
  }

 private:
  const std::string& Name(const Graph& graph) {
    const auto [it, is_new] = graph_names_.try_emplace(&graph);
    if (!is_new) return it->second;
    std::string unique = graph.name;
    for (int i = 1; !taken_.insert(unique).second; ++i) unique = graph.name + "_" + std::to_string(i);
    queue_.push_back(&graph);
    return it->second = "@" + text_name(unique);
  }

  void PrintGraph(const Graph& graph) {
    graph_ = &graph;
    bound_shown_.assign(graph.symbols.size(), false);
    names_.assign(graph.nodes.size(), "");
    const std::vector<std::string> names = value_names(graph);
    const std::size_t parameters = std::min(graph.parameters.size(), graph.parameter_names.size());
    for (std::size_t i = 0; i < parameters; ++i) {
      const std::uint32_t id = graph.parameters[i];
      if (id < names_.size()) names_[id] = names[id];
    }
    PrintHeader(parameters);
    for (std::uint32_t id = 0; id < graph.nodes.size(); ++id) {
      const Node& node = graph.nodes[id];
      if (node.op == Op::parameter && !names_[id].empty()) continue;
      names_[id] = names[id];
      PrintNode(id, node);
    }
    out_ += "  return";
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      out_ += i > 0 ? ", " : " ";
      PrintValue(graph.outputs[i]);
    }
    out_ += "\n}\n";
  }

  void PrintHeader(std::size_t parameters) {
    // A signature that would not fit on a line has one parameter on each.
    const bool wide = parameters > 4;
    out_ += "graph " + Name(*graph_) + "(";
    for (std::size_t i = 0; i < parameters; ++i) {
      const std::uint32_t id = graph_->parameters[i];
      out_ += wide ? (i > 0 ? ",\n    " : "\n    ") : (i > 0 ? ", " : "");
      if (id >= graph_->nodes.size() || graph_->nodes[id].results.empty()) {
        out_ += "<no node>";
        continue;
      }
      out_ += names_[id] + ": ";
      PrintType(graph_->nodes[id].type());
    }
    out_ += ") -> (";
    for (std::size_t i = 0; i < graph_->outputs.size(); ++i) {
      if (i > 0) out_ += ", ";
      const Value v = graph_->outputs[i];
      if (Exists(v)) {
        PrintType(graph_->type(v));
      } else {
        out_ += "<no type>";
      }
    }
    out_ += ") {\n";
  }

  void PrintNode(std::uint32_t id, const Node& node) {
    out_ += "  " + names_[id];
    if (node.results.size() != 1) out_ += ":" + std::to_string(node.results.size());
    out_ += " = ";
    out_ += name(node.op);
    for (const Value v : node.inputs) {
      out_ += ' ';
      PrintValue(v);
    }
    PrintAttributes(node);
    for (std::size_t i = 0; i < node.results.size(); ++i) {
      out_ += i > 0 ? ", " : " : ";
      PrintType(node.results[i]);
    }
    if (options_.locations && node.location != 0 && node.location < graph_->locations.size()) {
      PrintLocation(graph_->locations[node.location]);
    }
    out_ += '\n';
  }

  void PrintAttributes(const Node& node) {
    const char* separator = " {";
    for (const AttrSpec& spec : op_info(node.op).attributes) {
      const AttrValue* value = node.attrs().Find(spec.attr);
      if (value == nullptr || (spec.optional && IsDefault(*value))) continue;
      out_ += separator;
      separator = ", ";
      out_ += name(spec.attr);
      out_ += '=';
      std::visit([this](const auto& v) { PrintAttribute(v); }, *value);
    }
    if (*separator == ',') out_ += '}';
  }

  static bool IsDefault(const AttrValue& value) {
    if (const auto* b = std::get_if<bool>(&value)) return !*b;
    if (const auto* i = std::get_if<std::int64_t>(&value)) return *i == 0;
    if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) return list->empty();
    if (const auto* s = std::get_if<std::string>(&value)) return s->empty();
    return false;
  }

  void PrintAttribute(bool v) { out_ += v ? "true" : "false"; }
  void PrintAttribute(std::int64_t v) { out_ += std::to_string(v); }
  void PrintAttribute(double v) { out_ += format_real(v); }
  void PrintAttribute(const std::string& v) { out_ += quote(v); }
  void PrintAttribute(DType v) { out_ += leat::name(v); }
  void PrintAttribute(const Literal& v) { out_ += print_elements(v, options_.max_literal_elements); }
  void PrintAttribute(const std::shared_ptr<const Graph>& v) { out_ += v ? Name(*v) : "<no graph>"; }
  void PrintAttribute(const std::vector<std::int64_t>& v) {
    out_ += '[';
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (i > 0) out_ += ", ";
      out_ += v[i] == kToTheEnd ? "end" : std::to_string(v[i]);
    }
    out_ += ']';
  }

  bool Exists(Value v) const {
    return v.node < graph_->nodes.size() && v.result < graph_->nodes[v.node].results.size();
  }

  void PrintValue(Value v) {
    if (!Exists(v) || names_[v.node].empty()) {  // also a use before the definition
      out_ += "<no value " + std::to_string(v.node) + "#" + std::to_string(v.result) + ">";
      return;
    }
    out_ += names_[v.node];
    if (graph_->nodes[v.node].results.size() > 1) out_ += "#" + std::to_string(v.result);
  }

  void PrintType(const Type& type) {
    out_ += leat::name(type.dtype);
    out_ += '[';
    for (std::size_t i = 0; i < type.shape.size(); ++i) {
      if (i > 0) out_ += ',';
      PrintDim(type.shape[i]);
    }
    out_ += ']';
  }

  void PrintDim(std::int64_t d) {
    const auto id = static_cast<std::size_t>(symbol_of(d));
    if (d >= 0) {
      out_ += std::to_string(d);
    } else if (d == kUnknownDim) {
      out_ += '?';
    } else if (id >= graph_->symbols.size()) {
      out_ += "<no symbol " + std::to_string(id) + ">";
    } else {
      const Symbol& symbol = graph_->symbols[id];
      out_ += text_name(symbol.name);
      if (symbol.bound >= 0 && !bound_shown_[id]) out_ += "<=" + std::to_string(symbol.bound);
      bound_shown_[id] = true;
    }
  }

  void PrintLocation(const NodeLocation& at) {
    if (!at.source.known() && at.label.empty() && at.scope.empty()) return;
    out_ += "  //";
    if (at.source.known()) {
      const std::string_view file = at.source.file;
      const bool plain = !file.empty() && file.find_first_of(" \t\r\n\"\\") == std::string_view::npos;
      out_ += " at " + (plain ? std::string(file) : quote(file)) + ":" + std::to_string(at.source.line);
    }
    if (!at.label.empty()) out_ += " label=" + quote(at.label);
    if (!at.scope.empty()) out_ += " scope=" + quote(at.scope);
  }

  const PrintOptions& options_;
  std::string out_;
  const Graph* graph_ = nullptr;
  std::vector<std::string> names_;  // of the nodes of graph_, "" before they are printed
  std::vector<bool> bound_shown_;
  std::map<const Graph*, std::string> graph_names_;
  std::set<std::string> taken_;
  std::vector<const Graph*> queue_;
};

}  // namespace

std::vector<std::string> value_names(const Graph& graph) {
  std::vector<std::string> names(graph.nodes.size());
  const std::size_t parameters = std::min(graph.parameters.size(), graph.parameter_names.size());
  for (std::size_t i = 0; i < parameters; ++i) {
    if (graph.parameters[i] < names.size()) {
      names[graph.parameters[i]] = "%" + text_name(graph.parameter_names[i]);
    }
  }
  std::size_t next = 0;
  for (std::uint32_t id = 0; id < graph.nodes.size(); ++id) {
    if (graph.nodes[id].op == Op::parameter && !names[id].empty()) continue;
    names[id] = "%" + std::to_string(next++);
  }
  return names;
}

std::string print(const Graph& graph, const PrintOptions& options) { return Printer(options).Print(graph); }

std::string print(const Literal& literal) { return print_elements(literal, -1); }

}  // namespace leat::ir
