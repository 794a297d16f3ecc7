#include "compiler/frontend/fill_inputs.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace leat::frontend {
namespace {

std::int64_t least(std::int64_t a, std::int64_t b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

// The extent that the indices of a node address; 0 if it has none.
std::int64_t addressed(const ir::Graph& graph, const ir::Node& node) {
  const auto extent = [&](std::size_t d) { return graph.type(node.inputs[0]).shape[d]; };
  switch (node.op) {
    case ir::Op::gather:
    case ir::Op::gather_elements:
    case ir::Op::scatter_elements:
      return extent(static_cast<std::size_t>(node.attrs().integer(ir::Attr::axis)));
    case ir::Op::gather_nd:
    case ir::Op::scatter_nd: {
      const Shape& indices = graph.type(node.inputs[1]).shape;
      const auto first = static_cast<std::size_t>(
          node.op == ir::Op::gather_nd ? node.attrs().integer(ir::Attr::batch_dims) : 0);
      std::int64_t all = 0;
      for (std::int64_t d = 0; d < indices[indices.size() - 1]; ++d) {
        all = least(all, extent(first + static_cast<std::size_t>(d)));
      }
      return all;
    }
    default: return 0;
  }
}

bool passes_indices_on(const ir::Node& node) {
  const ir::Family family = ir::op_info(node.op).family;
  return family == ir::Family::unary || family == ir::Family::binary || family == ir::Family::ternary ||
         family == ir::Family::select || family == ir::Family::convert || family == ir::Family::view ||
         node.op == ir::Op::concat || node.op == ir::Op::pad || node.op == ir::Op::copy;
}

}  // namespace

std::vector<std::int64_t> index_extents(const ir::Graph& graph) {
  std::vector<std::int64_t> of_node(graph.nodes.size(), 0);
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const ir::Node& node = graph.nodes[n];
    if (const std::int64_t extent = addressed(graph, node); extent > 0) {
      std::int64_t& indices = of_node[node.inputs[1].node];
      indices = least(indices, extent);
    }
    if (of_node[n] == 0 || !passes_indices_on(node)) continue;
    for (const ir::Value v : node.inputs) of_node[v.node] = least(of_node[v.node], of_node[n]);
  }
  std::vector<std::int64_t> extents;
  for (const std::uint32_t p : graph.parameters) {
    const DType dtype = graph.nodes[p].type().dtype;
    extents.push_back(is_float(dtype) || dtype == DType::bool_ ? 0 : of_node[p]);
  }
  return extents;
}

StatusOr<ir::Array> fill(const ir::Type& type, std::string_view how, std::uint64_t seed,
                         std::uint64_t ordinal, std::int64_t extent) {
  ir::Graph g("fill");
  const std::uint64_t key[2] = {seed, ordinal << 32};
  const ir::Value k = g.AddConstant(ir::make_literal({DType::u64, {2}}, key));
  const DType real = type.dtype == DType::f64 ? DType::f64 : DType::f32;
  auto scalar = [&](double x) {
    const ir::Literal l = real == DType::f64 ? ir::make_scalar(x) : ir::make_scalar(static_cast<float>(x));
    const ir::Value c = g.AddConstant(l);
    return g
        .Add(ir::Op::broadcast, {c}, {{ir::Attr::dims, std::vector<std::int64_t>{}}}, {{real, type.shape}})
        .value();
  };
  ir::Value v;
  if (how == "iota") {
    const ir::Type flat{DType::i64, {type.shape.num_elements()}};
    v = g.Add(ir::Op::iota, {}, {{ir::Attr::axis, std::int64_t{0}}}, {flat}).value();
    v = g.Add(ir::Op::reshape, {v}, {}, {{DType::i64, type.shape}}).value();
  } else if (how == "normal" || how == "uniform") {
    v = g.Add(ir::Op::random_bits, {k}, {}, {{DType::u32, type.shape}}).value();
    const ir::Value eight = g.AddConstant(ir::make_scalar<std::uint32_t>(9));
    const ir::Value shift = g.Add(ir::Op::broadcast, {eight}, {{ir::Attr::dims, std::vector<std::int64_t>{}}},
                                  {{DType::u32, type.shape}})
                                .value();
    v = g.Add(ir::Op::shift_right, {v, shift}).value();
    v = g.Add(ir::Op::convert, {v}, {{ir::Attr::dtype, real}}).value();
    v = g.Add(ir::Op::mul, {g.Add(ir::Op::add, {v, scalar(0.5)}).value(), scalar(0x1p-23)}).value();
    if (extent > 0) {
      v = g.Add(ir::Op::mul, {v, scalar(static_cast<double>(extent))}).value();
      v = g.Add(ir::Op::minimum, {v, scalar(static_cast<double>(extent - 1))}).value();
    } else if (how == "normal") {
      v = g.Add(ir::Op::sub, {g.Add(ir::Op::add, {v, v}).value(), scalar(1)}).value();
      v = g.Add(ir::Op::mul, {g.Add(ir::Op::erfinv, {v}).value(), scalar(1.4142135623730951)}).value();
    }
    // Integers get small numbers of both signs.
    if (!is_float(type.dtype) && extent == 0) v = g.Add(ir::Op::mul, {v, scalar(10)}).value();
  } else {
    v = scalar(how == "ones" ? 1 : 0);
  }
  if (g.type(v).dtype != type.dtype) v = g.Add(ir::Op::convert, {v}, {{ir::Attr::dtype, type.dtype}}).value();
  g.outputs = {v};
  StatusOr<std::vector<ir::Array>> result = ir::interpret(g, {});
  if (!result.ok()) return result.status();
  return std::move((*result)[0]);
}

StatusOr<std::vector<ir::Array>> fill_inputs(const ir::Graph& graph, std::string_view how,
                                             std::uint64_t seed) {
  const std::vector<std::int64_t> extents = index_extents(graph);
  std::vector<ir::Array> arrays;
  for (std::size_t p = 0; p < graph.parameters.size(); ++p) {
    const ir::Type& type = graph.nodes[graph.parameters[p]].type();
    StatusOr<ir::Array> filled = fill(type, how, seed, p, extents[p]);
    if (!filled.ok()) {
      return Status(filled.status().code(),
                    absl::StrCat("input ", graph.parameter_names[p], " ", graph.ToString(type), ": ",
                                 filled.status().message()));
    }
    arrays.push_back(*std::move(filled));
  }
  return arrays;
}

}  // namespace leat::frontend
