// Dinic's algorithm: shortest augmenting paths, level by level.
#include "compiler/passes/minimum_cut.h"

#include <algorithm>

namespace leat::compiler {

int MinimumCut::AddNode() {
  out_.emplace_back();
  return static_cast<int>(out_.size()) - 1;
}

void MinimumCut::AddEdge(int from, int to, std::int64_t capacity) {
  if (from == to || capacity <= 0) return;
  out_[static_cast<std::size_t>(from)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({to, capacity});
  out_[static_cast<std::size_t>(to)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({from, 0});
}

// How far each node is from the source along edges with room; whether the sink can be reached.
bool MinimumCut::FindLevels() {
  level_.assign(out_.size(), -1);
  level_[kSource] = 0;
  std::vector<int> queue = {kSource};
  for (std::size_t at = 0; at < queue.size(); ++at) {
    for (const int e : out_[static_cast<std::size_t>(queue[at])]) {
      const Edge& edge = edges_[static_cast<std::size_t>(e)];
      int& level = level_[static_cast<std::size_t>(edge.to)];
      if (edge.rest == 0 || level >= 0) continue;
      level = level_[static_cast<std::size_t>(queue[at])] + 1;
      queue.push_back(edge.to);
    }
  }
  return level_[kSink] >= 0;
}

// Walks level by level towards the sink, with a stack of its own: paths are as long as the graph is deep.
std::int64_t MinimumCut::Push(int source, std::int64_t amount) {
  std::vector<int> path;  // edges from the source to where we are
  int at = source;
  while (true) {
    if (at == kSink) {
      for (const int e : path) amount = std::min(amount, edges_[static_cast<std::size_t>(e)].rest);
      for (const int e : path) {
        edges_[static_cast<std::size_t>(e)].rest -= amount;
        edges_[static_cast<std::size_t>(e ^ 1)].rest += amount;
      }
      return amount;
    }
    const auto u = static_cast<std::size_t>(at);
    bool moved = false;
    for (std::size_t& k = next_[u]; k < out_[u].size(); ++k) {
      const int e = out_[u][k];
      const Edge& edge = edges_[static_cast<std::size_t>(e)];
      if (edge.rest == 0 || level_[static_cast<std::size_t>(edge.to)] != level_[u] + 1) continue;
      path.push_back(e);
      at = edge.to;
      moved = true;
      break;
    }
    if (moved) continue;
    if (path.empty()) return 0;
    at = edges_[static_cast<std::size_t>(path.back() ^ 1)].to;  // a dead end: back, and past the edge to it
    ++next_[static_cast<std::size_t>(at)];
    path.pop_back();
  }
}

std::vector<bool> MinimumCut::Solve() {
  while (FindLevels()) {
    next_.assign(out_.size(), 0);
    while (Push(kSource, kInfinite) > 0) {
    }
  }
  // Everything that could still send something to the sink is on its side.
  std::vector<bool> with_source(out_.size(), true);
  with_source[kSink] = false;
  std::vector<int> queue = {kSink};
  for (std::size_t at = 0; at < queue.size(); ++at) {
    for (const int e : out_[static_cast<std::size_t>(queue[at])]) {
      const auto from = static_cast<std::size_t>(edges_[static_cast<std::size_t>(e)].to);
      if (edges_[static_cast<std::size_t>(e ^ 1)].rest == 0 || !with_source[from]) continue;
      with_source[from] = false;
      queue.push_back(static_cast<int>(from));
    }
  }
  return with_source;
}

}  // namespace leat::compiler
