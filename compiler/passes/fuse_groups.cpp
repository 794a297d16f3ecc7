// Fusion. Nodes are visited in order; each starts a group of its own and merges with the groups of its
// operands where one kernel can compute both: one domain, no cycle, within the caps. What a group's
// values are used for outside becomes its outputs.
//
// The merge is always worth it by bytes: it saves writing and reading the value between, and recomputes
// nothing, because a merged group computes each value once. (Cheap ops behind a view are the exception: they
// are recomputed, see fusion_groups.h.)
#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "compiler/passes/fusion_groups.h"
#include "compiler/passes/passes.h"

namespace leat::compiler {
namespace {

using ir::Op;
using ir::Value;

// Rebuilds the graph with one `fused` node per group.
class Regrouper {
 public:
  Regrouper(const ir::Graph& from, const FusionGroups& groups)
      : from_(from), groups_(groups), to_(from.name), value_of_(from.nodes.size()) {
    to_.symbols = from.symbols;
    to_.locations = from.locations;
  }

  ir::Graph Build() {
    for (std::size_t i = 0; i < from_.parameters.size(); ++i) {
      const std::uint32_t p = from_.parameters[i];
      value_of_[p] = {
          to_.AddParameter(from_.parameter_names[i], from_.nodes[p].type(), from_.nodes[p].location)};
    }
    for (std::uint32_t unit : groups_.order()) {
      if (unit < from_.nodes.size()) {
        CopyNode(unit);
      } else {
        AddGroup(unit - static_cast<std::uint32_t>(from_.nodes.size()));
      }
    }
    for (Value v : from_.outputs) to_.outputs.push_back(Get(v));
    return std::move(to_);
  }

  // After Build: as nodes of what it built.
  std::vector<FusionBoundary> Boundaries() const {
    std::vector<FusionBoundary> all;
    for (FusionGroups::Boundary& b : groups_.Boundaries()) {
      const ir::Node& producer = from_.nodes[b.producer];
      const std::uint32_t from = UnitOf(b.producer), to = UnitOf(b.reader);
      if (from == kNone || to == kNone || from == to) continue;  // nobody needs it
      all.push_back({from, to,
                     absl::StrCat(std::string(name(producer.op)), " ", from_.ToString(producer.type())),
                     std::move(b.why)});
    }
    return all;
  }

 private:
  // The new node in which a node is computed, or kNone.
  std::uint32_t UnitOf(std::uint32_t n) const {
    const int group = groups_.group_of(n);
    if (group < 0) return value_of_[n].empty() ? kNone : value_of_[n][0].node;
    for (std::uint32_t m : groups_.members(static_cast<std::uint32_t>(group))) {
      if (groups_.needed(m) && !value_of_[m].empty()) return value_of_[m][0].node;
    }
    return kNone;
  }

  // The new value for `v`; views that stay outside are copied on demand.
  Value Get(Value v) {
    auto& values = value_of_[v.node];
    if (values.size() > v.result && values[v.result].node != kNone) return values[v.result];
    const ir::Node& node = from_.nodes[v.node];  // a view that is an alias or a stride, or a constant
    ir::Node copy = node;
    for (Value& input : copy.inputs) input = Get(input);
    values = {to_.AddUnchecked(std::move(copy))};
    return values[0];
  }

  void CopyNode(std::uint32_t id) {
    ir::Node copy = from_.nodes[id];
    for (Value& input : copy.inputs) input = Get(input);
    const Value v = to_.AddUnchecked(std::move(copy));
    auto& values = value_of_[id];
    values.clear();
    for (std::uint32_t r = 0; r < from_.nodes[id].results.size(); ++r) values.push_back({v.node, r});
  }

  void AddGroup(std::uint32_t group) {
    auto body = std::make_shared<ir::Graph>("kernel" + std::to_string(kernel_count_++));
    body->locations = {};
    body->locations.emplace_back();
    ir::Node fused;
    fused.op = Op::fused;
    BodyMap inside;
    const std::vector<std::uint32_t>& members = groups_.members(group);
    for (std::uint32_t m : members) {
      if (groups_.needed(m)) {
        body->outputs.push_back(AddToBody({m, 0}, group, true, *body, inside, fused));
        fused.results.push_back(from_.nodes[m].type());
      }
    }
    fused.location = from_.nodes[members.back()].location;
    fused.attributes = std::make_shared<const ir::Attributes>(
        ir::Attributes{{ir::Attr::body, std::shared_ptr<const ir::Graph>(std::move(body))}});
    const Value v = to_.AddUnchecked(std::move(fused));
    std::uint32_t r = 0;
    for (std::uint32_t m : members) {
      if (groups_.needed(m)) value_of_[m] = {{v.node, r++}};
    }
  }

  using BodyMap = absl::flat_hash_map<std::pair<std::uint32_t, std::uint32_t>, Value>;

  // Copies `v` and what it needs into the body: members and views are computed, anything else is a parameter.
  // `direct`: no view lies between `v` and the member that reads it.
  Value AddToBody(Value v, std::uint32_t group, bool direct, ir::Graph& body, BodyMap& inside,
                  ir::Node& fused) {
    const auto key = std::make_pair(v.node, v.result);
    if (const auto it = inside.find(key); it != inside.end()) return it->second;
    const ir::Node& node = from_.nodes[v.node];
    const bool view = ir::is_view(node);
    Value result;
    if (groups_.group_of(v.node) == static_cast<int>(group) || view || groups_.is_free(v.node) ||
        (!direct && groups_.is_cheap(v.node))) {
      ir::Node copy = node;
      for (Value& input : copy.inputs) input = AddToBody(input, group, direct && !view, body, inside, fused);
      result = body.AddUnchecked(std::move(copy));
    } else {
      result = body.AddParameter("x" + std::to_string(body.parameters.size()), from_.type(v), node.location);
      fused.inputs.push_back(Get(v));
    }
    inside.emplace(key, result);
    return result;
  }

  static constexpr std::uint32_t kNone = 0xffffffffu;
  const ir::Graph& from_;
  const FusionGroups& groups_;
  ir::Graph to_;
  std::vector<absl::InlinedVector<Value, 1>> value_of_;
  int kernel_count_ = 0;
};

}  // namespace

ir::Graph fuse_groups(const ir::Graph& graph, const FuseOptions& options) {
  const FusionGroups groups(graph, options);
  Regrouper regrouper(graph, groups);
  ir::Graph fused = regrouper.Build();
  if (options.boundaries != nullptr) *options.boundaries = regrouper.Boundaries();
  return fused;
}

}  // namespace leat::compiler
