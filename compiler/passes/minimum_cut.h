// The cheapest way to give every node of a network one of two labels, where neighbours that differ cost.
//
// Nodes 0 and 1 are the two fixed ones, `kSource` and `kSink`; others are made by AddNode. An edge of
// capacity c from a to b costs c where a is on the source's side and b on the sink's. One thread; used once.
//
//   MinimumCut cut;
//   const int v = cut.AddNode();
//   cut.AddEdge(MinimumCut::kSource, v, 3);  cut.AddEdge(v, MinimumCut::kSink, 2);
//   cut.Solve()[v]   // true: with the source, which costs 2; so is what could be on either side
#pragma once

#include <cstdint>
#include <vector>

namespace leat::compiler {

class MinimumCut {
 public:
  static constexpr int kSource = 0, kSink = 1;
  static constexpr std::int64_t kInfinite = std::int64_t{1} << 60;

  int AddNode();
  void AddEdge(int from, int to, std::int64_t capacity);
  /// For each node, whether it is on the source's side: the largest such set among the cheapest.
  std::vector<bool> Solve();

 private:
  struct Edge {
    int to;
    std::int64_t rest;
  };
  bool FindLevels();
  std::int64_t Push(int node, std::int64_t amount);

  std::vector<Edge> edges_;  // edge e and its reverse e ^ 1
  std::vector<std::vector<int>> out_ = std::vector<std::vector<int>>(2);
  std::vector<int> level_;
  std::vector<std::size_t> next_;
};

}  // namespace leat::compiler
