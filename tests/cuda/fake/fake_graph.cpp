// The entry points of graphs, and of streams that capture.
#include "tests/cuda/fake/fake_graph.h"

#include <algorithm>
#include <cstring>

#include "tests/cuda/fake/fake_entries.h"

namespace leat::fake_cuda {

bool FakeNode::Replaces(const FakeNode& other) const {
  if (child == nullptr) return function == other.function;
  if (other.child == nullptr || child->nodes.size() != other.child->nodes.size()) return false;
  for (std::size_t n = 0; n < child->nodes.size(); ++n) {
    const FakeNode &mine = *child->nodes[n], &theirs = *other.child->nodes[n];
    if (mine.call != theirs.call || mine.after != theirs.after || !mine.Replaces(theirs)) return false;
  }
  return true;
}

std::shared_ptr<FakeGraph> FakeGraph::Clone() const {
  auto clone = std::make_shared<FakeGraph>();
  clone->device = device;
  for (const auto& node : nodes) clone->nodes.push_back(std::make_unique<FakeNode>(*node));
  return clone;
}

void run_graph(const FakeGraph& graph, std::minstd_rand& random) {
  std::vector<bool> done(graph.nodes.size(), false);
  for (std::size_t left = graph.nodes.size(); left > 0; --left) {
    if (!state().Works(graph.device)) return;
    std::vector<std::size_t> ready;
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
      const std::vector<std::size_t>& after = graph.nodes[n]->after;
      if (!done[n] && std::all_of(after.begin(), after.end(), [&](std::size_t a) { return done[a]; }))
        ready.push_back(n);
    }
    const std::size_t n = ready[random() % ready.size()];
    const FakeNode& node = *graph.nodes[n];
    done[n] = true;
    if (node.child != nullptr) {
      run_graph(*node.child, random);
    } else if (node.operation) {
      if (const std::string complaint = node.operation(); !complaint.empty())
        state().Complain(node.call + ": " + complaint);
    } else {
      state().Launch(
          {graph.device, node.function, node.blocks, node.threads, node.shared_bytes, node.block.data()});
    }
  }
}

namespace {

// Puts a node into a graph, behind others of it.
CuResult add_node(const char* call, FakeGraph& graph, std::unique_ptr<FakeNode> node,
                  const CuGraphNode* after, std::size_t count, CuGraphNode* added) {
  for (std::size_t k = 0; k < count; ++k) {
    const auto it = std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const auto& n) {
      return n.get() == reinterpret_cast<const FakeNode*>(after[k]);
    });
    if (it == graph.nodes.end()) return missing(call, "node to come after");
    const auto place = static_cast<std::size_t>(it - graph.nodes.begin());
    if (std::find(node->after.begin(), node->after.end(), place) != node->after.end())
      return state().Misuse(std::string(call) + " with the same node twice");
    node->after.push_back(place);
  }
  *added = reinterpret_cast<CuGraphNode>(node.get());
  graph.nodes.push_back(std::move(node));
  return CuResult::success;
}

// The node of an executable graph that one of the graph it was made of names.
FakeNode* node_of(const char* call, CuGraphExec handle, CuGraphNode node) {
  FakeExec* const exec = find(state().execs, handle);
  if (exec == nullptr) {
    missing(call, "executable graph");
    return nullptr;
  }
  const bool there = std::any_of(state().graphs.begin(), state().graphs.end(),
                                 [&](const auto& g) { return g.second.get() == exec->from; });
  if (!there) {
    state().Misuse(std::string(call) + ": the graph that names the node is gone");
    return nullptr;
  }
  for (std::size_t n = 0; n < exec->from->nodes.size(); ++n) {
    if (exec->from->nodes[n].get() == reinterpret_cast<FakeNode*>(node)) return exec->graph->nodes[n].get();
  }
  missing(call, "node");
  return nullptr;
}

// What is queued keeps the nodes as they were.
CuResult replace_node(const char* call, CuGraphExec exec, CuGraphNode handle, std::unique_ptr<FakeNode> by) {
  FakeNode* const node = node_of(call, exec, handle);
  if (node == nullptr) return CuResult::invalid_value;
  if (!node->Replaces(*by)) return state().Misuse(std::string(call) + " by another kind of work");
  by->after = node->after;
  *node = *by;
  return CuResult::success;
}

}  // namespace

CuResult StreamBeginCapture(CuStream handle, int mode) {
  LEAT_CONTEXT_CALL("cuStreamBeginCapture");
  FakeStream* const stream = stream_of(handle, device, "cuStreamBeginCapture");
  if (stream == nullptr) return CuResult::invalid_handle;
  if (mode != kCaptureRelaxed)
    return state().Misuse("cuStreamBeginCapture in a mode that stops other threads");
  auto graph = std::make_unique<FakeGraph>();
  graph->device = device;
  state().captures[stream] = std::move(graph);
  return CuResult::success;
}
CuResult StreamEndCapture(CuStream handle, CuGraph* graph) {
  LEAT_CALL("cuStreamEndCapture");
  const std::lock_guard lock(state().mutex);
  const auto it = state().captures.find(find(state().streams, handle));
  if (it == state().captures.end()) return missing("cuStreamEndCapture", "capture");
  keep(state().graphs, std::move(it->second), graph);
  state().captures.erase(it);
  return CuResult::success;
}

CuResult GraphCreate(CuGraph* graph, unsigned) {
  LEAT_CONTEXT_CALL("cuGraphCreate");
  auto made = std::make_unique<FakeGraph>();
  made->device = device;
  keep(state().graphs, std::move(made), graph);
  return CuResult::success;
}
CuResult GraphDestroy(CuGraph graph) {
  LEAT_CALL("cuGraphDestroy");
  const std::lock_guard lock(state().mutex);
  return state().graphs.erase(graph) == 1 ? CuResult::success : missing("cuGraphDestroy", "graph");
}
CuResult GraphAddKernelNode(CuGraphNode* node, CuGraph handle, const CuGraphNode* after, std::size_t count,
                            const CuKernelNode* parameters) {
  LEAT_CONTEXT_CALL("cuGraphAddKernelNode");
  FakeGraph* const graph = find(state().graphs, handle);
  if (graph == nullptr) return missing("cuGraphAddKernelNode", "graph");
  std::unique_ptr<FakeNode> made = kernel_of("cuGraphAddKernelNode", device, *parameters);
  if (made == nullptr) return CuResult::invalid_value;
  return add_node("cuGraphAddKernelNode", *graph, std::move(made), after, count, node);
}
CuResult GraphAddChildGraphNode(CuGraphNode* node, CuGraph handle, const CuGraphNode* after,
                                std::size_t count, CuGraph child) {
  LEAT_CONTEXT_CALL("cuGraphAddChildGraphNode");
  FakeGraph *const graph = find(state().graphs, handle), *const inner = find(state().graphs, child);
  if (graph == nullptr || inner == nullptr) return missing("cuGraphAddChildGraphNode", "graph");
  auto made = std::make_unique<FakeNode>();
  made->child = inner->Clone();
  return add_node("cuGraphAddChildGraphNode", *graph, std::move(made), after, count, node);
}
CuResult GraphInstantiateWithFlags(CuGraphExec* exec, CuGraph handle, unsigned long long) {
  LEAT_CONTEXT_CALL("cuGraphInstantiateWithFlags");
  FakeGraph* const graph = find(state().graphs, handle);
  if (graph == nullptr) return missing("cuGraphInstantiateWithFlags", "graph");
  keep(state().execs, std::make_unique<FakeExec>(graph, graph->Clone()), exec);
  return CuResult::success;
}
CuResult GraphExecKernelNodeSetParams(CuGraphExec exec, CuGraphNode node, const CuKernelNode* parameters) {
  constexpr const char* kCall = "cuGraphExecKernelNodeSetParams";
  LEAT_CONTEXT_CALL(kCall);
  std::unique_ptr<FakeNode> made = kernel_of(kCall, device, *parameters);
  if (made == nullptr) return CuResult::invalid_value;
  return replace_node(kCall, exec, node, std::move(made));
}
CuResult GraphExecChildGraphNodeSetParams(CuGraphExec exec, CuGraphNode node, CuGraph child) {
  constexpr const char* kCall = "cuGraphExecChildGraphNodeSetParams";
  LEAT_CONTEXT_CALL(kCall);
  FakeGraph* const inner = find(state().graphs, child);
  if (inner == nullptr) return missing(kCall, "graph");
  auto made = std::make_unique<FakeNode>();
  made->child = inner->Clone();
  return replace_node(kCall, exec, node, std::move(made));
}
CuResult GraphExecDestroy(CuGraphExec exec) {
  LEAT_CALL("cuGraphExecDestroy");
  const std::lock_guard lock(state().mutex);
  return state().execs.erase(exec) == 1 ? CuResult::success
                                        : missing("cuGraphExecDestroy", "executable graph");
}
CuResult GraphLaunch(CuGraphExec handle, CuStream on) {
  LEAT_CONTEXT_CALL("cuGraphLaunch");
  FakeExec* const exec = find(state().execs, handle);
  if (exec == nullptr) return missing("cuGraphLaunch", "executable graph");
  FakeStream* const stream = stream_of(on, device, "cuGraphLaunch");
  if (stream == nullptr) return CuResult::invalid_handle;
  if (exec->graph->device != device) return state().Misuse("cuGraphLaunch of a graph of another context");
  state().Queue(*stream, [graph = exec->graph->Clone(), seed = ++state().made] {
    std::minstd_rand random(static_cast<unsigned>(seed));
    run_graph(*graph, random);
  });
  return CuResult::success;
}

}  // namespace leat::fake_cuda
