#include "ir/interpret_control.h"

#include <cstring>

#include "ir/interpret_families.h"

namespace leat::ir {
namespace {

std::vector<Type> types_of(std::span<const Array> arrays) {
  std::vector<Type> types;
  for (const Array& a : arrays) types.push_back(a.type);
  return types;
}

Status inside(const Graph& graph, Op op, const Status& status) {
  return status.WithNote("in @" + graph.name + " of " + std::string(name(op)));
}

StatusOr<std::vector<Array>> run_sub_graph(const Node& node, Attr attr, std::vector<Array> operands,
                                           const InterpretOptions& options) {
  const Graph& graph = node.attrs().graph(attr);
  StatusOr<std::shared_ptr<const Graph>> bound = specialise(graph, types_of(operands));
  if (!bound.ok()) return inside(graph, node.op, bound.status());
  StatusOr<std::vector<Array>> results = run_graph(**bound, std::move(operands), options);
  if (!results.ok()) return inside(graph, node.op, results.status());
  return results;
}

StatusOr<std::vector<Array>> run_while_loop(const Node& node, std::vector<Array> state,
                                            const InterpretOptions& options) {
  const Graph& condition = node.attrs().graph(Attr::condition);
  const Graph& body = node.attrs().graph(Attr::body);
  StatusOr<std::shared_ptr<const Graph>> bound_condition = specialise(condition, types_of(state));
  if (!bound_condition.ok()) return inside(condition, node.op, bound_condition.status());
  StatusOr<std::shared_ptr<const Graph>> bound_body = specialise(body, types_of(state));
  if (!bound_body.ok()) return inside(body, node.op, bound_body.status());
  while (true) {
    StatusOr<std::vector<Array>> holds = run_graph(**bound_condition, state, options);
    if (!holds.ok()) return inside(condition, node.op, holds.status());
    if (!(*holds)[0].as<bool>()[0]) return state;
    StatusOr<std::vector<Array>> next = run_graph(**bound_body, std::move(state), options);
    if (!next.ok()) return inside(body, node.op, next.status());
    state = *std::move(next);
  }
}

StatusOr<std::vector<Array>> run_custom_call(const Node& node, std::span<const Array> operands,
                                             const InterpretOptions& options) {
  const std::string& target = node.attrs().string(Attr::target);
  const CustomFunction* function = nullptr;
  if (options.custom_calls != nullptr) {
    const auto it = options.custom_calls->find(target);
    if (it != options.custom_calls->end()) function = &it->second;
  }
  if (function == nullptr) {
    return Status(Code::not_found, "custom_call: no function \"" + target + "\" is registered");
  }
  std::vector<Array> results;
  for (const Type& type : node.results) results.push_back(Array::Zeros(type));
  const auto failed = [&](std::string_view why) {
    return Status(Code::custom_op_failed, "custom_call \"" + target + "\": " + std::string(why));
  };
  try {
    const Status status = (*function)(operands, results);
    if (!status.ok()) return failed(status.message());
  } catch (const std::exception& e) {
    return failed(std::string("threw ") + e.what());
  } catch (...) {
    return failed("threw something that is not a std::exception");
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].type != node.results[i] || results[i].bytes == nullptr) {
      return failed("replaced output " + std::to_string(i) + " by an array of another type");
    }
  }
  return results;
}

}  // namespace

StatusOr<std::vector<Array>> run_control(const Node& node, std::vector<Array> operands,
                                         const InterpretOptions& options) {
  switch (node.op) {
    case Op::cond: {
      const bool holds = operands[0].as<bool>()[0];
      operands.erase(operands.begin());
      return run_sub_graph(node, holds ? Attr::then_branch : Attr::else_branch, std::move(operands), options);
    }
    case Op::while_loop: return run_while_loop(node, std::move(operands), options);
    case Op::fused: return run_sub_graph(node, Attr::body, std::move(operands), options);
    case Op::custom_call: return run_custom_call(node, operands, options);
    case Op::copy: return operands;  // a device is not part of the value
    default: return Status(Code::internal, std::string(name(node.op)) + " is not a control op");
  }
}

Status interpret_control(const OpCall& call) {
  std::vector<Array> operands;
  for (std::size_t i = 0; i < call.operands.size(); ++i) {
    // Borrowed: run_control reads operands and never writes to them.
    auto* bytes = static_cast<std::byte*>(const_cast<void*>(call.inputs[i]));
    operands.push_back({call.operands[i], {std::shared_ptr<std::byte[]>(), bytes}});
  }
  StatusOr<std::vector<Array>> results = run_control(call.node, std::move(operands), call.options);
  if (!results.ok()) return results.status();
  for (std::size_t i = 0; i < results->size(); ++i) {
    const Array& result = (*results)[i];
    if (result.byte_count() > 0) std::memcpy(call.outputs[i], result.bytes.get(), result.byte_count());
  }
  return {};
}

}  // namespace leat::ir
