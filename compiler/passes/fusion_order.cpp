// The order of the units of a fused graph, and the circles in which they wait for each other.
#include <algorithm>
#include <queue>

#include "compiler/passes/fusion_groups.h"

namespace leat::compiler {
namespace {

using UnitEdges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

// The units of the components of more than one, among those that are left (Tarjan, "Depth-first search and
// linear graph algorithms", 1972; without recursion). edges[begin[u]...begin[u + 1]) are those from u.
class Circles {
 public:
  Circles(const std::vector<std::uint32_t>& begin, const UnitEdges& edges, const std::vector<bool>& left)
      : begin_(begin), edges_(edges), left_(left), number_(left.size()), low_(left.size()), next_(begin) {
    for (std::uint32_t root = 0; root < left.size(); ++root) {
      if (!left[root] || number_[root] != 0) continue;
      Enter(root);
      while (!path_.empty()) Advance(path_.back());
    }
  }

  std::vector<std::uint32_t> units;

 private:
  static constexpr std::uint32_t kDone = ~std::uint32_t{0};  // in a component that is complete

  void Enter(std::uint32_t unit) {
    number_[unit] = low_[unit] = ++entered_;
    open_.push_back(unit);
    path_.push_back(unit);
  }
  void Advance(std::uint32_t unit) {
    if (next_[unit] < begin_[unit + 1]) {
      const std::uint32_t to = edges_[next_[unit]++].second;
      if (!left_[to]) return;
      if (number_[to] == 0) {
        Enter(to);
      } else if (number_[to] != kDone) {
        low_[unit] = std::min(low_[unit], number_[to]);
      }
      return;
    }
    path_.pop_back();
    if (!path_.empty()) low_[path_.back()] = std::min(low_[path_.back()], low_[unit]);
    if (low_[unit] == number_[unit]) Complete(unit);
  }
  void Complete(std::uint32_t first) {
    const bool alone = open_.back() == first;
    for (bool more = true; more;) {
      const std::uint32_t unit = open_.back();
      open_.pop_back();
      number_[unit] = kDone;
      if (!alone) units.push_back(unit);
      more = unit != first;
    }
  }

  const std::vector<std::uint32_t>& begin_;
  const UnitEdges& edges_;
  const std::vector<bool>& left_;
  std::vector<std::uint32_t> number_, low_, next_, open_, path_;
  std::uint32_t entered_ = 0;
};

}  // namespace

std::vector<std::uint32_t> FusionGroups::Order() {
  const std::uint32_t count = static_cast<std::uint32_t>(graph_.nodes.size());
  auto unit_of = [&](std::uint32_t n) {
    return group_of_[n] >= 0 ? count + static_cast<std::uint32_t>(group_of_[n]) : n;
  };
  // Kahn's algorithm over units; parameters, views and free nodes are copied where they are used.
  const std::size_t units = count + groups_.size();
  std::vector<std::uint32_t> waits(units, 0);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;
  auto is_unit = [&](std::uint32_t n) {
    const ir::Node& node = graph_.nodes[n];
    return group_of_[n] >= 0 ||
           !(ir::is_view(node) || node.op == Op::parameter || node.op == Op::constant || node.op == Op::iota);
  };
  auto wait = [&](std::uint32_t from, std::uint32_t to) {
    if (!is_unit(from) || unit_of(from) == unit_of(to)) return;
    edges.emplace_back(unit_of(from), unit_of(to));
    ++waits[unit_of(to)];
  };
  for (const auto& [from, to] : waits_for_) wait(from, to);
  std::vector<std::uint32_t> bases;
  for (std::uint32_t n = 0; n < count; ++n) {
    if (group_of_[n] < 0) continue;
    bases.clear();
    for (const Edge& e : Edges(n)) bases.push_back(e.base.node);
    while (!bases.empty()) {
      const std::uint32_t base = bases.back();
      bases.pop_back();
      if (is_free(base)) continue;
      // A cheap member that is recomputed here brings its own operands along; waiting for it as well is
      // harmless.
      if (group_of_[base] < 0 || needed_[base]) wait(base, n);
      if (is_cheap(base)) {
        for (const Edge& e : Edges(base)) bases.push_back(e.base.node);
      }
    }
  }
  std::sort(edges.begin(), edges.end());
  std::vector<std::uint32_t> begin(units + 1, 0);
  for (const auto& [from, to] : edges) ++begin[from + 1];
  for (std::size_t u = 0; u < units; ++u) begin[u + 1] += begin[u];
  // The age of a unit is its oldest node; older units first keeps the user's order.
  auto age = [&](std::uint32_t unit) { return unit < count ? unit : groups_[unit - count].nodes.front(); };
  auto older = [&](std::uint32_t a, std::uint32_t b) { return age(a) > age(b); };
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, decltype(older)> ready(older);
  std::size_t left = 0;
  for (std::uint32_t n = 0; n < count; ++n) {
    if (!is_unit(n) || group_of_[n] >= 0) continue;
    ++left;
    if (waits[n] == 0) ready.push(n);
  }
  auto used = [&](const Group& g) {
    return std::any_of(g.nodes.begin(), g.nodes.end(), [&](std::uint32_t m) { return needed_[m]; });
  };
  for (std::uint32_t g = 0; g < groups_.size(); ++g) {
    if (groups_[g].dead) continue;
    ++left;
    if (waits[count + g] == 0) ready.push(count + g);
  }
  while (!ready.empty()) {
    const std::uint32_t unit = ready.top();
    ready.pop();
    --left;
    if (unit < count || used(groups_[unit - count])) order_.push_back(unit);
    for (std::uint32_t e = begin[unit]; e < begin[unit + 1]; ++e) {
      if (--waits[edges[e].second] == 0) ready.push(edges[e].second);
    }
  }
  std::vector<std::uint32_t> circle;
  if (left == 0) return circle;
  std::vector<bool> is_left(units);
  for (std::uint32_t u = 0; u < units; ++u) is_left[u] = waits[u] > 0;
  for (const std::uint32_t unit : Circles(begin, edges, is_left).units) {
    if (unit >= count) circle.push_back(unit - count);
  }
  return circle;
}

}  // namespace leat::compiler
