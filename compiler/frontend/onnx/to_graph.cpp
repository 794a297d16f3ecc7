// A model as a graph: traced on placeholders, with the values that it uses as constants.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/graph_state.h"
#include "compiler/frontend/onnx/model_state.h"
#include "compiler/frontend/planning.h"
#include "compiler/frontend/schedule.h"
#include "compiler/frontend/trace.h"
#include "compiler/frontend/walk.h"
#include "ir/verifier.h"

namespace leat::onnx {
namespace {

// A parameter's name in text IR.
std::string identifier(std::string_view name, std::set<std::string>* used) {
  std::string id;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    id += plain ? c : '_';
  }
  if (id.empty() || (id[0] >= '0' && id[0] <= '9')) id = "x" + id;
  const std::string base = id;
  for (int i = 2; !used->insert(id).second; ++i) id = absl::StrCat(base, "_", i);
  return id;
}

ir::Literal literal_of(const runtime::Ref<runtime::Value>& value, const ir::Type& type,
                       std::uint32_t context) {
  if (const Status s = value->Wait(); !s.ok()) throw Error(s);
  if (value->state() != runtime::Value::State::ready) frontend::throw_value_error(*value, context, {});
  return frontend::literal_of(value->buffer(), type);
}

// The same graph with its parameters first, in their order: passes keep them as the nodes stand.
ir::Graph with_parameters_first(ir::Graph graph) {
  std::vector<std::uint32_t> order = graph.parameters, place(graph.nodes.size());
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].op != ir::Op::parameter) order.push_back(n);
  }
  std::vector<ir::Node> nodes;
  for (const std::uint32_t n : order) {
    place[n] = static_cast<std::uint32_t>(nodes.size());
    nodes.push_back(std::move(graph.nodes[n]));
    for (ir::Value& v : nodes.back().inputs) v.node = place[v.node];
  }
  graph.nodes = std::move(nodes);
  for (std::uint32_t& p : graph.parameters) p = place[p];
  for (ir::Value& v : graph.outputs) v.node = place[v.node];
  return graph;
}

// What stands for one parameter of the lowered graph.
struct Source {
  std::uint32_t placeholder = UINT32_MAX;
  runtime::Ref<runtime::Value> value;
  ir::Type type;
};

}  // namespace

StatusOr<Graph> Model::ToGraph(std::span<const GraphType> types,
                               const std::map<std::string, Tensor>& values) const {
  State& state = *state_;
  try {
    const std::lock_guard lock(state.mutex);
    if (!state.context_state->open()) {
      return Status(Code::context_gone, "the Context of the model was destroyed");
    }
    const Context::Scope scope(*state.context);
    const std::uint32_t context = state.context_state->id();
    std::vector<Tensor> arguments(state.inputs.size()), known(arguments), placeholders, results;
    std::vector<std::string> names;
    std::set<std::string> used;
    std::size_t next = 0, found = 0;
    for (std::size_t i = 0; i < state.inputs.size(); ++i) {
      const auto it = values.find(state.inputs[i].name);
      if (it == values.end()) continue;
      arguments[i] = known[i] = it->second;
      known[i].wait();
      ++found;
    }
    if (found < values.size()) return Status(Code::invalid_argument, "a value is of no input of the model");
    {
      frontend::Trace trace(context);
      for (std::size_t i = 0; i < state.inputs.size(); ++i) {
        if (state.inputs[i].has_default || known[i].defined()) continue;
        if (next == types.size()) {
          return Status(Code::invalid_argument,
                        absl::StrCat("input \"", state.inputs[i].name, "\" has no type"));
        }
        const GraphType& type = types[next++];
        Shape shape;
        for (const Dim& d : type.dims) shape.push_back(d.symbol.empty() ? d.extent : -1);
        frontend::check_shape(shape, type.dtype, state.inputs[i].name, {});
        arguments[i] = trace.AddPlaceholder(type.dtype, shape, {});
        placeholders.push_back(arguments[i]);
        names.push_back(identifier(state.inputs[i].name, &used));
      }
      if (next < types.size()) return Status(Code::invalid_argument, "more types than the model has inputs");
      state.Check(arguments);
      results = state.Import(arguments, ImportOptions::Mode::traced, known);
    }
    frontend::Walk walk;
    std::vector<frontend::Node*> roots;
    for (const Tensor& r : results) roots.push_back(r.node());
    std::vector<Source> sources;
    ir::Graph graph;
    {
      const std::lock_guard graph_lock(frontend::graph_lock(context));
      walk.Run(roots, state.context_state->next_walk++, true);
      for (const frontend::WalkInput& in : walk.inputs) {
        if (in.leaf == nullptr) {
          sources.push_back(
              {UINT32_MAX, frontend::scalar_value(*state.context_state, in.bits), {in.dtype, {}}});
        } else if (in.leaf->kind == frontend::Kind::placeholder && in.leaf->result < placeholders.size()) {
          sources.push_back({in.leaf->result, nullptr, in.leaf->type()});
        } else if (in.leaf->kind == frontend::Kind::placeholder) {
          return Status(Code::failed_precondition, "the model draws random numbers: no graph has them");
        } else {
          sources.push_back({UINT32_MAX, frontend::value_of(*in.leaf), in.leaf->type()});
        }
      }
      graph = frontend::lower(walk.order, walk.key);
    }
    graph.name = identifier(state.metadata.graph_name, &used);
    std::vector<std::uint32_t> node_of(placeholders.size(), UINT32_MAX);
    for (std::size_t p = 0; p < sources.size(); ++p) {
      ir::Node& node = graph.nodes[graph.parameters[p]];
      if (sources[p].placeholder != UINT32_MAX) {
        node_of[sources[p].placeholder] = graph.parameters[p];
        continue;
      }
      node.op = ir::Op::constant;
      node.attributes = std::make_shared<const ir::Attributes>(
          ir::Attributes{{ir::Attr::value, literal_of(sources[p].value, sources[p].type, context)}});
    }
    graph.parameters.clear();
    graph.parameter_names.clear();
    for (std::size_t i = 0; i < placeholders.size(); ++i) {
      if (node_of[i] == UINT32_MAX) {  // an input that nothing reads
        graph.AddParameter(names[i], placeholders[i].node()->type());
      } else {
        graph.parameters.push_back(node_of[i]);
        graph.parameter_names.push_back(names[i]);
      }
    }
    graph = with_parameters_first(std::move(graph));
    if (const Status s = ir::verify(graph); !s.ok()) return s;
    return Graph(std::make_shared<const frontend::GraphState>(frontend::GraphState{std::move(graph)}));
  } catch (const NeedsValue& need) {
    const std::string type = std::string(name(need.tensor.dtype())) + need.tensor.shape().ToString();
    return Status(Code::failed_precondition,
                  need.node + ": a shape depends on the value of " + type +
                      ", which is not known; Model::ToGraph takes "
                      "values of inputs, but what is computed only a run of the Model has");
  } catch (const Error& e) {
    return e.status();
  } catch (const std::bad_alloc&) {
    return Status(Code::resource_exhausted, "out of memory while importing the model");
  }
}

}  // namespace leat::onnx
