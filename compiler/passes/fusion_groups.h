// Which nodes of a graph run as one kernel.
//
// A *member* is a node that a kernel computes: elementwise ops, random bits, reductions, and views that must
// be copied out. A *free* node (a scalar constant, an iota) is recomputed wherever it is used. A *cheap*
// member (one arithmetic op over values that exist anyway) is recomputed where it is read through a view.
// Other views belong to no group: whoever reads them reads through them. All other nodes are units of their
// own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compiler/passes/fusion_domain.h"
#include "compiler/passes/movable_order.h"
#include "compiler/passes/passes.h"
#include "ir/graph.h"

namespace leat::compiler {

class FusionGroups {
 public:
  FusionGroups(const ir::Graph& graph, const FuseOptions& options);

  /// The group of a member, or -1.
  int group_of(std::uint32_t node) const { return group_of_[node]; }
  bool is_free(std::uint32_t node) const { return free_[node]; }
  bool is_cheap(std::uint32_t node) const { return cheap_[node]; }
  /// In order; operands before uses.
  const std::vector<std::uint32_t>& members(std::uint32_t group) const { return groups_[group].nodes; }
  /// Whether a member's value is used outside its group.
  bool needed(std::uint32_t node) const { return needed_[node]; }
  /// A topological order of the units: node ids, and node count + group number.
  const std::vector<std::uint32_t>& order() const { return order_; }

  /// A value that crosses from one unit to another, where at least one of them is a group.
  struct Boundary {
    std::uint32_t producer, reader;  // nodes of the graph
    std::string why;                 // they do not run as one
  };
  /// One for each pair of units. REQUIRES: FuseOptions::boundaries was set.
  std::vector<Boundary> Boundaries() const;

 private:
  struct Group {
    std::vector<std::uint32_t> nodes;
    std::vector<std::uint64_t> reads;   // what stands outside it, as base << 32 | result; sorted
    Shape full;                         // of the elements
    std::vector<std::int64_t> reduced;  // dimensions of `full`
    int reductions = 0;
    std::uint32_t place = 0;  // a node: the group stands where that one is in places_
    bool dead = false;
  };
  struct Edge {
    ir::Value base;  // behind the views
    bool direct;     // no views between
  };

  Edge Resolve(ir::Value v) const;
  /// The resolved operands of a node.
  std::span<const Edge> Edges(std::uint32_t node) const {
    return {edges_.data() + edge_begin_[node], edge_begin_[node + 1] - edge_begin_[node]};
  }
  bool IsFusible(std::uint32_t node) const;
  int NewGroup(std::uint32_t node);
  void Visit(std::uint32_t node);
  void MergeWithOperands(std::uint32_t node);
  /// `why` gets the reason of a refusal, unless it is null.
  bool TryMerge(int a, int b, std::string* why);
  bool EdgesMatch(const Group& from, int to_group, const FusionDomain& domain) const;
  std::optional<std::vector<std::uint32_t>> UnitsBetween(int older, int younger) const;
  /// Where a unit stands, as a node: its own, or that of its group.
  std::uint32_t PlaceOf(std::uint32_t node) const {
    return group_of_[node] < 0 ? node : groups_[static_cast<std::size_t>(group_of_[node])].place;
  }
  void FindCheap();
  void RequireOutside();
  std::uint32_t Require(ir::Value v);
  void Order();

  const ir::Graph& graph_;
  const FuseOptions& options_;
  std::vector<int> group_of_;
  MovableOrder places_;      // of all nodes; that of the places of units is topological at any time
  std::vector<Edge> edges_;  // of all nodes: views are looked through once
  std::vector<std::uint32_t> edge_begin_;
  std::vector<bool> needed_, cheap_, free_;
  std::vector<Group> groups_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>>
      waits_for_;  // (what stands in memory, unit that reads it)
  std::vector<std::uint32_t> order_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::string> refusals_;  // (producer, reader) -> why
};

}  // namespace leat::compiler
