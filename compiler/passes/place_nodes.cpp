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

// Constants, iotas and views of them: a kernel makes them anew wherever it runs.
bool is_everywhere(const ir::Graph& graph, const ir::Node& node, const std::vector<bool>& everywhere) {
  if (node.op == ir::Op::constant || node.op == ir::Op::iota) return true;
  return ir::op_info(node.op).family == ir::Family::view && everywhere[node.inputs[0].node] &&
         graph.nodes[node.inputs[0].node].results.size() == 1;
}

// Whether `node` becomes (part of) a kernel, whose body takes in what is everywhere.
bool runs_in_kernel(const ir::Node& node) {
  const ir::OpInfo& info = ir::op_info(node.op);
  return info.elementwise() || info.family == ir::Family::reduce;
}

}  // namespace

std::vector<std::uint16_t> device_of_nodes(const ir::Graph& graph,
                                           const std::vector<std::string>& device_names) {
  std::vector<std::uint16_t> device(graph.nodes.size(), 0);
  std::vector<bool> everywhere(graph.nodes.size(), false);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    everywhere[n] = is_everywhere(graph, node, everywhere);
    if (node.op == ir::Op::copy) {
      device[n] = device_number(device_names, node.attrs().string(ir::Attr::device));
      continue;
    }
    // Where its operands are; after place_nodes they agree, but for what is everywhere.
    for (ir::Value v : node.inputs) {
      if (everywhere[v.node]) continue;
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
  std::vector<bool> everywhere(graph.nodes.size(), false);
  absl::flat_hash_map<std::pair<std::uint64_t, std::uint16_t>, ir::Value> copies;
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (node.op == ir::Op::parameter) {
      rebuild.CopyParameter(n);
      continue;
    }
    rebuild.Copy(n);
    everywhere[n] = is_everywhere(graph, node, everywhere);
    if (node.op == ir::Op::copy) {
      device[n] = device_number(device_names, node.attrs().string(ir::Attr::device));
      continue;
    }
    // The device that holds most of what it reads: the fewest bytes are copied.
    std::vector<std::int64_t> bytes(device_names.size(), 0);
    for (ir::Value v : node.inputs) {
      const ir::Type& type = graph.type(v);
      if (everywhere[v.node] || !type.shape.is_static()) continue;
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
      if (everywhere[v.node] && runs_in_kernel(node)) continue;
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
