// The order of the units of a fused graph.
#include <algorithm>
#include <queue>

#include "compiler/passes/fusion_groups.h"

namespace leat::compiler {

void FusionGroups::Order() {
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
  for (std::uint32_t n = 0; n < count; ++n) {
    if (is_unit(n) && group_of_[n] < 0 && waits[n] == 0) ready.push(n);
  }
  auto used = [&](const Group& g) {
    return std::any_of(g.nodes.begin(), g.nodes.end(), [&](std::uint32_t m) { return needed_[m]; });
  };
  for (std::uint32_t g = 0; g < groups_.size(); ++g) {
    if (!groups_[g].dead && waits[count + g] == 0) ready.push(count + g);
  }
  while (!ready.empty()) {
    const std::uint32_t unit = ready.top();
    ready.pop();
    if (unit < count || used(groups_[unit - count])) order_.push_back(unit);
    for (std::uint32_t e = begin[unit]; e < begin[unit + 1]; ++e) {
      if (--waits[edges[e].second] == 0) ready.push(edges[e].second);
    }
  }
}

}  // namespace leat::compiler
