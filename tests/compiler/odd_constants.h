// Constants that begin at odd addresses, as weights do in a model's file.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/interpreter.h"

namespace leat::testing {

inline ir::Literal at_odd_address(const ir::Array& array) {
  const std::size_t bytes = array.byte_count();
  std::shared_ptr<std::byte[]> block(new std::byte[bytes + 2]);
  std::byte* const at = block.get() + (reinterpret_cast<std::uintptr_t>(block.get()) % 2 + 1) % 2;
  if (bytes > 0) std::memcpy(at, array.bytes.get(), bytes);
  return {array.type, std::shared_ptr<const std::byte[]>(block, at)};
}

/// The graph with what `bound` says of its inputs, by ordinal, as constants; they go out of `inputs`.
template <class Bound>
ir::Graph with_odd_constants(ir::Graph graph, std::vector<ir::Array>& inputs, Bound&& bound) {
  std::vector<std::uint32_t> parameters;
  std::vector<std::string> names;
  std::vector<ir::Array> rest;
  for (std::size_t p = 0; p < graph.parameters.size(); ++p) {
    ir::Node& node = graph.nodes[graph.parameters[p]];
    if (bound(p)) {
      node.op = ir::Op::constant;
      node.attributes = std::make_shared<const ir::Attributes>(
          ir::Attributes{{ir::Attr::value, at_odd_address(inputs[p])}});
      continue;
    }
    parameters.push_back(graph.parameters[p]);
    names.push_back(graph.parameter_names[p]);
    rest.push_back(inputs[p]);
  }
  graph.parameters = std::move(parameters);
  graph.parameter_names = std::move(names);
  inputs = std::move(rest);
  return graph;
}

}  // namespace leat::testing
