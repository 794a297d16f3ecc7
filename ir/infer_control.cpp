// Order, control, effects and placement; sub-graphs and their signatures.
#include <algorithm>

#include "ir/inference_rules.h"

namespace leat::ir {
namespace {

StatusOr<Types> infer_sort(const Request& r) {
  if (r.operands.empty()) return fail(r, Rule::operand_count, "takes at least 1 operand, got 0");
  if (Status s = check_axis(r, "axis", r.attributes.integer(Attr::axis), r.x()); !s.ok()) return s;
  Shape shape = r.x().shape;
  for (const Type& operand : r.operands) {
    if (operand.shape.rank() != shape.rank() || merge_shape(shape, operand.shape) >= 0) {
      return fail(r, Rule::one_shape, "operands must have one shape, got ", text(r, r.x()), " and ",
                  text(r, operand));
    }
  }
  Types types;
  for (const Type& operand : r.operands) types.push_back({operand.dtype, shape});
  return types;
}

StatusOr<Types> infer_top_k(const Request& r) {
  if (Status s = check_operand_count(r, 1); !s.ok()) return s;
  const Type& x = r.x();
  if (x.shape.rank() == 0) return fail(r, Rule::axis, "there is no last axis in ", text(r, x), " (rank 0)");
  const std::int64_t k = r.attributes.integer(Attr::k);
  if (k < 0 || !may_fit(k, x.shape.back())) {
    return fail(r, Rule::top_k_range, "k ", k, " must be at least 0 and at most the last extent of ",
                text(r, x));
  }
  Shape shape = x.shape;
  shape[shape.size() - 1] = k;
  Types types;
  types.push_back({x.dtype, shape});
  types.push_back({DType::i64, std::move(shape)});
  for (const Type& type : types) {
    if (Status s = check_type(r, type); !s.ok()) return s;
  }
  return types;
}

/// The result types of applying the sub-graph `attr` to the operands.
StatusOr<Types> apply(const Request& r, Attr attr, std::span<const Type> operands) {
  const Graph& graph = r.attributes.graph(attr);
  StatusOr<std::vector<std::int64_t>> bindings = bind_parameters(r, name(attr), graph, operands);
  if (!bindings.ok()) return bindings.status();
  Types types;
  for (const Value v : graph.outputs) {
    if (v.node >= graph.nodes.size() || v.result >= graph.nodes[v.node].results.size()) {
      return fail(r, Rule::references, name(attr), " @", graph.name,
                  " returns a value that it does not have");
    }
    types.push_back(substitute(graph.type(v), *bindings));
    if (Status s = check_type(r, types.back()); !s.ok()) return s;
  }
  return types;
}

Status check_condition(const Request& r, std::string_view what, const Type& type) {
  if (type.dtype == DType::bool_ && type.shape.rank() == 0) return {};
  return fail(r, Rule::condition_scalar, what, " must be bool[], got ", text(r, type));
}

std::string list_types(const Request& r, std::span<const Type> types) {
  std::string s = "(";
  for (std::size_t i = 0; i < types.size(); ++i) absl::StrAppend(&s, i > 0 ? ", " : "", text(r, types[i]));
  return s + ")";
}

/// Merges b into a; false if they differ.
bool merge_types(Types& a, std::span<const Type> b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].dtype != b[i].dtype || a[i].shape.rank() != b[i].shape.rank()) return false;
    if (merge_shape(a[i].shape, b[i].shape) >= 0) return false;
  }
  return true;
}

StatusOr<Types> infer_cond(const Request& r) {
  if (r.operands.empty()) return fail(r, Rule::operand_count, "takes at least 1 operand, got 0");
  if (Status s = check_condition(r, "the first operand", r.x()); !s.ok()) return s;
  StatusOr<Types> first = apply(r, Attr::then_branch, r.operands.subspan(1));
  if (!first.ok()) return first.status();
  StatusOr<Types> second = apply(r, Attr::else_branch, r.operands.subspan(1));
  if (!second.ok()) return second.status();
  // An extent that only one branch knows is unknown: the other branch may have another.
  Types types = *first;
  if (first->empty() || !merge_types(types, *second)) {
    return fail(r, Rule::branch_results, "both branches must have the same results, at least one, got ",
                list_types(r, *first), " and ", list_types(r, *second));
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    for (std::size_t d = 0; d < types[i].shape.size(); ++d) {
      if ((*first)[i].shape[d] != (*second)[i].shape[d]) types[i].shape[d] = kUnknownDim;
    }
  }
  return types;
}

StatusOr<Types> infer_while_loop(const Request& r) {
  if (r.operands.empty()) return fail(r, Rule::operand_count, "takes at least 1 operand, got 0");
  StatusOr<Types> condition = apply(r, Attr::condition, r.operands);
  if (!condition.ok()) return condition.status();
  if (condition->size() != 1) {
    return fail(r, Rule::condition_scalar, "condition must have one result, bool[], got ",
                list_types(r, *condition));
  }
  if (Status s = check_condition(r, "condition", (*condition)[0]); !s.ok()) return s;
  StatusOr<Types> state = apply(r, Attr::body, r.operands);
  if (!state.ok()) return state.status();
  Types types(r.operands.begin(), r.operands.end());
  if (!merge_types(types, *state)) {
    return fail(r, Rule::loop_state, "body must return the types that it takes, ", list_types(r, r.operands),
                ", got ", list_types(r, *state));
  }
  return types;
}

StatusOr<Types> infer_fused(const Request& r) {
  StatusOr<Types> types = apply(r, Attr::body, r.operands);
  if (types.ok() && types->empty()) return fail(r, Rule::references, "body returns nothing");
  return types;
}

StatusOr<Types> infer_custom_call(const Request& r) {
  if (r.attributes.string(Attr::target).empty()) return fail(r, Rule::named, "the target must have a name");
  if (r.declared.empty()) return fail(r, Rule::declared, "the result types must be given, at least one");
  Types types(r.declared.begin(), r.declared.end());
  for (const Type& type : types) {
    if (Status s = check_type(r, type); !s.ok()) return s;
  }
  return types;
}

StatusOr<Types> infer_copy(const Request& r) {
  if (Status s = check_operand_count(r, 1); !s.ok()) return s;
  if (r.attributes.string(Attr::device).empty()) return fail(r, Rule::named, "the device must have a name");
  return finish(r, r.x());
}

}  // namespace

StatusOr<std::vector<std::int64_t>> bind_parameters(const Request& r, std::string_view what,
                                                    const Graph& graph, std::span<const Type> operands) {
  const auto differ = [&](std::string_view why) {
    return fail(r, Rule::signature, what, " @", graph.name, " ", why);
  };
  if (graph.parameters.size() != operands.size()) {
    return differ(cat("takes ", graph.parameters.size(), " operands, got ", operands.size()));
  }
  std::vector<std::int64_t> bindings(graph.symbols.size(), kUnknownDim);
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const std::uint32_t id = graph.parameters[i];
    if (id >= graph.nodes.size() || graph.nodes[id].results.size() != 1) {
      return fail(r, Rule::references, what, " @", graph.name, " has a parameter without a node");
    }
    const Type& want = graph.nodes[id].results[0];
    const Type& have = operands[i];
    bool fits = want.dtype == have.dtype && want.shape.rank() == have.shape.rank();
    for (std::size_t d = 0; fits && d < want.shape.size(); ++d) {
      const std::int64_t p = want.shape[d];
      if (is_static(p) || p == kUnknownDim) {
        fits = match(p, have.shape[d]);
        continue;
      }
      const auto symbol = static_cast<std::size_t>(symbol_of(p));
      if (symbol >= bindings.size()) {
        return fail(r, Rule::symbols, what, " @", graph.name, " has no symbol ", symbol);
      }
      fits = match(bindings[symbol], have.shape[d]);
      bindings[symbol] = merge(bindings[symbol], have.shape[d]);
      const std::int64_t bound = graph.symbols[symbol].bound;
      if (bound >= 0 && is_static(have.shape[d])) fits = fits && have.shape[d] <= bound;
    }
    if (!fits) {
      return differ(cat("takes ", graph.ToString(want), " as operand ", i, ", got ", text(r, have)));
    }
  }
  return bindings;
}

Type substitute(const Type& type, std::span<const std::int64_t> bindings) {
  Type result = type;
  for (std::size_t d = 0; d < result.shape.size(); ++d) {
    std::int64_t& extent = result.shape[d];
    if (is_static(extent) || extent == kUnknownDim) continue;
    const auto symbol = static_cast<std::size_t>(symbol_of(extent));
    extent = symbol < bindings.size() ? bindings[symbol] : kUnknownDim;
  }
  return result;
}

StatusOr<Types> infer_sorting(const Request& r) {
  return r.info.op == Op::sort ? infer_sort(r) : infer_top_k(r);
}

StatusOr<Types> infer_control(const Request& r) {
  switch (r.info.op) {
    case Op::cond: return infer_cond(r);
    case Op::while_loop: return infer_while_loop(r);
    case Op::custom_call: return infer_custom_call(r);
    case Op::copy: return infer_copy(r);
    default: return infer_fused(r);
  }
}

}  // namespace leat::ir
