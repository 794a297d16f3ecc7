#include "ir/interpreter.h"

#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"
#include "ir/inference.h"
#include "ir/interpret_control.h"
#include "ir/interpret_families.h"

namespace leat::ir {
namespace {

Status out_of_memory(std::string_view what) {
  return Status(Code::resource_exhausted, std::string(what) + ": out of memory");
}

/// Whether there is anything to do: the loops of an op go over all extents, also over 2^40 beside a 0.
bool has_work(const OpCall& call) {
  if (op_info(call.node.op).family == Family::control) return true;
  for (const Type& type : call.node.results) {
    if (type.shape.num_elements() > 0) return true;
  }
  return false;
}

Status dispatch(const OpCall& call) {
  if (!has_work(call)) return {};
  switch (op_info(call.node.op).family) {
    case Family::unary:
    case Family::binary:
    case Family::compare:
    case Family::ternary:
    case Family::classify:
    case Family::select:
    case Family::convert: return interpret_elementwise(call);
    case Family::source: return interpret_source(call);
    case Family::view: return interpret_view(call);
    case Family::movement: return interpret_movement(call);
    case Family::reduce: return interpret_reduce(call);
    case Family::arg_reduce: return interpret_arg_reduce(call);
    case Family::cumulative: return interpret_cumulative(call);
    case Family::window: return interpret_window(call);
    case Family::contraction: return interpret_contraction(call);
    case Family::sorting: return interpret_sorting(call);
    case Family::control: return interpret_control(call);
  }
  __builtin_unreachable();
}

/// The error of a node, with the place where the user wrote it.
Status locate(const Graph& graph, const Node& node, const Status& status) {
  const NodeLocation& at = graph.locations[node.location < graph.locations.size() ? node.location : 0];
  Status located = status;
  if (!status.where().known() && at.source.known()) {
    located = Status(status.code(), status.message(), at.source);
  }
  if (!at.label.empty()) located = located.WithNote("labelled " + at.label);
  if (!at.scope.empty()) located = located.WithNote("in scope " + at.scope);
  return located;
}

/// How often the results of each node are read by nodes that run, or returned. Nodes that stay at 0 and
/// have no effect do not run.
std::vector<std::uint32_t> count_live_uses(const Graph& graph, std::vector<bool>& runs) {
  std::vector<std::uint32_t> uses(graph.nodes.size(), 0);
  runs.assign(graph.nodes.size(), false);
  for (Value v : graph.outputs) ++uses[v.node];
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    const bool effect = op_info(node.op).is(kEffect) && !node.attrs().boolean(Attr::pure);
    if (uses[n] == 0 && !effect) continue;
    runs[n] = true;
    for (Value v : node.inputs) ++uses[v.node];
  }
  return uses;
}

StatusOr<std::vector<Array>> run_node(const Node& node, std::vector<Array> operands,
                                      const InterpretOptions& options) {
  if (op_info(node.op).family == Family::control) return run_control(node, std::move(operands), options);
  absl::InlinedVector<Type, 4> types;
  absl::InlinedVector<const void*, 4> inputs;
  for (const Array& a : operands) {
    types.push_back(a.type);
    inputs.push_back(a.bytes.get());
  }
  std::vector<Array> results;
  absl::InlinedVector<void*, 2> outputs;
  for (const Type& type : node.results) {
    results.push_back(Array::Zeros(type));
    outputs.push_back(results.back().bytes.get());
  }
  Status status = interpret_op(node, types, inputs, outputs, options);
  if (!status.ok()) return status;
  return results;
}

}  // namespace

Array Array::Zeros(const Type& type) {
  Array array{type, nullptr};
  array.bytes.reset(new std::byte[std::max<std::size_t>(array.byte_count(), 8)]());
  return array;
}

Array Array::From(const Literal& literal) {
  Array array = Zeros(literal.type);
  if (array.byte_count() > 0) std::memcpy(array.bytes.get(), literal.bytes.get(), array.byte_count());
  return array;
}

StatusOr<std::vector<Array>> run_graph(const Graph& graph, std::vector<Array> inputs,
                                       const InterpretOptions& options) {
  std::vector<bool> runs;
  std::vector<std::uint32_t> uses = count_live_uses(graph, runs);
  std::vector<absl::InlinedVector<Array, 1>> values(graph.nodes.size());
  for (std::size_t p = 0; p < graph.parameters.size(); ++p) {
    if (uses[graph.parameters[p]] > 0) values[graph.parameters[p]].push_back(std::move(inputs[p]));
  }
  inputs.clear();
  const auto take = [&](Value v) {
    if (--uses[v.node] > 0) return values[v.node][v.result];
    Array last = std::move(values[v.node][v.result]);
    values[v.node].clear();
    return last;
  };
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (!runs[n] || node.op == Op::parameter) continue;
    std::vector<Array> operands;
    for (Value v : node.inputs) operands.push_back(take(v));
    StatusOr<std::vector<Array>> results = run_node(node, std::move(operands), options);
    if (!results.ok()) return locate(graph, node, results.status());
    if (uses[n] == 0) continue;
    for (Array& result : *results) values[n].push_back(std::move(result));
  }
  std::vector<Array> outputs;
  for (Value v : graph.outputs) outputs.push_back(take(v));
  return outputs;
}

StatusOr<std::vector<std::int64_t>> match_inputs(const Graph& graph, std::span<const Type> inputs) {
  if (inputs.size() != graph.parameters.size()) {
    return Status(Code::invalid_argument, absl::StrCat("@", graph.name, " takes ", graph.parameters.size(),
                                                       " inputs, got ", inputs.size()));
  }
  std::vector<std::int64_t> extents(graph.symbols.size(), kUnknownDim);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Type& want = graph.nodes[graph.parameters[i]].results[0];
    const Type& have = inputs[i];
    bool fits = want.dtype == have.dtype && want.shape.rank() == have.shape.rank() && have.shape.is_static();
    for (std::size_t d = 0; fits && d < want.shape.size(); ++d) {
      const std::int64_t dim = want.shape[d];
      if (dim == kUnknownDim) continue;
      if (is_static(dim)) {
        fits = dim == have.shape[d];
        continue;
      }
      const auto id = static_cast<std::size_t>(symbol_of(dim));
      if (extents[id] == kUnknownDim) extents[id] = have.shape[d];
      const std::int64_t bound = graph.symbols[id].bound;
      fits = extents[id] == have.shape[d] && (bound < 0 || extents[id] <= bound);
    }
    if (!fits) {
      return Status(Code::invalid_argument,
                    absl::StrCat("input ", i, " of @", graph.name, " (%", graph.parameter_names[i], ") is ",
                                 graph.ToString(want), ", got ", graph.ToString(have)));
    }
  }
  return extents;
}

StatusOr<std::shared_ptr<const Graph>> specialise(const Graph& graph, std::span<const Type> inputs) {
  StatusOr<std::vector<std::int64_t>> extents = match_inputs(graph, inputs);
  if (!extents.ok()) return extents.status();
  bool is_static = !graph.has_symbols();
  for (const Node& node : graph.nodes) {
    for (const Type& type : node.results) is_static = is_static && type.shape.is_static();
  }
  if (is_static) return std::shared_ptr<const Graph>(std::shared_ptr<const Graph>(), &graph);
  for (std::size_t id = 0; id < extents->size(); ++id) {
    if ((*extents)[id] != kUnknownDim) continue;
    return Status(Code::invalid_argument,
                  absl::StrCat("no input of @", graph.name, " gives the extent of ", graph.symbols[id].name));
  }
  StatusOr<Graph> bound = bind_symbols(graph, *extents);
  if (!bound.ok()) return bound.status();
  return std::shared_ptr<const Graph>(std::make_shared<const Graph>(*std::move(bound)));
}

StatusOr<std::vector<Array>> interpret(const Graph& graph, std::span<const Array> inputs,
                                       const InterpretOptions& options) try {
  absl::InlinedVector<Type, 4> types;
  for (const Array& input : inputs) types.push_back(input.type);
  StatusOr<std::shared_ptr<const Graph>> bound = specialise(graph, types);
  if (!bound.ok()) return bound.status();
  StatusOr<std::vector<Array>> outputs =
      run_graph(**bound, std::vector<Array>(inputs.begin(), inputs.end()), options);
  if (!outputs.ok()) return outputs;
  for (Array& output : *outputs) {  // the caller's inputs stay the caller's
    if (output.bytes.use_count() == 1) continue;
    Array own = Array::Zeros(output.type);
    std::memcpy(own.bytes.get(), output.bytes.get(), output.byte_count());
    output = std::move(own);
  }
  return outputs;
} catch (const std::bad_alloc&) {
  return out_of_memory("@" + graph.name);
} catch (const std::length_error&) {
  return out_of_memory("@" + graph.name);
}

Status interpret_op(const Node& node, std::span<const Type> operand_types,
                    std::span<const void* const> inputs, std::span<void* const> outputs,
                    const InterpretOptions& options) try {
  return dispatch({node, operand_types, inputs, outputs, options});
} catch (const std::bad_alloc&) {
  return out_of_memory(name(node.op));
} catch (const std::length_error&) {
  return out_of_memory(name(node.op));
}

}  // namespace leat::ir
