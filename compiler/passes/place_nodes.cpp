#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
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

// Whether a GPU can run it: what is (part of) a loop kernel.
bool runs_on_gpu(const ir::Node& node) {
  return runs_in_kernel(node) || ir::op_info(node.op).family == ir::Family::view;
}

bool is_gpu(const std::string& name) { return name.starts_with("gpu:"); }

// Of the parameter nodes, in order.
std::vector<std::uint16_t> devices_of_parameters(const ir::Graph& graph,
                                                 const std::vector<std::uint16_t>& input_devices) {
  std::vector<std::uint16_t> device(graph.nodes.size(), 0);
  for (std::size_t i = 0; i < graph.parameters.size() && i < input_devices.size(); ++i)
    device[graph.parameters[i]] = input_devices[i];
  return device;
}

class Placement {
 public:
  Placement(const ir::Graph& graph, const std::vector<std::string>& names,
            const std::vector<std::uint16_t>& input_devices)
      : graph_(graph),
        names_(names),
        rebuild_(graph),
        device_(devices_of_parameters(graph, input_devices)),
        everywhere_(graph.nodes.size(), false),
        bytes_(graph.nodes.size(), 0) {}

  ir::Graph Run() {
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      const ir::Node& node = graph_.nodes[n];
      everywhere_[n] = is_everywhere(graph_, node, everywhere_);
      bytes_[n] = Bytes({n, 0});
      if (is_view(node)) bytes_[n] = std::min(bytes_[n], bytes_[node.inputs[0].node]);
      if (node.op == ir::Op::parameter) {
        rebuild_.CopyParameter(n);
        continue;
      }
      if (node.op == ir::Op::copy) {
        device_[n] = device_number(names_, node.attrs().string(ir::Attr::device));
        rebuild_.Copy(n);
        continue;
      }
      device_[n] = Choose(node);
      absl::InlinedVector<ir::Value, 3> inputs;
      for (ir::Value v : node.inputs) {
        const bool anywhere = everywhere_[v.node] && runs_in_kernel(node);
        inputs.push_back(anywhere ? rebuild_.Get(v) : On(v, device_[n], node.location, 0));
      }
      const ir::Value made = rebuild_.Copy(n);
      rebuild_.to().nodes[made.node].inputs = std::move(inputs);
    }
    return rebuild_.Finish();
  }

 private:
  static bool is_view(const ir::Node& node) { return ir::op_info(node.op).family == ir::Family::view; }

  std::int64_t Bytes(ir::Value v) const {
    const ir::Type& type = graph_.type(v);
    return type.shape.is_static()
               ? type.shape.num_elements() * static_cast<std::int64_t>(byte_size(type.dtype))
               : 0;
  }

  // The device that holds most of what it reads: the fewest bytes are copied. A view counts as what it is of.
  std::uint16_t Choose(const ir::Node& node) const {
    std::vector<std::int64_t> bytes(names_.size(), 0);
    for (ir::Value v : node.inputs) {
      if (everywhere_[v.node] || !graph_.type(v).shape.is_static()) continue;
      bytes[device_[v.node]] += 1 + (is_view(graph_.nodes[v.node]) ? bytes_[v.node] : Bytes(v));
    }
    const auto most = std::max_element(bytes.begin(), bytes.end());
    const auto device = static_cast<std::uint16_t>(most - bytes.begin());
    return is_gpu(names_[device]) && !runs_on_gpu(node) ? std::uint16_t{0} : device;
  }

  // The value on a device: itself, a copy, or, of a view that is no smaller than what it is of, the view of a
  // copy of that. Nodes that it needs are added at `location`.
  ir::Value On(ir::Value v, std::uint16_t device, std::uint32_t location, int depth) {
    constexpr int kDeepest = 64;
    const ir::Node& node = graph_.nodes[v.node];
    if (device_[v.node] == device || node.op == ir::Op::constant) return rebuild_.Get(v);
    const auto key = std::make_pair(std::uint64_t{v.node} << 32 | v.result, device);
    if (const auto known = made_.find(key); known != made_.end()) return known->second;
    ir::Value made;
    if (is_view(node) && depth < kDeepest && Bytes(v) >= Bytes(node.inputs[0])) {
      ir::Node view = node;
      view.inputs[0] = On(node.inputs[0], device, location, depth + 1);
      made = rebuild_.to().AddUnchecked(std::move(view));
    } else {
      made = rebuild_.Add(ir::Op::copy, {rebuild_.Get(v)}, {{ir::Attr::device, names_[device]}},
                          graph_.type(v), location);
    }
    made_.emplace(key, made);
    return made;
  }

  const ir::Graph& graph_;
  const std::vector<std::string>& names_;
  Rebuild rebuild_;
  std::vector<std::uint16_t> device_;
  std::vector<bool> everywhere_;
  std::vector<std::int64_t> bytes_;  // of each node's first result; of a view, of the least that it is of
  absl::flat_hash_map<std::pair<std::uint64_t, std::uint16_t>, ir::Value> made_;
};

}  // namespace

std::vector<std::uint16_t> device_of_nodes(const ir::Graph& graph,
                                           const std::vector<std::string>& device_names,
                                           const std::vector<std::uint16_t>& input_devices) {
  std::vector<std::uint16_t> device = devices_of_parameters(graph, input_devices);
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

ir::Graph place_nodes(const ir::Graph& graph, const std::vector<std::string>& device_names,
                      const std::vector<std::uint16_t>& input_devices) {
  if (device_names.size() <= 1) return graph;
  return Placement(graph, device_names, input_devices).Run();
}

}  // namespace leat::compiler
