#include "compiler/passes/minimum_cut.h"

#include <gtest/gtest.h>

#include <random>

namespace leat::compiler {
namespace {

TEST(MinimumCut, TakesTheCheaperSide) {
  MinimumCut cut;
  const int v = cut.AddNode(), w = cut.AddNode();
  cut.AddEdge(MinimumCut::kSource, v, 3);
  cut.AddEdge(v, w, 5);
  cut.AddEdge(w, MinimumCut::kSink, 4);
  const std::vector<bool> side = cut.Solve();
  EXPECT_FALSE(side[v]);
  EXPECT_FALSE(side[w]);
}

TEST(MinimumCut, WhatCouldBeOnEitherSideIsWithTheSource) {
  MinimumCut cut;
  const int v = cut.AddNode(), w = cut.AddNode();
  cut.AddEdge(MinimumCut::kSource, v, 2);
  cut.AddEdge(v, w, 2);
  cut.AddEdge(w, MinimumCut::kSink, 2);
  const std::vector<bool> side = cut.Solve();
  EXPECT_TRUE(side[v]);
  EXPECT_TRUE(side[w]);
}

// Against every choice there is, on random networks.
TEST(MinimumCut, IsTheCheapestOfAllChoices) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const int nodes = 2 + static_cast<int>(random() % 7), count = static_cast<int>(random() % 20);
    struct Edge {
      int from, to;
      std::int64_t capacity;
    };
    std::vector<Edge> edges;
    MinimumCut cut;
    for (int n = 2; n < nodes; ++n) cut.AddNode();
    for (int e = 0; e < count; ++e) {
      edges.push_back({static_cast<int>(random() % static_cast<unsigned>(nodes)),
                       static_cast<int>(random() % static_cast<unsigned>(nodes)),
                       static_cast<std::int64_t>(random() % 10)});
      cut.AddEdge(edges.back().from, edges.back().to, edges.back().capacity);
    }
    const auto cost = [&](auto&& with_source) {
      std::int64_t sum = 0;
      for (const Edge& e : edges) {
        if (with_source(e.from) && !with_source(e.to)) sum += e.capacity;
      }
      return sum;
    };
    const std::vector<bool> side = cut.Solve();
    ASSERT_TRUE(side[MinimumCut::kSource]);
    ASSERT_FALSE(side[MinimumCut::kSink]);
    std::int64_t least = MinimumCut::kInfinite;
    for (int mask = 0; mask < 1 << (nodes - 2); ++mask) {
      least = std::min(least, cost([&](int n) { return n == 0 || (n > 1 && (mask >> (n - 2) & 1) != 0); }));
    }
    EXPECT_EQ(cost([&](int n) { return static_cast<bool>(side[static_cast<std::size_t>(n)]); }), least);
  }
}

TEST(MinimumCut, APathOfAHundredThousandNodes) {
  MinimumCut cut;
  int last = MinimumCut::kSource;
  for (int i = 0; i < 100'000; ++i) {
    const int next = cut.AddNode();
    cut.AddEdge(last, next, i == 60'000 ? 1 : 2);
    last = next;
  }
  cut.AddEdge(last, MinimumCut::kSink, 2);
  const std::vector<bool> side = cut.Solve();
  EXPECT_EQ(std::count(side.begin(), side.end(), true), 60'001);
}

}  // namespace
}  // namespace leat::compiler
