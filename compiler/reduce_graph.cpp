#include "compiler/reduce_graph.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/resize_graph.h"
#include "ir/verifier.h"

namespace leat::compiler {
namespace {

// The graph of the nodes that stay: what they read of others are parameters, what nobody reads, or was an
// output, are outputs. Null where nothing is left.
std::optional<ir::Graph> cut(const ir::Graph& from, const std::vector<bool>& stays) {
  ir::Graph to(from.name);
  to.locations = from.locations;
  std::vector<std::vector<ir::Value>> place(from.nodes.size());
  std::vector<std::vector<bool>> read(from.nodes.size());
  std::set<std::string> names(from.parameter_names.begin(), from.parameter_names.end());
  const auto parameter = [&](ir::Value v) {
    std::vector<ir::Value>& values = place[v.node];
    values.resize(from.nodes[v.node].results.size(), {UINT32_MAX, 0});
    if (values[v.result].node != UINT32_MAX) return values[v.result];
    std::string name;
    for (std::size_t p = 0; p < from.parameters.size(); ++p) {
      if (from.parameters[p] == v.node) name = from.parameter_names[p];
    }
    for (std::uint32_t i = v.node; name.empty(); ++i) {
      const std::string candidate = absl::StrCat("v", i);
      if (names.insert(candidate).second) name = candidate;
    }
    return values[v.result] = to.AddParameter(name, from.type(v));
  };
  for (std::uint32_t n = 0; n < from.nodes.size(); ++n) {
    const ir::Node& node = from.nodes[n];
    if (node.op == ir::Op::parameter || !stays[n]) continue;
    ir::Node copy = node;
    for (ir::Value& v : copy.inputs) {
      const ir::Value operand = v;
      const bool inside = stays[operand.node] && from.nodes[operand.node].op != ir::Op::parameter;
      if (inside) read[operand.node][operand.result] = true;
      v = inside ? place[operand.node][operand.result] : parameter(operand);
    }
    const ir::Value first = to.AddUnchecked(std::move(copy));
    for (std::uint32_t r = 0; r < node.results.size(); ++r) place[n].push_back({first.node, r});
    read[n].resize(node.results.size(), false);
  }
  std::vector<std::vector<bool>> given = read;
  for (const ir::Value v : from.outputs) {
    if (stays[v.node] && !given[v.node].empty()) given[v.node][v.result] = false;
  }
  for (std::uint32_t n = 0; n < from.nodes.size(); ++n) {
    if (from.nodes[n].op == ir::Op::parameter || from.nodes[n].op == ir::Op::constant || !stays[n]) continue;
    for (std::uint32_t r = 0; r < given[n].size(); ++r) {
      if (!given[n][r]) to.outputs.push_back(place[n][r]);
    }
  }
  if (to.outputs.empty()) return std::nullopt;
  return to;
}

// Without the nodes that nothing needs, and the parameters that nothing reads.
ir::Graph trimmed(const ir::Graph& graph) {
  std::vector<bool> stays(graph.nodes.size(), false);
  for (const ir::Value v : graph.outputs) stays[v.node] = true;
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    if (!stays[n]) continue;
    for (const ir::Value v : graph.nodes[n].inputs) stays[v.node] = true;
  }
  ir::Graph to(graph.name);
  to.locations = graph.locations;
  std::vector<std::uint32_t> place(graph.nodes.size(), 0);
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    if (!stays[n]) continue;
    ir::Node copy = graph.nodes[n];
    for (ir::Value& v : copy.inputs) v.node = place[v.node];
    place[n] = to.AddUnchecked(std::move(copy)).node;
    for (std::size_t p = 0; p < graph.parameters.size(); ++p) {
      if (graph.parameters[p] != n) continue;
      to.parameters.push_back(place[n]);
      to.parameter_names.push_back(graph.parameter_names[p]);
    }
  }
  for (const ir::Value v : graph.outputs) to.outputs.push_back({place[v.node], v.result});
  return to;
}

class Reducer {
 public:
  Reducer(const ir::Graph& graph, const std::function<bool(const ir::Graph&)>& fails,
          const ReduceOptions& options)
      : best_(graph), fails_(fails), options_(options) {}

  ir::Graph Run() {
    for (bool smaller = true; smaller && tries_ < options_.max_tries;) {
      smaller = false;
      smaller |= Outputs();
      smaller |= Nodes();
      smaller |= Bypasses();
      smaller |= Extents();
      smaller |= Values();
    }
    return std::move(best_);
  }

 private:
  bool Try(std::string_view how, std::optional<ir::Graph> candidate) {
    if (!candidate || tries_ >= options_.max_tries) return false;
    ++tries_;
    ir::Graph small = trimmed(*candidate);
    if (!ir::verify(small).ok() || !fails_(small)) return false;
    best_ = std::move(small);
    if (options_.progress) options_.progress(how, best_);
    return true;
  }

  // One output that fails alone, or as few as possible.
  bool Outputs() {
    bool smaller = false;
    for (std::size_t o = 0; o < best_.outputs.size() && best_.outputs.size() > 1; ++o) {
      ir::Graph one = best_;
      one.outputs = {best_.outputs[o]};
      if (Try("output", std::move(one))) return true;
    }
    for (std::size_t o = 0; o < best_.outputs.size() && best_.outputs.size() > 1;) {
      ir::Graph fewer = best_;
      fewer.outputs.erase(fewer.outputs.begin() + static_cast<std::ptrdiff_t>(o));
      if (Try("output", std::move(fewer))) {
        smaller = true;
      } else {
        ++o;
      }
    }
    return smaller;
  }

  // Zeller's ddmin over the nodes, from halves to single ones.
  bool Nodes() {
    bool smaller = false;
    for (std::size_t chunk = std::max<std::size_t>(1, best_.nodes.size() / 2);; chunk = (chunk + 1) / 2) {
      for (std::size_t begin = 0; begin < best_.nodes.size();) {
        const std::size_t before = Operations();
        std::vector<bool> stays(best_.nodes.size(), true);
        for (std::size_t n = begin; n < std::min(begin + chunk, best_.nodes.size()); ++n) stays[n] = false;
        if (CutsNothing(stays) || !Try("nodes", cut(best_, stays)) || Operations() >= before) {
          begin += chunk;
        } else {
          smaller = true;
        }
      }
      if (chunk == 1) return smaller;
    }
  }
  std::size_t Operations() const {
    return static_cast<std::size_t>(std::count_if(
        best_.nodes.begin(), best_.nodes.end(), [](const ir::Node& n) { return n.op != ir::Op::parameter; }));
  }
  bool CutsNothing(const std::vector<bool>& stays) const {
    for (std::size_t n = 0; n < stays.size(); ++n) {
      if (!stays[n] && best_.nodes[n].op != ir::Op::parameter) return false;
    }
    return true;
  }

  // A node's users read one of its operands instead.
  bool Bypasses() {
    bool smaller = false;
    for (std::uint32_t n = 0; n < best_.nodes.size(); ++n) {
      for (std::size_t i = 0; i < best_.nodes[n].inputs.size(); ++i) {
        const ir::Value operand = best_.nodes[n].inputs[i];
        if (best_.nodes[n].results.size() != 1 || !(best_.type(operand) == best_.nodes[n].type())) continue;
        ir::Graph shorter = best_;
        const auto replace = [&](ir::Value& v) {
          if (v.node == n) v = operand;
        };
        for (ir::Node& node : shorter.nodes) {
          for (ir::Value& v : node.inputs) replace(v);
        }
        for (ir::Value& v : shorter.outputs) replace(v);
        if (!Try("bypass", std::move(shorter))) continue;
        smaller = true;
        n = UINT32_MAX;  // the numbers have changed: from the start
        break;
      }
    }
    return smaller;
  }

  bool Extents() {
    bool smaller = false;
    std::set<std::int64_t, std::greater<>> extents;
    for (const ir::Node& node : best_.nodes) {
      for (const ir::Type& type : node.results) extents.insert(type.shape.begin(), type.shape.end());
    }
    for (const std::int64_t extent : extents) {
      for (std::int64_t from = extent; from > 1;) {
        std::int64_t to = 0;
        for (const std::int64_t candidate :
             {std::int64_t{1}, std::int64_t{2}, from / 4, from / 2, from - 1}) {
          if (candidate < 1 || candidate >= from) continue;
          if (!Try("extent", resize(best_, from, candidate))) continue;
          to = candidate;
          break;
        }
        if (to == 0) break;
        smaller = true;
        from = to;
      }
    }
    return smaller;
  }

  // A parameter or a constant becomes one number.
  bool Values() {
    bool smaller = false;
    for (std::uint32_t n = 0; n < best_.nodes.size(); ++n) {
      const ir::Node& node = best_.nodes[n];
      if (node.op != ir::Op::constant || node.type().shape.num_elements() < 2) continue;
      for (const double number : {0.0, 1.0, 2.0}) {
        ir::Graph plain = best_;
        plain.nodes[n].attributes = std::make_shared<const ir::Attributes>(
            ir::Attributes{{ir::Attr::value, splat(node.type(), number)}});
        if (IsSplat(node.attrs().literal(ir::Attr::value))) break;
        if (!Try("value", std::move(plain))) continue;
        smaller = true;
        n = UINT32_MAX;
        break;
      }
      if (n == UINT32_MAX) continue;
    }
    return smaller;
  }
  static bool IsSplat(const ir::Literal& literal) {
    const std::size_t width = byte_size(literal.type.dtype);
    for (std::size_t at = width; at < literal.byte_count(); at += width) {
      if (std::memcmp(literal.bytes.get(), literal.bytes.get() + at, width) != 0) return false;
    }
    return true;
  }

  ir::Graph best_;
  const std::function<bool(const ir::Graph&)>& fails_;
  const ReduceOptions& options_;
  std::int64_t tries_ = 0;
};

}  // namespace

ir::Graph reduce_graph(const ir::Graph& graph, const std::function<bool(const ir::Graph&)>& fails,
                       const ReduceOptions& options) {
  return Reducer(graph, fails, options).Run();
}

}  // namespace leat::compiler
