// Replaces the symbols of a graph by extents, sub-graphs included.
#include <map>

#include "ir/inference.h"
#include "ir/inference_rules.h"
#include "ir/verifier.h"

namespace leat::ir {
namespace {

// A sub-graph is bound anew for each set of operand types that it is applied to, and a small graph can
// be written whose sub-graphs meet more sets than anyone would wait for.
constexpr std::size_t kMaxNodes = std::size_t{1} << 24;

class Binder {
 public:
  StatusOr<Graph> Bind(const Graph& graph, std::span<const std::int64_t> extents,
                       std::span<const Type> parameters, int depth) {
    if (depth > kMaxNesting) {
      return Status(Code::invalid_argument,
                    cat("sub-graphs nest more than ", kMaxNesting, " deep", numbered(Rule::nesting)));
    }
    nodes_ += graph.nodes.size();
    if (nodes_ > kMaxNodes) {
      return Status(Code::resource_exhausted,
                    cat("binding the symbols makes more than ", kMaxNodes, " nodes"));
    }
    Graph bound(graph.name);
    bound.locations = graph.locations;
    bound.nodes.reserve(graph.nodes.size());
    for (const Node& node : graph.nodes) bound.nodes.push_back(node);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      bound.nodes[graph.parameters[i]].results[0] = parameters[i];
    }
    for (Node& node : bound.nodes) {
      if (Status s = BindNode(bound, node, extents, depth); !s.ok()) return At(graph, node, extents, s);
    }
    bound.parameters = graph.parameters;
    bound.parameter_names = graph.parameter_names;
    bound.outputs = graph.outputs;
    return bound;
  }

 private:
  Status BindNode(const Graph& bound, Node& node, std::span<const std::int64_t> extents, int depth) {
    absl::InlinedVector<Type, 4> operands;
    for (const Value v : node.inputs) operands.push_back(bound.type(v));
    absl::InlinedVector<Type, 2> written;
    for (const Type& type : node.results) written.push_back(substitute(type, extents));
    if (!node.attrs().empty()) {
      if (Status s = BindAttributes(node, operands, depth); !s.ok()) return s;
    }
    StatusOr<Types> types = infer(node.op, operands, node.attrs(), written);
    if (!types.ok()) return types.status();
    for (const Type& type : *types) {
      if (type.shape.is_static()) continue;
      return Status(Code::invalid_argument,
                    cat(ir::name(node.op), ": the extents of ", leat::name(type.dtype), type.shape.ToString(),
                        " do not follow from the symbols", numbered(Rule::determined)));
    }
    node.results = *std::move(types);
    return {};
  }

  Status BindAttributes(Node& node, std::span<const Type> operands, int depth) {
    Attributes attributes = node.attrs();
    bool changed = false;
    for (const auto& [attr, value] : node.attrs().list()) {
      if (const auto* sub = std::get_if<std::shared_ptr<const Graph>>(&value)) {
        const std::span<const Type> arguments = node.op == Op::cond ? operands.subspan(1) : operands;
        StatusOr<std::shared_ptr<const Graph>> bound = BindSubgraph(node, attr, *sub, arguments, depth + 1);
        if (!bound.ok()) return bound.status();
        attributes.Set(attr, *std::move(bound));
        changed = true;
      }
    }
    if (node.op == Op::slice) {
      std::vector<std::int64_t> limits = node.attrs().integers(Attr::limits);
      for (std::size_t d = 0; d < limits.size(); ++d) {
        if (limits[d] != kToTheEnd) continue;
        limits[d] = operands[0].shape[d];
        changed = true;
      }
      if (changed) attributes.Set(Attr::limits, std::move(limits));
    }
    if (changed) node.attributes = std::make_shared<const Attributes>(std::move(attributes));
    return {};
  }

  StatusOr<std::shared_ptr<const Graph>> BindSubgraph(const Node& node, Attr attr,
                                                      const std::shared_ptr<const Graph>& graph,
                                                      std::span<const Type> operands, int depth) {
    const Request r{op_info(node.op), operands, node.attrs(), {}, {}};
    StatusOr<std::vector<std::int64_t>> extents = bind_parameters(r, name(attr), *graph, operands);
    if (!extents.ok()) return extents.status();
    std::string key = cat(reinterpret_cast<std::uintptr_t>(graph.get()));
    for (const Type& type : operands) key += text(r, type);
    if (const auto it = subgraphs_.find(key); it != subgraphs_.end()) return it->second;
    StatusOr<Graph> bound = Bind(*graph, *extents, operands, depth);
    if (!bound.ok()) return bound.status();
    return subgraphs_[key] = std::make_shared<const Graph>(*std::move(bound));
  }

  /// The error with the node's location and with what the symbols were.
  static Status At(const Graph& graph, const Node& node, std::span<const std::int64_t> extents,
                   const Status& s) {
    const SourceLocation where = s.where().known() ? s.where() : graph.locations[node.location].source;
    std::string symbols;
    for (std::size_t i = 0; i < extents.size(); ++i) {
      symbols += cat(i > 0 ? ", " : " with ", graph.symbols[i].name, "=", text({}, extents[i]));
    }
    return Status(s.code(), s.message(), where).WithNote(cat("in @", graph.name, symbols));
  }

  std::map<std::string, std::shared_ptr<const Graph>> subgraphs_;
  std::size_t nodes_ = 0;
};

}  // namespace

StatusOr<Graph> bind_symbols(const Graph& graph, std::span<const std::int64_t> extents) {
  if (extents.size() != graph.symbols.size()) {
    return Status(Code::invalid_argument,
                  cat("@", graph.name, " has ", graph.symbols.size(), " symbols, got ", extents.size(),
                      " extents", numbered(Rule::extents)));
  }
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const Symbol& symbol = graph.symbols[i];
    if (extents[i] < 0 || (symbol.bound >= 0 && extents[i] > symbol.bound)) {
      return Status(Code::invalid_argument, cat("the extent of ", symbol.name, " must be at least 0",
                                                symbol.bound >= 0 ? cat(" and at most ", symbol.bound) : "",
                                                ", got ", extents[i], numbered(Rule::extents)));
    }
  }
  if (Status s = verify(graph); !s.ok()) return s;
  return Binder().Bind(graph, extents, {}, 0);
}

}  // namespace leat::ir
