// CUDA graphs of the fake driver. A launch runs the nodes one after another in a random order that the edges
// allow, so that a missing one shows in the values.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "runtime/cuda/driver_abi.h"

namespace leat::fake_cuda {

struct FakeGraph;

/// A kernel, the operation of a library, or a graph.
struct FakeNode {
  runtime::cuda::CuFunction function = nullptr;
  unsigned blocks = 0, threads = 0, shared_bytes = 0;
  std::vector<std::byte> block;  // of parameters
  std::string call;
  std::function<std::string()> operation;
  std::shared_ptr<const FakeGraph> child;
  std::vector<std::size_t> after;  // nodes before it in its graph
  /// Whether a node may be patched to be `other`.
  bool Replaces(const FakeNode& other) const;
};

struct FakeGraph {
  int device = 0;
  std::vector<std::unique_ptr<FakeNode>> nodes;
  std::shared_ptr<FakeGraph> Clone() const;
};

struct FakeExec {
  const FakeGraph* from;  // whose nodes name those of `graph`
  std::shared_ptr<FakeGraph> graph;
};

/// On a stream's thread.
void run_graph(const FakeGraph& graph, std::minstd_rand& random);

}  // namespace leat::fake_cuda
