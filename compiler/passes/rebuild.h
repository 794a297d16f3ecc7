// The common shape of a pass: walk the old graph in order, append to a new one, remember where each value
// went.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace leat::compiler {

class Rebuild {
 public:
  explicit Rebuild(const ir::Graph& from) : from_(from), to_(from.name), values_(from.nodes.size()) {
    to_.symbols = from.symbols;
    to_.locations = from.locations;
    to_.nodes.reserve(from.nodes.size());
  }

  const ir::Graph& from() const { return from_; }
  ir::Graph& to() { return to_; }

  /// Where result `v` of the old graph stands in the new one.
  ir::Value Get(ir::Value v) const {
    const ir::Value first = values_[v.node];
    return {first.node, first.result + v.result};
  }
  void Set(std::uint32_t old_node, ir::Value value) { values_[old_node] = value; }
  /// Appends a copy of old node `n` with its operands mapped.
  ir::Value Copy(std::uint32_t n) {
    ir::Node copy = from_.nodes[n];
    for (ir::Value& input : copy.inputs) input = Get(input);
    const ir::Value v = to_.AddUnchecked(std::move(copy));
    Set(n, v);
    return v;
  }
  /// Appends a parameter; all of them are kept, in order.
  void CopyParameter(std::uint32_t n) {
    const ir::Value v = Copy(n);
    to_.parameters.push_back(v.node);
    to_.parameter_names.push_back(from_.parameter_names[to_.parameter_names.size()]);
  }
  /// A node made by the pass, at the location of old node `like`.
  ir::Value Add(ir::Op op, absl::InlinedVector<ir::Value, 3> inputs, ir::Attributes attributes, ir::Type type,
                std::uint32_t location) {
    ir::Node node;
    node.op = op;
    node.location = location;
    node.inputs = std::move(inputs);
    node.results.push_back(std::move(type));
    if (!attributes.empty()) node.attributes = std::make_shared<const ir::Attributes>(std::move(attributes));
    return to_.AddUnchecked(std::move(node));
  }
  ir::Graph Finish() {
    for (ir::Value v : from_.outputs) to_.outputs.push_back(Get(v));
    return std::move(to_);
  }

 private:
  const ir::Graph& from_;
  ir::Graph to_;
  std::vector<ir::Value> values_;
};

}  // namespace leat::compiler
