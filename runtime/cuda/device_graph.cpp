#include "runtime/cuda/device_graph.h"

#include <algorithm>

namespace leat::runtime::cuda {
namespace {

CuKernelNode kernel_node(CuFunction function, const LaunchGeometry& geometry, void** parameters) {
  CuKernelNode node;
  node.function = function;
  node.grid_x = geometry.blocks;
  node.block_x = geometry.threads;
  node.shared_bytes = geometry.shared_bytes;
  node.parameters = parameters;
  return node;
}

/// Adds nodes, one after another, behind others.
class NodeAdder final : public LaunchTarget {
 public:
  NodeAdder(const Driver& driver, CuGraph graph, std::vector<CuGraphNode> after,
            std::vector<CuGraphNode>& nodes)
      : driver_(driver), graph_(graph), after_(std::move(after)), nodes_(nodes) {}
  Status Launch(CuFunction function, const LaunchGeometry& geometry, void** parameters) override {
    const CuKernelNode node = kernel_node(function, geometry, parameters);
    CuGraphNode added = nullptr;
    return Added(driver_.GraphAddKernelNode(&added, graph_, after_.data(), after_.size(), &node),
                 "cuGraphAddKernelNode", added);
  }
  Status AddChild(CuGraph child) {
    CuGraphNode added = nullptr;
    return Added(driver_.GraphAddChildGraphNode(&added, graph_, after_.data(), after_.size(), child),
                 "cuGraphAddChildGraphNode", added);
  }
  /// Behind which nodes the next one comes.
  const std::vector<CuGraphNode>& after() const { return after_; }

 private:
  Status Added(CuResult result, const char* call, const CuGraphNode& node) {
    if (result != CuResult::success) return driver_.Check(result, call);
    nodes_.push_back(node);
    after_.assign(1, node);
    return {};
  }
  const Driver& driver_;
  const CuGraph graph_;
  std::vector<CuGraphNode> after_;
  std::vector<CuGraphNode>& nodes_;
};

/// Gives the nodes of a step the parameters that it has now.
class NodePatcher final : public LaunchTarget {
 public:
  NodePatcher(const Driver& driver, CuGraphExec exec, std::span<const CuGraphNode> nodes)
      : driver_(driver), exec_(exec), nodes_(nodes) {}
  Status Launch(CuFunction function, const LaunchGeometry& geometry, void** parameters) override {
    const CuKernelNode node = kernel_node(function, geometry, parameters);
    return driver_.Check(driver_.GraphExecKernelNodeSetParams(exec_, nodes_[next_++], &node),
                         "cuGraphExecKernelNodeSetParams");
  }

 private:
  const Driver& driver_;
  const CuGraphExec exec_;
  const std::span<const CuGraphNode> nodes_;
  std::size_t next_ = 0;
};

const GpuStepBody& body_of(const GraphMember& member) {
  return static_cast<const GpuStepBody&>(*member.body);
}

/// Launches a device graph, or what there is of one.
class GraphStep final : public GpuStepBody {
 public:
  GraphStep(DeviceId device, std::vector<GraphMember> members)
      : GpuStepBody(device), members_(std::move(members)) {}
  std::span<const GraphMember> members() const { return members_; }

  Status Queue(StepContext& context) const override {
    GpuRun& run = *context.gpu(device());
    const std::uint32_t step = context.step_ordinal();
    if (run.as_graphs()) {
      // One whose operands have no content, say, has had no turn.
      const bool all = std::all_of(members_.begin(), members_.end(),
                                   [&](const GraphMember& m) { return run.passed(m.step); });
      if (all) {
        StepTurn turn(context, device(), /*launches_graph=*/true);
        if (!turn.status().ok()) return turn.status();
        const bool launched = run.graph(step).Launch(context, run, turn.stream());
        context.Enter(step);
        if (launched) return turn.Done();
      }
      const Status queued = QueueEach(context, run);
      context.Enter(step);
      if (!queued.ok()) return queued;
    }
    StepTurn turn(context, device());
    if (!turn.status().ok()) return turn.status();
    return turn.Done();
  }

  std::string_view kind() const override { return "graph"; }
  std::string ToString() const override {
    std::string text;
    for (const GraphMember& m : members_) text += (text.empty() ? "steps " : ", ") + std::to_string(m.step);
    return text + " in one launch";
  }

 private:
  Status QueueEach(StepContext& context, GpuRun& run) const {
    for (const GraphMember& m : members_) {
      if (!run.passed(m.step)) continue;
      if (context.stopping()) return Status(Code::cancelled, "the run was stopped between two kernels");
      context.Enter(m.step);
      Status s = body_of(m).Queue(context);
      if (s.ok()) continue;
      switch (s.code()) {
        case Code::cancelled:
        case Code::deadline_exceeded:
        case Code::resource_exhausted:
        case Code::device_lost: return s;  // the run fails
        default: break;
      }
      for (std::size_t u = 0; u < m.uses.size(); ++u) {
        if (m.uses[u].write) context.Poison(u, s);
      }
    }
    return {};
  }

  const std::vector<GraphMember> members_;
};

}  // namespace

bool DeviceGraph::Launch(StepContext& context, GpuRun& run, CuStream stream) {
  if (given_up_) return false;
  Status status = exec_ == nullptr ? Build(context, run) : Patch(context, run);
  if (status.ok()) status = Check(gpu_.driver().GraphLaunch(exec_, stream), "cuGraphLaunch");
  if (status.ok()) return true;
  GiveUp();
  return false;
}

Status DeviceGraph::Build(StepContext& context, GpuRun& run) {
  const Driver& driver = gpu_.driver();
  if (Status s = Check(driver.GraphCreate(&graph_, 0), "cuGraphCreate"); !s.ok()) {
    graph_ = nullptr;
    return s;
  }
  parts_.assign(members_.size(), {});
  std::vector<std::vector<CuGraphNode>> last(members_.size());  // what comes behind a member comes behind
  for (std::size_t k = 0; k < members_.size(); ++k) {
    const GraphMember& member = members_[k];
    std::vector<CuGraphNode> after;
    for (const std::uint32_t a : member.after) {
      for (CuGraphNode node : last[a]) {
        if (std::find(after.begin(), after.end(), node) == after.end()) after.push_back(node);
      }
    }
    context.Enter(member.step);
    NodeAdder adder(driver, graph_, std::move(after), parts_[k].nodes);
    Status status;
    if (body_of(member).in_graph() == GpuStepBody::InGraph::kernels) {
      status = body_of(member).Launch(context, adder);
    } else {
      const StatusOr<CuGraph> child = Capture(context, run, member);
      if (!child.ok()) return child.status();
      status = adder.AddChild(*child);
      give_back([&] { return driver.GraphDestroy(*child); });
    }
    if (!status.ok()) return status;
    last[k] = adder.after();
    parts_[k].pointers.assign(context.pointers, context.pointers + member.uses.size());
  }
  const Status made =
      Check(driver.GraphInstantiateWithFlags(&exec_, graph_, 0), "cuGraphInstantiateWithFlags");
  if (!made.ok()) exec_ = nullptr;
  return made;
}

Status DeviceGraph::Patch(StepContext& context, GpuRun& run) {
  const Driver& driver = gpu_.driver();
  for (std::size_t k = 0; k < members_.size(); ++k) {
    const GraphMember& member = members_[k];
    Part& part = parts_[k];
    context.Enter(member.step);
    if (std::equal(part.pointers.begin(), part.pointers.end(), context.pointers)) continue;
    Status status;
    if (body_of(member).in_graph() == GpuStepBody::InGraph::kernels) {
      NodePatcher patcher(driver, exec_, part.nodes);
      status = body_of(member).Launch(context, patcher);
    } else {
      const StatusOr<CuGraph> child = Capture(context, run, member);
      if (!child.ok()) return child.status();
      status = Check(driver.GraphExecChildGraphNodeSetParams(exec_, part.nodes[0], *child),
                     "cuGraphExecChildGraphNodeSetParams");
      give_back([&] { return driver.GraphDestroy(*child); });
    }
    if (!status.ok()) return status;
    part.pointers.assign(context.pointers, context.pointers + member.uses.size());
  }
  return {};
}

StatusOr<CuGraph> DeviceGraph::Capture(StepContext& context, GpuRun& run, const GraphMember& member) {
  const Driver& driver = gpu_.driver();
  if (capturing_ == nullptr) {
    if (Status s = Check(driver.StreamCreate(&capturing_, kStreamNonBlocking), "cuStreamCreate"); !s.ok()) {
      capturing_ = nullptr;
      return s;
    }
  }
  // Relaxed: what other threads do meanwhile, and what the library allocates, is none of its business.
  if (Status s = Check(driver.StreamBeginCapture(capturing_, kCaptureRelaxed), "cuStreamBeginCapture");
      !s.ok())
    return s;
  run.Capture(member.step, capturing_);
  const Status queued = body_of(member).Queue(context);
  run.Capture(member.step, nullptr);
  CuGraph child = nullptr;
  CuResult ended = driver.StreamEndCapture(capturing_, &child);
  if (ended != CuResult::success) ended = driver.StreamEndCapture(capturing_, &child);
  if (Status s = Check(ended, "cuStreamEndCapture"); !s.ok()) return s;
  if (queued.ok()) return child;
  give_back([&] { return driver.GraphDestroy(child); });
  return queued;
}

void DeviceGraph::GiveUp() {
  const Driver& driver = gpu_.driver();
  given_up_ = true;
  if (exec_ != nullptr) give_back([&] { return driver.GraphExecDestroy(exec_); });
  if (graph_ != nullptr) give_back([&] { return driver.GraphDestroy(graph_); });
  if (capturing_ != nullptr) give_back([&] { return driver.StreamDestroy(capturing_); });
  exec_ = nullptr;
  graph_ = nullptr;
  capturing_ = nullptr;
}

std::shared_ptr<const StepBody> make_graph_step(DeviceId device, std::vector<GraphMember> members) {
  return std::make_shared<GraphStep>(device, std::move(members));
}

std::span<const GraphMember> graph_members(const StepBody& body) {
  if (!body.queued() || body.kind() != "graph") return {};
  return static_cast<const GraphStep&>(body).members();
}

}  // namespace leat::runtime::cuda
