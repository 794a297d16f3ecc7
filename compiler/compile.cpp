#include "compiler/compile.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/lower_graph.h"
#include "compiler/passes/passes.h"
#include "compiler/plan_memory.h"
#include "ir/verifier.h"
#include "runtime/cpu/contraction.h"

namespace leat::compiler {
namespace {

// A pass that leaves a broken graph is a defect of ours: it becomes an error that names the pass.
class Pipeline {
 public:
  Pipeline(const ir::Graph& graph, const CompileOptions& options) : options_(options), graph_(&graph) {}

  template <class Pass, class... Args>
  void Run(std::string_view name, Pass pass, const Args&... args) {
    if (!status_.ok()) return;
    made_ = pass(*graph_, args...);
    graph_ = &made_;
    if (Status s = ir::verify(made_); !s.ok()) {
      status_ =
          Status(Code::internal, absl::StrCat("after ", std::string(name), ": ", s.message()), s.where());
    }
  }
  void Stage(std::string_view name) const {
    if (options_.observe && status_.ok()) options_.observe(name, *graph_);
  }
  const Status& status() const { return status_; }
  const ir::Graph& graph() const { return *graph_; }

 private:
  const CompileOptions& options_;
  const ir::Graph* graph_;  // the one that was given, until a pass has run
  ir::Graph made_;
  Status status_;
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

}  // namespace

StatusOr<std::shared_ptr<const runtime::Program>> compile(const ir::Graph& graph,
                                                          const CompileOptions& options, CodeCache& code) {
  if (graph.has_symbols()) {
    return Status(Code::failed_precondition,
                  absl::StrCat("graph @", graph.name, " has symbolic dimensions; bind them first"));
  }
  if (Status s = ir::verify(graph); !s.ok()) return s;
  // A pass that would change nothing is not run: copying and verifying a graph costs 1 us a node.
  Pipeline pipeline(graph, options);
  const auto has_family = [&](ir::Family family) {
    const std::vector<ir::Node>& nodes = pipeline.graph().nodes;
    return std::any_of(nodes.begin(), nodes.end(),
                       [&](const ir::Node& node) { return ir::op_info(node.op).family == family; });
  };
  const auto has_op = [&](ir::Op op) {
    const std::vector<ir::Node>& nodes = pipeline.graph().nodes;
    return std::any_of(nodes.begin(), nodes.end(), [&](const ir::Node& node) { return node.op == op; });
  };
  pipeline.Stage("graph");
  if (has_dead_nodes(pipeline.graph())) pipeline.Run("eliminate_dead_nodes", eliminate_dead_nodes);
  if (options.simplify) {
    if (has_constant_operations(pipeline.graph())) {
      pipeline.Run("fold_constants", [](const ir::Graph& g) { return fold_constants(g); });
    }
    pipeline.Run("simplify_algebra", simplify_algebra);
    pipeline.Run("eliminate_common_subexpressions", eliminate_common_subexpressions);
  }
  if (has_family(ir::Family::reduce)) pipeline.Run("normalize_reductions", normalize_reductions);
  if (has_family(ir::Family::contraction)) pipeline.Run("normalize_contractions", normalize_contractions);
  if (has_dead_nodes(pipeline.graph())) pipeline.Run("eliminate_dead_nodes", eliminate_dead_nodes);
  pipeline.Stage("optimized");
  std::vector<std::string> device_names;
  for (const DeviceDescription& device : options.devices) device_names.push_back(device.name);
  if (Status s = check_devices(pipeline.graph(), device_names); !s.ok()) return s;
  if (device_names.size() > 1) pipeline.Run("place_nodes", place_nodes, device_names);
  pipeline.Stage("placed");
  // Exact convolutions are dense: there every layout is the same work.
  if (!options.exact_contractions && has_op(ir::Op::convolution)) {
    pipeline.Run("assign_layouts", assign_layouts, device_names, runtime::cpu::preferred_layouts);
    if (has_dead_nodes(pipeline.graph())) pipeline.Run("eliminate_dead_nodes", eliminate_dead_nodes);
  }
  FuseOptions fuse;
  fuse.one_op_per_group = !options.fuse;
  pipeline.Run("fuse_groups", fuse_groups, fuse);
  pipeline.Stage("fused");
  if (!pipeline.status().ok()) return pipeline.status();

  StatusOr<runtime::Program> program = lower_graph(pipeline.graph(), options, code);
  if (!program.ok()) return program.status();
  MemoryOptions memory;
  memory.workers = options.devices.empty() ? 1 : options.devices[0].workers;
  memory.reuse = options.reuse_memory;
  memory.reuse_from_bytes = options.reuse_from_bytes;
  plan_memory(*program, memory);
  if (Status s = program->Finish(); !s.ok()) return s;
  return std::shared_ptr<const runtime::Program>(std::make_shared<runtime::Program>(*std::move(program)));
}

void request_machine_code(const runtime::Program& program, CodeCache& code) {
  for (const runtime::Step& step : program.steps) {
    if (!step.body || step.body->kind() != "kernel") continue;
    const auto& kernel = static_cast<const runtime::KernelStep&>(*step.body);
    if (!kernel.code()->compiled()) code.Compile(kernel.code());
  }
}

}  // namespace leat::compiler
