#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "compiler/passes/device_rules.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rebuild.h"
#include "runtime/cuda/op_plan.h"

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

bool is_everywhere(const ir::Graph& graph, const ir::Node& node, const std::vector<bool>& everywhere) {
  if (node.op == ir::Op::constant || node.op == ir::Op::iota) return true;
  return ir::is_view(node) && everywhere[node.inputs[0].node] &&
         graph.nodes[node.inputs[0].node].results.size() == 1;
}

bool runs_in_kernel(const ir::Node& node) {
  const ir::OpInfo& info = ir::op_info(node.op);
  return info.elementwise() || info.family == ir::Family::reduce;
}

Status has_host_code(const ir::Node& node, const CustomLookup& custom) {
  if (node.op != ir::Op::custom_call || !custom) return {};
  const std::string& target = node.attrs().string(ir::Attr::target);
  if (custom(target).host) return {};
  return Status(Code::unimplemented, "custom op \"" + target + "\" has a launch function for GPUs only");
}

Status has_gpu_code(const ir::Graph& graph, const ir::Node& node, const CustomLookup& custom) {
  if (node.op == ir::Op::custom_call && custom && custom(node.attrs().string(ir::Attr::target)).cuda)
    return {};
  if (runs_in_kernel(node) || ir::is_view(node)) return {};
  // A kernel makes random bits; a product takes in views of its operands, whatever their strides.
  if (node.op == ir::Op::random_bits || node.op == ir::Op::dot_general) return {};
  std::vector<ir::Type> operands;
  for (ir::Value v : node.inputs) operands.push_back(graph.type(v));
  // Any architecture: they differ in sizes only.
  return runtime::cuda::plan_op(node, operands, *runtime::cuda::gpu_description("sm_90")).status();
}

namespace {

bool is_gpu(const std::string& name) { return name.starts_with("gpu:"); }

// Of the parameter nodes, in order.
std::vector<std::uint16_t> devices_of_parameters(const ir::Graph& graph,
                                                 const std::vector<std::uint16_t>& input_devices) {
  std::vector<std::uint16_t> device(graph.nodes.size(), 0);
  for (std::size_t i = 0; i < graph.parameters.size() && i < input_devices.size(); ++i)
    device[graph.parameters[i]] = input_devices[i];
  return device;
}

class Placer {
 public:
  Placer(const ir::Graph& graph, const std::vector<std::string>& names,
         const std::vector<std::uint16_t>& input_devices, Placements* placements, const DevicePlan* plan,
         const CustomLookup& custom)
      : graph_(graph),
        names_(names),
        rebuild_(graph),
        device_(devices_of_parameters(graph, input_devices)),
        everywhere_(graph.nodes.size(), false),
        bytes_(graph.nodes.size(), 0),
        placements_(placements),
        plan_(plan),
        custom_(custom) {}

  ir::Graph Run() {
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      const ir::Node& node = graph_.nodes[n];
      everywhere_[n] = is_everywhere(graph_, node, everywhere_);
      bytes_[n] = Bytes({n, 0});
      if (ir::is_view(node)) bytes_[n] = std::min(bytes_[n], bytes_[node.inputs[0].node]);
      if (node.op == ir::Op::parameter) {
        rebuild_.CopyParameter(n);
        Say(device_[n], [] { return std::string("an input that is there"); });
        continue;
      }
      if (node.op == ir::Op::copy) {
        device_[n] = device_number(names_, node.attrs().string(ir::Attr::device));
        rebuild_.Copy(n);
        Say(device_[n], [] { return std::string("the program asks for this copy"); });
        continue;
      }
      const bool planned =
          plan_ != nullptr && plan_->nodes[n].why != DeviceChoice::Why::operands && ReadsSomewhere(node);
      const Choice choice = planned ? Choice() : Choose(node);
      device_[n] = planned ? plan_->nodes[n].device : choice.device;
      absl::InlinedVector<ir::Value, 3> inputs;
      for (ir::Value v : node.inputs) {
        const bool anywhere = everywhere_[v.node] && runs_in_kernel(node);
        inputs.push_back(anywhere ? rebuild_.Get(v) : On(v, device_[n], node, 0));
      }
      const ir::Value made = rebuild_.Copy(n);
      rebuild_.to().nodes[made.node].inputs = std::move(inputs);
      Say(device_[n], [&] { return planned ? Planned(n) : Reason(n, choice); });
      if (placements_ != nullptr && planned && !plan_->estimates.empty())
        placements_->nodes.back().estimates = plan_->estimates[plan_->nodes[n].task];
    }
    return rebuild_.Finish();
  }

 private:
  std::int64_t Bytes(ir::Value v) const {
    const ir::Type& type = graph_.type(v);
    return type.shape.is_static() ? byte_size(type) : 0;
  }

  // Whether some operand lies on a device, by which device_of_nodes knows where the node is.
  bool ReadsSomewhere(const ir::Node& node) const {
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](ir::Value v) { return !everywhere_[v.node]; });
  }

  struct Choice {
    std::uint16_t device = 0;
    std::uint16_t wanted = 0;         // by the bytes
    std::int64_t there = 0, all = 0;  // bytes of the operands on `wanted`, and of all
    bool reads = false;               // something that lies on a device
    Status no_code;                   // why `device` is not the wanted one
  };
  // The device that holds most of what it reads: the fewest bytes are copied. A view counts as what it is of.
  Choice Choose(const ir::Node& node) const {
    std::vector<std::int64_t> bytes(names_.size(), 0), operands(names_.size(), 0);
    Choice choice;
    for (ir::Value v : node.inputs) {
      if (everywhere_[v.node] || !graph_.type(v).shape.is_static()) continue;
      const std::int64_t size = ir::is_view(graph_.nodes[v.node]) ? bytes_[v.node] : Bytes(v);
      bytes[device_[v.node]] += size;
      ++operands[device_[v.node]];
      choice.all += size;
      choice.reads = true;
    }
    std::uint16_t& most = choice.wanted;
    for (std::uint16_t d = 1; d < bytes.size(); ++d) {
      if (bytes[d] + operands[d] > bytes[most] + operands[most]) most = d;
    }
    choice.there = bytes[most];
    choice.device = choice.wanted;
    const auto first_gpu = std::find_if(names_.begin(), names_.end(), is_gpu);
    if (is_gpu(names_[choice.wanted])) {
      choice.no_code = has_gpu_code(graph_, node, custom_);
      if (!choice.no_code.ok()) choice.device = 0;
    } else if (choice.reads && first_gpu != names_.end()) {
      choice.no_code = has_host_code(node, custom_);
      if (!choice.no_code.ok()) choice.device = static_cast<std::uint16_t>(first_gpu - names_.begin());
    }
    return choice;
  }
  std::string Reason(std::uint32_t n, const Choice& choice) const {
    const ir::Node& node = graph_.nodes[n];
    if (everywhere_[n]) {
      return node.op == ir::Op::constant ? "a constant, which every device has"
                                         : "made anew by every kernel that reads it";
    }
    if (!choice.reads) return "reads nothing that lies on a device: the first one";
    if (!choice.no_code.ok())
      return choice.no_code.message() + "; its operands are on " + names_[choice.wanted];
    if (choice.there == choice.all) return "its operands are there";
    return std::string(2 * choice.there > choice.all ? "most bytes of its operands are there: "
                                                     : "no device has more bytes of its operands: ") +
           std::to_string(choice.there) + " of " + std::to_string(choice.all);
  }
  std::string Planned(std::uint32_t n) const {
    const DeviceChoice& choice = plan_->nodes[n];
    switch (choice.why) {
      case DeviceChoice::Why::requested: return "computed from what the program copies there";
      case DeviceChoice::Why::host: return "control flow and functions of the program stay on the host";
      case DeviceChoice::Why::operands:
      case DeviceChoice::Why::estimate: break;
    }
    if (choice.task != n) return "part of one kernel: with " + Name(graph_.nodes[choice.task]);
    return std::string(plan_->winner == DevicePlan::kMixed ? "soonest here: "
                                                           : "the program is soonest with all of it here: ") +
           explain_estimates(*plan_->estimates[n], choice.device, names_);
  }
  // Of the node that was added last.
  template <class Text>
  void Say(std::uint16_t device, Text why) {
    if (placements_ == nullptr) return;
    placements_->nodes.resize(rebuild_.to().nodes.size());
    placements_->nodes.back() = {device, why(), nullptr};
  }

  // The value on a device: itself, a copy, or, of a view that is no smaller than what it is of, the view of a
  // copy of that. Nodes that it needs are added for `reader`.
  ir::Value On(ir::Value v, std::uint16_t device, const ir::Node& reader, int depth) {
    constexpr int kDeepest = 64;
    const ir::Node& node = graph_.nodes[v.node];
    if (device_[v.node] == device || node.op == ir::Op::constant) return rebuild_.Get(v);
    const auto key = std::make_pair(std::uint64_t{v.node} << 32 | v.result, device);
    if (const auto known = made_.find(key); known != made_.end()) return known->second;
    ir::Value made;
    if (ir::is_view(node) && depth < kDeepest && Bytes(v) >= Bytes(node.inputs[0])) {
      ir::Node view = node;
      view.inputs[0] = On(node.inputs[0], device, reader, depth + 1);
      made = rebuild_.to().AddUnchecked(std::move(view));
      Say(device, [&] { return "a view of the copy, no larger than one of the view for " + Name(reader); });
    } else {
      made = rebuild_.Add(ir::Op::copy, {rebuild_.Get(v)}, {{ir::Attr::device, names_[device]}},
                          graph_.type(v), reader.location);
      Say(device, [&] { return "for " + Name(reader) + " there"; });
    }
    made_.emplace(key, made);
    return made;
  }
  std::string Name(const ir::Node& node) const {
    const ir::NodeLocation& at = graph_.locations[node.location];
    return std::string(ir::name(node.op)) + (at.label.empty() ? "" : " \"" + at.label + "\"");
  }

  const ir::Graph& graph_;
  const std::vector<std::string>& names_;
  Rebuild rebuild_;
  std::vector<std::uint16_t> device_;
  std::vector<bool> everywhere_;
  std::vector<std::int64_t> bytes_;  // of each node's first result; of a view, of the least that it is of
  absl::flat_hash_map<std::pair<std::uint64_t, std::uint16_t>, ir::Value> made_;
  Placements* const placements_;  // null: nobody asks
  const DevicePlan* const plan_;  // null: the place of the operands decides
  const CustomLookup& custom_;
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
                      const std::vector<std::uint16_t>& input_devices, Placements* placements,
                      const DevicePlan* plan, const CustomLookup& custom) {
  if (placements != nullptr) *placements = {};
  if (device_names.size() <= 1) return graph;
  return Placer(graph, device_names, input_devices, placements, plan, custom).Run();
}

}  // namespace leat::compiler
