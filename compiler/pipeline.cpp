#include "compiler/pipeline.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/passes/passes.h"
#include "ir/verifier.h"
#include "runtime/cpu/contraction.h"

namespace leat::compiler {
namespace {

bool has_family(const ir::Graph& graph, ir::Family family) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [&](const ir::Node& node) { return ir::op_info(node.op).family == family; });
}

bool has_op(const ir::Graph& graph, ir::Op op) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [&](const ir::Node& node) { return node.op == op; });
}

std::vector<std::string> device_names(const CompileOptions& options) {
  std::vector<std::string> names;
  for (const DeviceDescription& device : options.devices) names.push_back(device.name);
  return names;
}

// Exact convolutions are dense: there every layout is the same work.
bool has_layouts(const ir::Graph& graph, const CompileOptions& options) {
  return !options.exact_contractions && has_op(graph, ir::Op::convolution);
}

ir::Graph place(const ir::Graph& graph, const CompileOptions& options) {
  const std::vector<std::string> names = device_names(options);
  const CustomLookup custom = [&](std::string_view target) {
    CustomKinds kinds;
    kinds.cuda = options.cuda_custom_call && options.cuda_custom_call(target) != nullptr;
    // One that nobody has registered is an error of the host.
    kinds.host = !kinds.cuda || (options.custom_call && options.custom_call(target) != nullptr);
    return kinds;
  };
  if (!options.place_automatically)
    return place_nodes(graph, names, options.input_devices, options.placements, nullptr, custom);
  const DevicePlan plan =
      choose_devices(graph, options.devices, options.input_devices, options.placements != nullptr, custom);
  ir::Graph placed = place_nodes(graph, names, options.input_devices, options.placements, &plan, custom);
  if (options.placements != nullptr) options.placements->summary = summarize(plan, names);
  return placed;
}

bool simplifies(const ir::Graph&, const CompileOptions& options) { return options.simplify; }
bool has_dead(const ir::Graph& graph, const CompileOptions&) { return has_dead_nodes(graph); }
ir::Graph eliminate_dead(const ir::Graph& graph, const CompileOptions&) {
  return eliminate_dead_nodes(graph);
}

constexpr Pass kPasses[] = {
    {"eliminate_dead_nodes", "drops what no output and no effect needs", has_dead, eliminate_dead, ""},
    {"fold_constants", "computes what depends on constants only",
     [](const ir::Graph& g, const CompileOptions& o) { return o.simplify && has_constant_operations(g); },
     [](const ir::Graph& g, const CompileOptions&) { return fold_constants(g); }, ""},
    {"simplify_algebra", "rewrites that keep every bit: x * 1, views of views, ...", simplifies,
     [](const ir::Graph& g, const CompileOptions&) { return simplify_algebra(g); }, ""},
    {"eliminate_common_subexpressions", "merges equal nodes", simplifies,
     [](const ir::Graph& g, const CompileOptions&) { return eliminate_common_subexpressions(g); }, ""},
    {"normalize_reductions", "makes each reduction one of adjacent dimensions",
     [](const ir::Graph& g, const CompileOptions&) { return has_family(g, ir::Family::reduce); },
     [](const ir::Graph& g, const CompileOptions&) { return normalize_reductions(g); }, ""},
    {"normalize_contractions", "makes each contraction [batch, m, k] x [batch, k, n]",
     [](const ir::Graph& g, const CompileOptions&) { return has_family(g, ir::Family::contraction); },
     [](const ir::Graph& g, const CompileOptions&) { return normalize_contractions(g); }, ""},
    {"eliminate_dead_nodes#2", "drops what the rewrites left behind", has_dead, eliminate_dead, "optimized"},
    {"place_nodes", "gives every node a device and puts copies between devices",
     [](const ir::Graph&, const CompileOptions& o) { return o.devices.size() > 1; },
     [](const ir::Graph& g, const CompileOptions& o) { return place(g, o); }, "placed"},
    {"assign_layouts", "keeps activations between convolutions in blocked layouts", has_layouts,
     [](const ir::Graph& g, const CompileOptions& o) {
       return assign_layouts(g, device_names(o), runtime::cpu::preferred_layouts, o.input_devices);
     },
     ""},
    {"eliminate_dead_nodes#3", "drops what blocked layouts made needless",
     [](const ir::Graph& g, const CompileOptions& o) { return has_layouts(g, o) && has_dead_nodes(g); },
     eliminate_dead, ""},
    {"fuse_groups", "puts ops that one loop can compute into one fused node",
     [](const ir::Graph&, const CompileOptions&) { return true; },
     [](const ir::Graph& g, const CompileOptions& o) {
       FuseOptions fuse;
       fuse.one_op_per_group = !o.fuse;
       fuse.boundaries = o.boundaries;
       return fuse_groups(g, fuse);
     },
     "fused"},
};

Status check_devices(const ir::Graph& graph, const std::vector<std::string>& names) {
  for (const ir::Node& node : graph.nodes) {
    if (node.op != ir::Op::copy) continue;
    const std::string& device = node.attrs().string(ir::Attr::device);
    if (std::find(names.begin(), names.end(), device) != names.end()) continue;
    return Status(
        Code::invalid_argument,
        absl::StrCat("copy: there is no device \"", device, "\"; devices: ", absl::StrJoin(names, ", ")),
        graph.locations[node.location].source);
  }
  return {};
}

// Whether what verify() looks at is the same: of a pass that changed nothing there is nothing to verify
// again.
bool same(const ir::Graph& a, const ir::Graph& b) {
  const auto same_node = [](const ir::Node& x, const ir::Node& y) {
    return x.op == y.op && x.location == y.location && x.inputs == y.inputs && x.attributes == y.attributes &&
           x.results == y.results;
  };
  return a.outputs == b.outputs && a.parameters == b.parameters && a.parameter_names == b.parameter_names &&
         a.locations.size() == b.locations.size() && a.symbols.size() == b.symbols.size() &&
         std::equal(a.nodes.begin(), a.nodes.end(), b.nodes.begin(), b.nodes.end(), same_node);
}

}  // namespace

std::span<const Pass> pipeline() { return kPasses; }

StatusOr<ir::Graph> run_pipeline(const ir::Graph& graph, const CompileOptions& options) {
  const ir::Graph* at = &graph;  // the one that was given, until a pass has run
  ir::Graph made;
  if (options.observe) options.observe("graph", *at);
  if (Status s = check_devices(*at, device_names(options)); !s.ok()) return s;
  for (const Pass& pass : kPasses) {
    const bool applies = pass.applies(*at, options);
    if (applies) {
      ir::Graph next = pass.run(*at, options);
      if (!same(*at, next)) {
        if (Status s = ir::verify(next); !s.ok()) {
          return Status(Code::internal, absl::StrCat("after ", std::string(pass.name), ": ", s.message()),
                        s.where());
        }
      }
      if (options.observe_pass) options.observe_pass(pass, *at, next);
      made = std::move(next);
      at = &made;
    } else if (options.observe_pass) {
      options.observe_pass(pass, *at, *at);
    }
    if (options.observe && !pass.stage.empty()) options.observe(pass.stage, *at);
  }
  return made;
}

}  // namespace leat::compiler
