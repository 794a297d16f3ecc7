#include "leat/graph_builder.h"

#include "absl/container/inlined_vector.h"
#include "compiler/frontend/graph_state.h"
#include "ir/inference.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "ir/verifier.h"

namespace leat {
namespace {

std::string quoted(std::string_view s) { return "\"" + std::string(s) + "\""; }

Shape shape_of(ir::Graph& graph, const std::vector<Dim>& dims) {
  Shape shape;
  for (const Dim& d : dims) shape.push_back(d.symbol.empty() ? d.extent : graph.SymbolDim(d.symbol, d.bound));
  return shape;
}

// A negative extent would read as a symbol.
Status check_dims(std::string_view what, const std::vector<Dim>& dims, SourceLocation where) {
  for (const Dim& d : dims) {
    if (d.symbol.empty() && d.extent < 0) {
      return Status(Code::invalid_argument,
                    std::string(what) + ": a negative extent, " + std::to_string(d.extent), where);
    }
  }
  return {};
}

ir::AttrValue attribute_value(const GraphBuilder::Attribute& attribute) {
  return std::visit(
      [](const auto& v) -> ir::AttrValue {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, Graph>) {
          return std::make_shared<const ir::Graph>(v.state().graph);
        } else {
          return v;
        }
      },
      attribute);
}

}  // namespace

StatusOr<Graph> Graph::Parse(std::string_view text, std::string_view source_name) {
  StatusOr<ir::Graph> graph = ir::parse(text, source_name);
  if (!graph.ok()) return graph.status();
  return Graph(std::make_shared<const frontend::GraphState>(frontend::GraphState{*std::move(graph)}));
}

std::string Graph::ToString() const { return ir::print(state_->graph); }
std::size_t Graph::input_count() const { return state_->graph.parameters.size(); }
std::size_t Graph::output_count() const { return state_->graph.outputs.size(); }
const std::string& Graph::input_name(std::size_t input) const { return state_->graph.parameter_names[input]; }
std::string Graph::input_type(std::size_t input) const {
  return state_->graph.ToString(state_->graph.nodes[state_->graph.parameters[input]].type());
}
std::string Graph::output_type(std::size_t output) const {
  return state_->graph.ToString(state_->graph.type(state_->graph.outputs[output]));
}

GraphBuilder::GraphBuilder(std::string name) : state_(new frontend::GraphState{ir::Graph(std::move(name))}) {}
GraphBuilder::~GraphBuilder() = default;
GraphBuilder::GraphBuilder(GraphBuilder&&) noexcept = default;
GraphBuilder& GraphBuilder::operator=(GraphBuilder&&) noexcept = default;

GraphBuilder::Handle GraphBuilder::Input(std::string name, DType dtype, const std::vector<Dim>& dims,
                                         SourceLocation where) {
  ir::Graph& g = state_->graph;
  const std::uint32_t at = g.AddLocation({where, {}, {}});
  if (Status s = check_dims("input " + name, dims, where); !s.ok() && state_->error.ok()) state_->error = s;
  Shape shape;
  for (const Dim& d : dims) {
    shape.push_back(!d.symbol.empty() ? g.SymbolDim(d.symbol, d.bound)
                    : d.extent < 0    ? kUnknownDim  // would read as a symbol
                                      : d.extent);
  }
  const ir::Value v = g.AddParameter(std::move(name), {dtype, std::move(shape)}, at);
  return {v.node, v.result};
}

StatusOr<GraphBuilder::Handle> GraphBuilder::Constant(DType dtype, const Shape& shape, const void* elements,
                                                      SourceLocation where) {
  if (!shape.is_static()) return Status(Code::invalid_argument, "constant: a negative extent", where);
  const ir::Type type{dtype, shape}, scalar{dtype, {}};
  const StatusOr<ir::Types> checked =
      ir::infer(ir::Op::broadcast, std::span(&scalar, 1), {{ir::Attr::dims, std::vector<std::int64_t>{}}},
                std::span(&type, 1));
  if (!checked.ok()) return Status(checked.status().code(), checked.status().message(), where);
  const ir::Value v =
      state_->graph.AddConstant(ir::make_literal(type, elements), state_->graph.AddLocation({where, {}, {}}));
  return Handle{v.node, v.result};
}

StatusOr<GraphBuilder::Handle> GraphBuilder::Add(std::string_view name, std::span<const Handle> operands,
                                                 const Attributes& attributes,
                                                 const std::optional<GraphType>& result,
                                                 SourceLocation where) {
  ir::Graph& g = state_->graph;
  const std::optional<ir::Op> op = ir::find_op(name);
  if (!op || *op == ir::Op::parameter || *op == ir::Op::constant) {
    return Status(Code::invalid_argument, "no op that can be added is called " + quoted(name), where);
  }
  absl::InlinedVector<ir::Value, 3> inputs;
  for (const Handle h : operands) {
    if (h.node >= g.nodes.size() || h.result >= g.nodes[h.node].results.size()) {
      return Status(Code::invalid_argument, std::string(name) + ": an operand is not of this builder", where);
    }
    inputs.push_back({h.node, h.result});
  }
  ir::Attributes made;
  // In the order of the table, whatever the caller's.
  for (const ir::AttrSpec& spec : ir::op_info(*op).attributes) {
    for (const auto& [key, value] : attributes) {
      if (ir::find_attr(key) == spec.attr) made.Set(spec.attr, attribute_value(value));
    }
  }
  for (const auto& [key, value] : attributes) {
    const std::optional<ir::Attr> attr = ir::find_attr(key);
    if (!attr || made.Find(*attr) == nullptr) {
      return Status(Code::invalid_argument,
                    std::string(name) + ": it has no attribute " + quoted(key) + " [C2]", where);
    }
  }
  std::vector<ir::Type> declared;
  if (result) {
    if (Status s = check_dims(name, result->dims, where); !s.ok()) return s;
    declared.push_back({result->dtype, shape_of(g, result->dims)});
  }
  const std::uint32_t at = g.AddLocation({where, {}, {}});
  StatusOr<ir::Value> v = g.Add(*op, std::move(inputs), std::move(made), std::move(declared), at);
  if (!v.ok()) return v.status();
  return Handle{v->node, v->result};
}

std::size_t GraphBuilder::result_count(Handle handle) const {
  return state_->graph.nodes[handle.node].results.size();
}
std::string GraphBuilder::type(Handle handle) const {
  return state_->graph.ToString(state_->graph.type({handle.node, handle.result}));
}
void GraphBuilder::Label(Handle handle, std::string_view label) {
  state_->graph.locations[state_->graph.nodes[handle.node].location].label = label;
}

StatusOr<Graph> GraphBuilder::Finish(std::span<const Handle> outputs) const {
  if (!state_->error.ok()) return state_->error;
  auto state = std::make_shared<frontend::GraphState>(*state_);
  state->graph.outputs.clear();
  for (const Handle h : outputs) {
    if (h.node >= state->graph.nodes.size() || h.result >= state->graph.nodes[h.node].results.size()) {
      return Status(Code::invalid_argument, "Finish: an output is not of this builder");
    }
    state->graph.outputs.push_back({h.node, h.result});
  }
  if (Status s = ir::verify(state->graph); !s.ok()) return s;
  return Graph(std::move(state));
}

}  // namespace leat
