// Dead nodes and common subexpressions.
#include "absl/container/flat_hash_map.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rebuild.h"

namespace leat::compiler {

namespace {

std::vector<bool> find_live(const ir::Graph& graph) {
  std::vector<bool> live(graph.nodes.size(), false);
  for (ir::Value v : graph.outputs) live[v.node] = true;
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const ir::Node& node = graph.nodes[n];
    const bool effect = ir::op_info(node.op).is(ir::kEffect) && !node.attrs().boolean(ir::Attr::pure);
    if (effect) live[n] = true;
    if (!live[n]) continue;
    for (ir::Value v : node.inputs) live[v.node] = true;
  }
  return live;
}

}  // namespace

bool has_dead_nodes(const ir::Graph& graph) {
  const std::vector<bool> live = find_live(graph);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!live[n] && graph.nodes[n].op != ir::Op::parameter) return true;
  }
  return false;
}

ir::Graph eliminate_dead_nodes(const ir::Graph& graph) {
  const std::vector<bool> live = find_live(graph);
  Rebuild rebuild(graph);
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].op == ir::Op::parameter) {
      rebuild.CopyParameter(n);
    } else if (live[n]) {
      rebuild.Copy(n);
    }
  }
  return rebuild.Finish();
}

namespace {

// Equal keys make equal nodes. Attributes are compared by value but for literals and graphs, which are
// compared by identity of their storage (equal small literals are compared by content).
struct NodeKey {
  const ir::Node* node;

  static bool SameAttribute(const ir::AttrValue& a, const ir::AttrValue& b) {
    if (a.index() != b.index()) return false;
    if (const auto* x = std::get_if<ir::Literal>(&a)) {
      const auto& y = std::get<ir::Literal>(b);
      if (!(x->type == y.type)) return false;
      if (x->bytes == y.bytes) return true;
      return x->byte_count() <= 64 &&
             std::equal(x->bytes.get(), x->bytes.get() + x->byte_count(), y.bytes.get());
    }
    if (const auto* x = std::get_if<bool>(&a)) return *x == std::get<bool>(b);
    if (const auto* x = std::get_if<std::int64_t>(&a)) return *x == std::get<std::int64_t>(b);
    if (const auto* x = std::get_if<double>(&a)) {
      return std::bit_cast<std::uint64_t>(*x) == std::bit_cast<std::uint64_t>(std::get<double>(b));
    }
    if (const auto* x = std::get_if<std::vector<std::int64_t>>(&a))
      return *x == std::get<std::vector<std::int64_t>>(b);
    if (const auto* x = std::get_if<std::string>(&a)) return *x == std::get<std::string>(b);
    if (const auto* x = std::get_if<DType>(&a)) return *x == std::get<DType>(b);
    return std::get<std::shared_ptr<const ir::Graph>>(a) == std::get<std::shared_ptr<const ir::Graph>>(b);
  }

  friend bool operator==(const NodeKey& a, const NodeKey& b) {
    const ir::Node &x = *a.node, &y = *b.node;
    if (x.op != y.op || x.inputs != y.inputs || x.results != y.results) return false;
    const auto &p = x.attrs().list(), &q = y.attrs().list();
    if (p.size() != q.size()) return false;
    for (std::size_t i = 0; i < p.size(); ++i) {
      if (p[i].first != q[i].first || !SameAttribute(p[i].second, q[i].second)) return false;
    }
    return true;
  }
  template <typename H>
  friend H AbslHashValue(H h, const NodeKey& k) {
    h = H::combine(std::move(h), k.node->op, k.node->inputs.size());
    for (ir::Value v : k.node->inputs) h = H::combine(std::move(h), v.node, v.result);
    for (std::int64_t d : k.node->type().shape) h = H::combine(std::move(h), d);
    return H::combine(std::move(h), k.node->type().dtype);
  }
};

}  // namespace

ir::Graph eliminate_common_subexpressions(const ir::Graph& graph) {
  Rebuild rebuild(graph);
  // Keys point into the new graph's nodes, which were reserved and so stay where they are.
  rebuild.to().nodes.reserve(graph.nodes.size() + 1);
  absl::flat_hash_map<NodeKey, std::uint32_t> seen;
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (node.op == ir::Op::parameter) {
      rebuild.CopyParameter(n);
      continue;
    }
    const ir::Value copy = rebuild.Copy(n);
    if (ir::op_info(node.op).is(ir::kEffect)) continue;
    const auto [it, inserted] = seen.try_emplace(NodeKey{&rebuild.to().nodes[copy.node]}, copy.node);
    if (!inserted) {
      rebuild.to().nodes.pop_back();
      rebuild.Set(n, {it->second, 0});
    }
  }
  return rebuild.Finish();
}

}  // namespace leat::compiler
