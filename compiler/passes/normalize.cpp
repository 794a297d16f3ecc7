// Reductions and contractions in the one form that lowering knows.
#include <algorithm>
#include <numeric>

#include "compiler/passes/fusion_domain.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rebuild.h"

namespace leat::compiler {
namespace {

using ir::Attr;
using ir::Op;
using ir::Value;
using Dims = std::vector<std::int64_t>;

Shape permute(const Shape& shape, const Dims& dims) {
  Shape s;
  for (std::int64_t d : dims) s.push_back(shape[static_cast<std::size_t>(d)]);
  return s;
}

// `v` transposed so that its dimension k is the old dims[k]; `v` itself where that changes nothing.
Value transpose(Rebuild& rebuild, Value v, const Dims& dims, std::uint32_t location) {
  if (std::is_sorted(dims.begin(), dims.end())) return v;
  const ir::Type type = rebuild.to().type(v);
  return rebuild.Add(Op::transpose, {v}, {{Attr::dims, dims}}, {type.dtype, permute(type.shape, dims)},
                     location);
}

}  // namespace

ir::Graph normalize_reductions(const ir::Graph& graph) {
  Rebuild rebuild(graph);
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (node.op == Op::parameter) {
      rebuild.CopyParameter(n);
      continue;
    }
    if (ir::op_info(node.op).family != ir::Family::reduce) {
      rebuild.Copy(n);
      continue;
    }
    const ir::Type& operand = graph.type(node.inputs[0]);
    Dims dims = node.attrs().integers(Attr::dims);
    std::sort(dims.begin(), dims.end());
    const bool nothing = std::all_of(dims.begin(), dims.end(), [&](std::int64_t d) {
      return operand.shape[static_cast<std::size_t>(d)] == 1;
    });
    if (nothing) {  // one element, or none: reducing it gives itself
      rebuild.Set(
          n, operand.shape == node.type().shape
                 ? rebuild.Get(node.inputs[0])
                 : rebuild.Add(Op::reshape, {rebuild.Get(node.inputs[0])}, {}, node.type(), node.location));
      continue;
    }
    if (dims.back() - dims.front() + 1 == static_cast<std::int64_t>(dims.size())) {
      rebuild.Copy(n);
      continue;
    }
    // The reduced dimensions move together, to the end where the minor-most is among them and to the front
    // where it is not: which of the two fixed orders applies stays the same.
    const std::int64_t rank = operand.shape.rank();
    Dims kept;
    for (std::int64_t d = 0; d < rank; ++d) {
      if (!std::binary_search(dims.begin(), dims.end(), d)) kept.push_back(d);
    }
    const bool minor = dims.back() == rank - 1;
    Dims order = minor ? kept : dims;
    const Dims& rest = minor ? dims : kept;
    order.insert(order.end(), rest.begin(), rest.end());
    Dims block(dims.size());
    std::iota(block.begin(), block.end(), minor ? static_cast<std::int64_t>(kept.size()) : 0);
    const Value moved = transpose(rebuild, rebuild.Get(node.inputs[0]), order, node.location);
    rebuild.Set(n, rebuild.Add(node.op, {moved}, {{Attr::dims, block}}, node.type(), node.location));
  }
  return rebuild.Finish();
}

ir::Graph normalize_contractions(const ir::Graph& graph) {
  Rebuild rebuild(graph);
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (node.op == Op::parameter) {
      rebuild.CopyParameter(n);
      continue;
    }
    if (node.op != Op::dot_general) {
      rebuild.Copy(n);
      continue;
    }
    const Dims &bx = node.attrs().integers(Attr::batch_x), &by = node.attrs().integers(Attr::batch_y);
    const Dims &cx = node.attrs().integers(Attr::contract_x), &cy = node.attrs().integers(Attr::contract_y);
    auto free_dims = [&](Value v, const Dims& batch, const Dims& contract) {
      Dims free;
      for (std::int64_t d = 0; d < graph.type(v).shape.rank(); ++d) {
        if (std::find(batch.begin(), batch.end(), d) == batch.end() &&
            std::find(contract.begin(), contract.end(), d) == contract.end()) {
          free.push_back(d);
        }
      }
      return free;
    };
    auto joined = [](const Dims& a, const Dims& b, const Dims& c) {
      Dims all = a;
      all.insert(all.end(), b.begin(), b.end());
      all.insert(all.end(), c.begin(), c.end());
      return all;
    };
    auto range = [](std::size_t begin, std::size_t count) {
      Dims dims(count);
      std::iota(dims.begin(), dims.end(), static_cast<std::int64_t>(begin));
      return dims;
    };
    const Dims fx = free_dims(node.inputs[0], bx, cx), fy = free_dims(node.inputs[1], by, cy);
    const Value x = transpose(rebuild, rebuild.Get(node.inputs[0]), joined(bx, fx, cx), node.location);
    const Value y = transpose(rebuild, rebuild.Get(node.inputs[1]), joined(by, cy, fy), node.location);
    rebuild.Set(n, rebuild.Add(Op::dot_general, {x, y},
                               {{Attr::batch_x, range(0, bx.size())},
                                {Attr::batch_y, range(0, by.size())},
                                {Attr::contract_x, range(bx.size() + fx.size(), cx.size())},
                                {Attr::contract_y, range(by.size(), cy.size())}},
                               node.type(), node.location));
  }
  return rebuild.Finish();
}

}  // namespace leat::compiler
