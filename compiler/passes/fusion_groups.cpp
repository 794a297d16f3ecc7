#include "compiler/passes/fusion_groups.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/passes/contraction_views.h"

namespace leat::compiler {

using ir::Family;
using ir::Op;
using ir::Value;

namespace {
// A search for a cycle gives up, and the merge with it, after this many units: keeps fusion linear.
constexpr std::size_t kCycleSearchLimit = 128;
}  // namespace

FusionGroups::FusionGroups(const ir::Graph& graph, const FuseOptions& options)
    : graph_(graph), options_(options), places_(static_cast<std::uint32_t>(graph.nodes.size())) {
  edge_begin_.reserve(graph.nodes.size() + 1);
  edges_.reserve(2 * graph.nodes.size());
  free_.reserve(graph.nodes.size());
  for (const ir::Node& node : graph.nodes) {
    edge_begin_.push_back(static_cast<std::uint32_t>(edges_.size()));
    for (Value v : node.inputs) edges_.push_back(Resolve(v));
    free_.push_back(node.op == Op::iota ||
                    (node.op == Op::constant && node.type().shape.num_elements() == 1));
  }
  edge_begin_.push_back(static_cast<std::uint32_t>(edges_.size()));
  group_of_.assign(graph.nodes.size(), -1);
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    if (IsFusible(n)) Visit(n);
  }
  needed_.assign(graph.nodes.size(), false);
  FindCheap();
  RequireOutside();
  Order();
}

bool FusionGroups::IsFusible(std::uint32_t n) const {
  const ir::Node& node = graph_.nodes[n];
  const ir::OpInfo& info = ir::op_info(node.op);
  return info.elementwise() || node.op == Op::random_bits || info.family == Family::reduce;
}

// Decided once the groups stand and before views are copied out, so that everybody sees the same answer.
void FusionGroups::FindCheap() {
  cheap_.assign(graph_.nodes.size(), false);
  if (options_.one_op_per_group) return;
  for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
    const ir::Node& node = graph_.nodes[n];
    const ir::OpInfo& info = ir::op_info(node.op);
    if (!info.elementwise() || info.is(ir::kTranscendental) || info.is(ir::kFaults)) continue;
    const std::span<const Edge> edges = Edges(n);
    cheap_[n] =
        std::all_of(edges.begin(), edges.end(), [&](const Edge& e) { return group_of_[e.base.node] < 0; });
  }
}

FusionGroups::Edge FusionGroups::Resolve(Value v) const {
  bool direct = true;
  while (ir::is_view(graph_.nodes[v.node])) {
    v = graph_.nodes[v.node].inputs[0];
    direct = false;
  }
  return {v, direct};
}

int FusionGroups::NewGroup(std::uint32_t n) {
  const ir::Node& node = graph_.nodes[n];
  Group group;
  group.nodes = {n};
  group.place = n;
  if (ir::op_info(node.op).family == Family::reduce) {
    group.full = graph_.type(node.inputs[0]).shape;
    group.reduced = node.attrs().integers(ir::Attr::dims);
    group.reductions = 1;
  } else {
    group.full = node.type().shape;
  }
  for (const Edge& e : Edges(n)) {
    if (!is_free(e.base.node)) group.reads.push_back(std::uint64_t{e.base.node} << 32 | e.base.result);
  }
  std::sort(group.reads.begin(), group.reads.end());
  group.reads.erase(std::unique(group.reads.begin(), group.reads.end()), group.reads.end());
  groups_.push_back(std::move(group));
  group_of_[n] = static_cast<int>(groups_.size() - 1);
  return group_of_[n];
}

void FusionGroups::Visit(std::uint32_t n) {
  NewGroup(n);
  MergeWithOperands(n);
}

void FusionGroups::MergeWithOperands(std::uint32_t n) {
  if (options_.one_op_per_group) return;
  for (const Edge& edge : Edges(n)) {
    const int producer = group_of_[edge.base.node];
    if (producer < 0 || producer == group_of_[n]) continue;
    std::string why;
    const bool explain = options_.boundaries != nullptr;
    if (!TryMerge(group_of_[n], producer, explain ? &why : nullptr) && explain)
      refusals_.insert_or_assign({edge.base.node, n}, std::move(why));
  }
}

bool FusionGroups::TryMerge(int a, int b, std::string* why) {
  Group& x = groups_[static_cast<std::size_t>(a)];
  Group& y = groups_[static_cast<std::size_t>(b)];
  const auto refuse = [&](const auto&... reason) {
    if (why != nullptr) *why = absl::StrCat(reason...);
    return false;
  };
  if (static_cast<int>(x.nodes.size() + y.nodes.size()) > options_.max_ops) {
    return refuse("together they have ", x.nodes.size() + y.nodes.size(), " ops; a kernel has at most ",
                  options_.max_ops);
  }
  if (x.reductions + y.reductions > options_.max_reductions) {
    return refuse("together they have ", x.reductions + y.reductions, " reductions; a kernel has at most ",
                  options_.max_reductions);
  }
  FusionDomain domain;
  Shape full = x.full;
  std::vector<std::int64_t> reduced;
  if (x.reductions == 0 && y.reductions == 0) {
    if (x.full.num_elements() != y.full.num_elements()) {
      return refuse("one loops over ", y.full.ToString(), ", the other over ", x.full.ToString(),
                    ": other numbers of elements");
    }
    if (x.full.num_elements() == 0) return refuse("they have no elements");
    std::optional<Shape> refined = refine_shapes(x.full, y.full);
    if (!refined) {
      return refuse("no one loop has the indices of both ", y.full.ToString(), " and ", x.full.ToString());
    }
    full = *refined;
    domain = map_domain(full);
  } else {
    const Group& r = x.reductions > 0 ? x : y;
    const Group& other = x.reductions > 0 ? y : x;
    if (other.reductions > 0 && (other.full != r.full || other.reduced != r.reduced)) {
      return refuse("one reduces dimensions ", absl::StrJoin(y.reduced, ","), " of ", y.full.ToString(),
                    ", the other ", absl::StrJoin(x.reduced, ","), " of ", x.full.ToString());
    }
    full = r.full;
    reduced = r.reduced;
    if (full.num_elements() == 0) return refuse("nothing is reduced");
    domain = reduce_domain(full, reduced);
    if (other.reductions == 0) {
      for (std::uint32_t m : other.nodes) {
        const Shape& shape = graph_.nodes[m].type().shape;
        if (domain.Place(shape)) continue;
        return refuse(std::string(name(graph_.nodes[m].op)), " of ", shape.ToString(),
                      " is neither an element nor a row of the reduction of dimensions ",
                      absl::StrJoin(reduced, ","), " of ", full.ToString());
      }
    }
  }
  // The cheapest question first.
  std::vector<std::uint64_t> reads;
  reads.reserve(x.reads.size() + y.reads.size());
  std::set_union(x.reads.begin(), x.reads.end(), y.reads.begin(), y.reads.end(), std::back_inserter(reads));
  std::erase_if(reads, [&](std::uint64_t read) {
    const int from = group_of_[read >> 32];
    return from == a || from == b;
  });
  if (static_cast<int>(reads.size()) > options_.max_inputs) {
    return refuse("together they read ", reads.size(), " values; a kernel reads at most ",
                  options_.max_inputs);
  }
  const bool a_is_older = places_.Before(x.place, y.place);
  if (!(a_is_older ? EdgesMatch(y, a, domain) : EdgesMatch(x, b, domain))) {  // the older reads nothing newer
    return refuse("the reader wants the value at other indices than the loop computes it at");
  }
  const std::optional<std::vector<std::uint32_t>> between =
      a_is_older ? UnitsBetween(a, b) : UnitsBetween(b, a);
  if (!between) return refuse("something between them needs the one and is needed by the other");
  const std::uint32_t place = a_is_older ? x.place : y.place;
  for (const std::uint32_t unit : *between) places_.MoveBefore(unit, place);
  // The larger one lives on: a chain that grows node by node would be copied at each.
  const bool a_lives = x.nodes.size() >= y.nodes.size();
  Group &merged = a_lives ? x : y, &dead = a_lives ? y : x;
  for (std::uint32_t m : dead.nodes) group_of_[m] = a_lives ? a : b;
  const auto middle = static_cast<std::ptrdiff_t>(merged.nodes.size());
  merged.nodes.insert(merged.nodes.end(), dead.nodes.begin(), dead.nodes.end());
  if (merged.nodes[static_cast<std::size_t>(middle) - 1] > dead.nodes.front()) {
    std::inplace_merge(merged.nodes.begin(), merged.nodes.begin() + middle, merged.nodes.end());
  }
  merged.place = place;
  merged.reads = std::move(reads);
  merged.full = std::move(full);
  merged.reduced = std::move(reduced);
  merged.reductions += dead.reductions;
  dead.dead = true;
  dead.nodes.clear();
  return true;
}

// Whether every value of group `to_group` that a node of `from` reads is read at the indices at which the
// merged group computes it.
bool FusionGroups::EdgesMatch(const Group& from, int to_group, const FusionDomain& domain) const {
  for (std::uint32_t m : from.nodes) {
    const std::span<const Edge> edges = Edges(m);
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const Edge& edge = edges[i];
      if (group_of_[edge.base.node] != to_group) continue;
      const ir::Node& node = graph_.nodes[m];
      const Value input = node.inputs[i];
      const Shape& shape = graph_.type(input).shape;
      const bool reduction = ir::op_info(node.op).family == Family::reduce;
      if (edge.direct && !domain.has_reduction() && shape == node.type().shape) continue;
      if (node.op == Op::random_bits) return false;  // it reads its key at one place only
      std::optional<IndexMap> map = reduction ? domain.Full() : domain.Place(node.type().shape);
      if (reduction && shape != domain.full) return false;
      for (Value v = input; map && v != edge.base; v = graph_.nodes[v.node].inputs[0]) {
        const ir::Node& view = graph_.nodes[v.node];
        map = map_operand(view, graph_.type(view.inputs[0]).shape, *map, domain.sizes);
      }
      const Shape& base = graph_.type(edge.base).shape;
      const std::optional<IndexMap> place = domain.Place(base);
      if (!map || !place || !same_indices(*map, *place, base, domain.sizes)) return false;
    }
  }
  return true;
}

std::vector<FusionGroups::Boundary> FusionGroups::Boundaries() const {
  std::vector<Boundary> all;
  absl::flat_hash_set<std::pair<std::uint32_t, std::uint32_t>> seen;
  const auto count = static_cast<std::uint32_t>(graph_.nodes.size());
  const auto unit_of = [&](std::uint32_t n) {
    return group_of_[n] >= 0 ? count + static_cast<std::uint32_t>(group_of_[n]) : n;
  };
  const auto own_code = [&](std::uint32_t n) {
    return absl::StrCat(std::string(name(graph_.nodes[n].op)), " is not a loop: it has code of its own");
  };
  for (std::uint32_t n = 0; n < count; ++n) {
    if (group_of_[n] < 0 && ir::is_view(graph_.nodes[n])) continue;
    for (const Edge& edge : Edges(n)) {
      const std::uint32_t base = edge.base.node;
      const Op op = graph_.nodes[base].op;
      if (op == Op::parameter || op == Op::constant || is_free(base)) continue;
      if (group_of_[n] < 0 && group_of_[base] < 0) continue;
      // A cheap op behind a view is computed again where it is read, and may be needed nowhere else.
      if (group_of_[base] >= 0 && !needed_[base]) continue;
      if (unit_of(n) == unit_of(base) || !seen.emplace(unit_of(base), unit_of(n)).second) continue;
      Boundary boundary{base, n, {}};
      if (group_of_[base] < 0) {
        boundary.why = own_code(base);
      } else if (group_of_[n] < 0) {
        boundary.why = own_code(n);
      } else if (const auto it = refusals_.find({base, n}); it != refusals_.end()) {
        boundary.why = it->second;
      } else {
        boundary.why = options_.one_op_per_group ? "fusion is switched off"
                                                 : "it is copied out: it must stand in memory as it is read";
      }
      all.push_back(std::move(boundary));
    }
  }
  return all;
}

// The places of what stands between the two and the younger waits for, in order: with them in front of the
// older one, the merged group can stand there. Nullopt: one of them waits for the older one, so that the
// merged group would wait for itself, or there are too many to be sure. (After Pearce and Kelly, "A dynamic
// topological sort algorithm for directed acyclic graphs", 2006.)
std::optional<std::vector<std::uint32_t>> FusionGroups::UnitsBetween(int older, int younger) const {
  const std::uint32_t begin = groups_[static_cast<std::size_t>(older)].place;
  absl::flat_hash_set<std::uint32_t> seen;
  std::vector<std::uint32_t> places, pending;  // pending: nodes that stand for a unit
  const auto visit_operands = [&](std::uint32_t n, bool outside) {
    for (const Edge& edge : Edges(n)) {
      const std::uint32_t base = edge.base.node;
      const int g = group_of_[base];
      if (g == younger) continue;
      if (g == older) {
        if (outside) return false;
        continue;
      }
      const std::uint32_t place = PlaceOf(base);
      if (Edges(base).empty() || places_.Before(place, begin) || !seen.insert(place).second) continue;
      places.push_back(place);
      pending.push_back(base);
    }
    return true;
  };
  const auto visit_unit = [&](std::uint32_t n, bool outside) {
    if (group_of_[n] < 0) return visit_operands(n, outside);
    const std::vector<std::uint32_t>& nodes = groups_[static_cast<std::size_t>(group_of_[n])].nodes;
    return std::all_of(nodes.begin(), nodes.end(),
                       [&](std::uint32_t m) { return visit_operands(m, outside); });
  };
  if (!visit_unit(groups_[static_cast<std::size_t>(younger)].nodes.front(), false)) return std::nullopt;
  while (!pending.empty()) {
    if (seen.size() > kCycleSearchLimit) return std::nullopt;
    const std::uint32_t n = pending.back();
    pending.pop_back();
    if (!visit_unit(n, true)) return std::nullopt;
  }
  std::sort(places.begin(), places.end(),
            [&](std::uint32_t a, std::uint32_t b) { return places_.Before(a, b); });
  return places;
}

// Makes sure that `v` will stand in memory, and returns the node that puts it there: a member, marked as
// needed; a view or an iota, made a member of a group of its own that copies it out; or a unit of its own.
std::uint32_t FusionGroups::Require(Value v) {
  while (graph_.nodes[v.node].op == Op::reshape &&
         group_of_[v.node] < 0) {  // of what stands in memory: an alias
    v = graph_.nodes[v.node].inputs[0];
  }
  const ir::Node& node = graph_.nodes[v.node];
  if (group_of_[v.node] < 0 && (ir::is_view(node) || node.op == Op::iota)) NewGroup(v.node);
  if (group_of_[v.node] >= 0) needed_[v.node] = true;
  return v.node;
}

// Finds every value that must stand in memory: what outputs and units outside all groups read, then what
// bodies read from other groups.
void FusionGroups::RequireOutside() {
  for (Value v : graph_.outputs) Require(v);
  for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
    const ir::Node& node = graph_.nodes[n];
    if (group_of_[n] >= 0 || ir::is_view(node)) continue;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      Value v = node.inputs[i];
      if (node.op == Op::dot_general) {
        if (const auto operand = absorb_views(graph_, node, i)) v = operand->base;
      }
      waits_for_.emplace_back(Require(v), n);
    }
  }
  // What a body reads from outside itself. A group may grow the list (views copied out), so this walks by
  // index.
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (std::size_t k = 0; k < groups_[g].nodes.size(); ++k) {
      std::vector<std::pair<Value, bool>> pending;  // value, direct
      const std::uint32_t m = groups_[g].nodes[k];
      const bool member_view = ir::is_view(graph_.nodes[m]);
      for (Value v : graph_.nodes[m].inputs) pending.emplace_back(v, !member_view);
      while (!pending.empty()) {
        auto [v, direct] = pending.back();
        pending.pop_back();
        const ir::Node& node = graph_.nodes[v.node];
        const int from = group_of_[v.node];
        if ((from == static_cast<int>(g) && !ir::is_view(node)) || is_free(v.node)) continue;
        if (ir::is_view(node) || (!direct && is_cheap(v.node))) {
          for (Value inner : node.inputs) pending.emplace_back(inner, direct && !ir::is_view(node));
        } else if (from >= 0) {
          needed_[v.node] = true;
        }
      }
    }
  }
}

}  // namespace leat::compiler
