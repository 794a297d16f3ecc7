#include "ir/verifier.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "ir/inference.h"
#include "ir/inference_rules.h"
#include "ir/text_form.h"

namespace leat::ir {
namespace {

template <class... Parts>
Status broken(Rule rule, const Parts&... parts) {
  return Status(Code::invalid_argument, cat(parts..., numbered(rule)));
}

Status check_symbols(const Graph& graph) {
  std::set<std::string_view> names;
  for (const Symbol& symbol : graph.symbols) {
    if (symbol.name.empty()) return broken(Rule::symbols, "a symbol of @", graph.name, " has no name");
    if (!names.insert(symbol.name).second) {
      return broken(Rule::symbols, "@", graph.name, " has two symbols named ", symbol.name);
    }
  }
  return {};
}

Status check_parameters(const Graph& graph) {
  const std::size_t n = graph.parameters.size();
  if (graph.parameter_names.size() != n) {
    return broken(Rule::parameters, "@", graph.name, " has ", n, " parameters and ",
                  graph.parameter_names.size(), " names of parameters");
  }
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t id = graph.parameters[i];
    const std::string& name = graph.parameter_names[i];
    if (id >= graph.nodes.size() || graph.nodes[id].op != Op::parameter) {
      return broken(Rule::parameters, "parameter ", i, " of @", graph.name, " is no parameter node");
    }
    const std::uint32_t before = i == 0 ? 0 : graph.parameters[i - 1];
    if (i > 0 && id == before) {
      return broken(Rule::parameters, "parameter ", i, " of @", graph.name, " is listed twice");
    }
    if (i > 0 && id < before) {  // passes, which visit nodes, list parameters as they meet them
      return broken(Rule::parameter_order, "parameter ", i, " of @", graph.name, " is node ", id,
                    ", before parameter ", i - 1, ", which is node ", before);
    }
    if (name.empty()) return broken(Rule::parameters, "parameter ", i, " of @", graph.name, " has no name");
    if (!names.insert(name).second) {
      return broken(Rule::parameters, "@", graph.name, " has two parameters named ", name);
    }
  }
  const auto all = std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                 [](const Node& node) { return node.op == Op::parameter; });
  if (static_cast<std::size_t>(all) != n) {
    return broken(Rule::parameters, "@", graph.name, " has ", all, " parameter nodes and lists ", n);
  }
  return {};
}

class Verifier {
 public:
  Status Check(const Graph& graph, int depth) {
    const auto [it, is_new] = heights_.try_emplace(&graph, 0);
    if (is_new) {
      int height = 0;
      if (Status s = CheckGraph(graph, depth, height); !s.ok()) return s;
      heights_[&graph] = height;
    }
    const int height = heights_[&graph];
    if (depth + height > kMaxNesting) {
      return broken(Rule::nesting, "@", graph.name, " nests sub-graphs more than ", kMaxNesting, " deep");
    }
    return {};
  }

 private:
  Status CheckGraph(const Graph& graph, int depth, int& height) {
    if (depth > kMaxNesting) {
      return broken(Rule::nesting, "@", graph.name, " nests sub-graphs more than ", kMaxNesting, " deep");
    }
    if (Status s = check_symbols(graph); !s.ok()) return s;
    if (Status s = check_parameters(graph); !s.ok()) return s;
    for (std::uint32_t id = 0; id < graph.nodes.size(); ++id) {
      if (Status s = CheckNode(graph, id, depth, height); !s.ok()) return At(graph, id, s);
    }
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      const Value v = graph.outputs[i];
      if (v.node >= graph.nodes.size() || v.result >= graph.nodes[v.node].results.size()) {
        return broken(Rule::references, "output ", i, " of @", graph.name, " is not a value of it");
      }
    }
    return {};
  }

  Status CheckNode(const Graph& graph, std::uint32_t id, int depth, int& height) {
    const Node& node = graph.nodes[id];
    const auto ops = static_cast<std::size_t>(node.op);
    if (ops >= all_ops().size()) return broken(Rule::references, "op ", ops, " does not exist");
    const std::string_view op = ir::name(node.op);
    if (node.location >= std::max(graph.locations.size(), outer_locations_)) {
      return broken(Rule::locations, op, ": location ", node.location, " is not in the graph's table");
    }
    operands_.clear();
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const Value v = node.inputs[i];
      if (v.node >= id || v.result >= graph.nodes[v.node].results.size()) {
        return broken(Rule::references, op, ": operand ", i, " is not a result of an earlier node");
      }
      operands_.push_back(graph.type(v));
    }
    for (const Type& type : node.results) {
      for (const std::int64_t d : type.shape) {
        if (is_static(d) || d == kUnknownDim) continue;
        if (static_cast<std::size_t>(symbol_of(d)) < graph.symbols.size()) continue;
        return broken(Rule::symbols, op, ": the graph has no symbol ", symbol_of(d), " (a negative extent?)");
      }
    }
    for (const auto& [attr, value] : node.attrs().list()) {
      const auto* sub = std::get_if<std::shared_ptr<const Graph>>(&value);
      if (sub == nullptr || *sub == nullptr) continue;
      Operands kept = std::move(operands_);
      // The nodes of a fused body keep the locations of the graph around it: theirs is its table.
      const std::size_t outer = outer_locations_;
      outer_locations_ = node.op == Op::fused ? std::max(graph.locations.size(), outer) : 0;
      if (Status s = Check(**sub, depth + 1); !s.ok()) return s;
      outer_locations_ = outer;
      operands_ = std::move(kept);
      height = std::max(height, heights_[sub->get()] + 1);
    }
    StatusOr<Types> types = infer(node.op, operands_, node.attrs(), node.results, graph.symbols);
    if (!types.ok()) return types.status();
    const bool same = std::equal(types->begin(), types->end(), node.results.begin(), node.results.end());
    if (same) return {};
    for (std::size_t i = 0; i < types->size() && i < node.results.size(); ++i) {
      if ((*types)[i] == node.results[i]) continue;
      const std::string which = types->size() == 1 ? "the result type" : cat("the type of result ", i);
      return broken(Rule::declared_match, op, ": ", which, " is ", graph.ToString((*types)[i]),
                    ", written as ", graph.ToString(node.results[i]));
    }
    return broken(Rule::declared_match, op, ": has ", types->size(), " results, written with ",
                  node.results.size());
  }

  /// The error with the node's location, unless it comes from a sub-graph and has one, and its name.
  static Status At(const Graph& graph, std::uint32_t id, const Status& s) {
    const Node& node = graph.nodes[id];
    SourceLocation where = s.where();
    if (!where.known() && node.location < graph.locations.size()) {
      where = graph.locations[node.location].source;
    }
    const auto p = std::find(graph.parameters.begin(), graph.parameters.end(), id);
    std::string name;
    if (p != graph.parameters.end()) {
      name = text_name(graph.parameter_names[static_cast<std::size_t>(p - graph.parameters.begin())]);
    } else {
      name = std::to_string(std::count_if(graph.nodes.begin(), graph.nodes.begin() + id,
                                          [](const Node& n) { return n.op != Op::parameter; }));
    }
    return Status(s.code(), s.message(), where).WithNote(cat("in %", name, " of @", graph.name));
  }

  using Operands = absl::InlinedVector<Type, 4>;
  Operands operands_;
  std::size_t outer_locations_ = 0;
  std::unordered_map<const Graph*, int> heights_;  // how deep sub-graphs nest below a graph
};

}  // namespace

Status verify(const Graph& graph) { return Verifier().Check(graph, 0); }

}  // namespace leat::ir
