#include "compiler/resize_graph.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

namespace leat::compiler {
namespace {

// The corner of the elements that the new shape still has.
ir::Literal cropped(const ir::Literal& literal, const Shape& shape) {
  const std::size_t width = byte_size(literal.type.dtype);
  const std::int64_t n = shape.num_elements();
  std::vector<std::byte> bytes(static_cast<std::size_t>(n) * width);
  std::vector<std::int64_t> index(shape.size(), 0);
  for (std::int64_t i = 0; i < n; ++i) {
    std::int64_t at = 0;
    for (std::size_t d = 0; d < shape.size(); ++d) at = at * literal.type.shape[d] + index[d];
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * width,
                literal.bytes.get() + static_cast<std::size_t>(at) * width, width);
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
  return ir::make_literal({literal.type.dtype, shape}, bytes.data());
}

class Resizer {
 public:
  Resizer(std::int64_t from, std::int64_t to) : from_(from), to_(to) {}

  std::optional<ir::Graph> Run(const ir::Graph& old) const {
    ir::Graph g(old.name);
    g.locations = old.locations;
    std::vector<ir::Value> place(old.nodes.size());
    for (std::uint32_t n = 0; n < old.nodes.size(); ++n) {
      const ir::Node& node = old.nodes[n];
      if (node.op == ir::Op::parameter) {
        const auto p = std::find(old.parameters.begin(), old.parameters.end(), n) - old.parameters.begin();
        place[n] = g.AddParameter(old.parameter_names[static_cast<std::size_t>(p)], Resized(node.type()),
                                  node.location);
        continue;
      }
      if (node.op == ir::Op::constant) {
        const ir::Literal& literal = node.attrs().literal(ir::Attr::value);
        place[n] = g.AddConstant(cropped(literal, Resized(literal.type).shape), node.location);
        continue;
      }
      absl::InlinedVector<ir::Value, 3> inputs;
      for (const ir::Value v : node.inputs) inputs.push_back({place[v.node].node, v.result});
      std::optional<ir::Attributes> attributes = Attributes(node, old);
      if (!attributes) return std::nullopt;
      std::vector<ir::Type> declared;
      if (IsDeclared(node.op)) {
        for (const ir::Type& type : node.results) declared.push_back(Resized(type));
        if (node.op == ir::Op::reshape &&
            !Fit(g.type(inputs[0]).shape, node.type().shape, &declared[0].shape)) {
          return std::nullopt;
        }
      }
      const StatusOr<ir::Value> added =
          g.Add(node.op, std::move(inputs), *std::move(attributes), std::move(declared), node.location);
      if (!added.ok()) return std::nullopt;
      place[n] = *added;
    }
    for (const ir::Value v : old.outputs) g.outputs.push_back({place[v.node].node, v.result});
    return g;
  }

 private:
  std::int64_t Resized(std::int64_t extent) const { return extent == from_ ? to_ : extent; }
  ir::Type Resized(ir::Type type) const {
    for (std::size_t d = 0; d < type.shape.size(); ++d) type.shape[d] = Resized(type.shape[d]);
    return type;
  }
  static bool IsDeclared(ir::Op op) {
    switch (op) {
      case ir::Op::iota:
      case ir::Op::reshape:
      case ir::Op::broadcast:
      case ir::Op::random_bits:
      case ir::Op::custom_call:
      case ir::Op::fused:
      case ir::Op::reorder: return true;
      default: return false;
    }
  }
  // Extents that are multiples of the one that shrinks shrink with it, until the elements are as many again.
  bool Fit(const Shape& operand, const Shape& old, Shape* shape) const {
    const std::int64_t want = operand.num_elements();
    for (std::size_t d = 0; d < shape->size(); ++d) {
      if (shape->num_elements() == want) break;
      if (old[d] != from_ && old[d] % from_ == 0) (*shape)[d] = old[d] / from_ * to_;
    }
    return shape->num_elements() == want;
  }
  std::optional<ir::Attributes> Attributes(const ir::Node& node, const ir::Graph& graph) const {
    ir::Attributes made;
    for (const auto& [attr, value] : node.attrs().list()) {
      if (const auto* body = std::get_if<std::shared_ptr<const ir::Graph>>(&value)) {
        std::optional<ir::Graph> smaller = Run(**body);
        if (!smaller) return std::nullopt;
        made.Set(attr, std::make_shared<const ir::Graph>(*std::move(smaller)));
        continue;
      }
      if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) {
        std::vector<std::int64_t> changed = *list;
        const bool sizes = attr == ir::Attr::limits || attr == ir::Attr::sizes || attr == ir::Attr::window;
        const Shape& x = graph.type(node.inputs[0]).shape;
        for (std::size_t d = 0; sizes && d < changed.size() && d < x.size(); ++d) {
          // A limit of an extent that shrinks goes down with it.
          if (x[d] == from_) changed[d] = std::min(changed[d] == from_ ? to_ : changed[d], to_);
        }
        if (attr == ir::Attr::starts) {
          for (std::size_t d = 0; d < changed.size() && d < x.size(); ++d) {
            if (x[d] == from_) changed[d] = std::min(changed[d], to_ - 1);
          }
        }
        made.Set(attr, std::move(changed));
        continue;
      }
      if (attr == ir::Attr::k) {
        made.Set(attr, Resized(node.attrs().integer(attr)));
        continue;
      }
      made.Set(attr, value);
    }
    return made;
  }

  const std::int64_t from_, to_;
};

}  // namespace

std::optional<ir::Graph> resize(const ir::Graph& graph, std::int64_t from, std::int64_t to) {
  return Resizer(from, to).Run(graph);
}

ir::Literal splat(const ir::Type& type, double number) {
  return visit_dtype(type.dtype, [&]<class T>(T) {
    T value;
    if constexpr (std::is_same_v<T, bool>) {
      value = number != 0;
    } else if constexpr (std::is_integral_v<T> || std::is_same_v<T, double>) {
      value = static_cast<T>(number);
    } else {
      value = T(static_cast<float>(number));
    }
    std::vector<std::byte> bytes(static_cast<std::size_t>(type.shape.num_elements()) * sizeof(T));
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(T))
      std::memcpy(bytes.data() + at, &value, sizeof(T));
    return ir::make_literal(type, bytes.data());
  });
}

}  // namespace leat::compiler
