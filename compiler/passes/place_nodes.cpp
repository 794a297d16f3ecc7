#include "absl/container/flat_hash_map.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rebuild.h"

namespace leat::compiler {

namespace {

// The device called `name`, or 0 for a name that is not among them (compile() has rejected those).
std::uint16_t device_number(const std::vector<std::string>& names, const std::string& name) {
  for (std::size_t d = 0; d < names.size(); ++d) {
    if (names[d] == name) return static_cast<std::uint16_t>(d);
  }
  return 0;
}

}  // namespace

std::vector<std::uint16_t> device_of_nodes(const ir::Graph& graph,
                                           const std::vector<std::string>& device_names) {
  std::vector<std::uint16_t> device(graph.nodes.size(), 0);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (node.op == ir::Op::copy) {
      device[n] = device_number(device_names, node.attrs().string(ir::Attr::device));
      continue;
    }
    // Where its operands are; after place_nodes they agree, but for constants, which are everywhere.
    for (ir::Value v : node.inputs) {
      if (graph.nodes[v.node].op == ir::Op::constant) continue;
      device[n] = device[v.node];
      break;
    }
  }
  return device;
}

ir::Graph place_nodes(const ir::Graph& graph, const std::vector<std::string>& device_names) {
  if (device_names.size() <= 1) return graph;
  Rebuild rebuild(graph);
  std::vector<std::uint16_t> device(graph.nodes.size(), 0);
  absl::flat_hash_map<std::pair<std::uint64_t, std::uint16_t>, ir::Value> copies;
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (node.op == ir::Op::parameter) {
      rebuild.CopyParameter(n);
      continue;
    }
    rebuild.Copy(n);
    if (node.op == ir::Op::copy) {
      device[n] = device_number(device_names, node.attrs().string(ir::Attr::device));
      continue;
    }
    // The device that holds most of what it reads: the fewest bytes are copied.
    std::vector<std::int64_t> bytes(device_names.size(), 0);
    for (ir::Value v : node.inputs) {
      const ir::Type& type = graph.type(v);
      if (graph.nodes[v.node].op == ir::Op::constant || !type.shape.is_static()) continue;
      bytes[device[v.node]] +=
          1 + type.shape.num_elements() * static_cast<std::int64_t>(byte_size(type.dtype));
    }
    for (std::uint16_t d = 0; d < bytes.size(); ++d) {
      if (bytes[d] > bytes[device[n]]) device[n] = d;
    }
    std::vector<std::pair<std::size_t, ir::Value>> replaced;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ir::Value v = node.inputs[i];
      if (device[v.node] == device[n] || graph.nodes[v.node].op == ir::Op::constant) continue;
      const auto key = std::make_pair(std::uint64_t{v.node} << 32 | v.result, device[n]);
      auto it = copies.find(key);
      if (it == copies.end()) {
        // The copy must stand before its reader: the reader is appended anew behind it.
        rebuild.to().nodes.pop_back();
        const ir::Value copy =
            rebuild.Add(ir::Op::copy, {rebuild.Get(v)}, {{ir::Attr::device, device_names[device[n]]}},
                        graph.type(v), node.location);
        it = copies.emplace(key, copy).first;
        rebuild.Copy(n);
      }
      replaced.emplace_back(i, it->second);
    }
    const std::uint32_t last = static_cast<std::uint32_t>(rebuild.to().nodes.size() - 1);
    for (const auto& [i, copy] : replaced) rebuild.to().nodes[last].inputs[i] = copy;
  }
  return rebuild.Finish();
}

}  // namespace leat::compiler
