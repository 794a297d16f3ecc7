#include "compiler/count_work.h"

#include <algorithm>

namespace leat::compiler {
namespace {

using ir::Attr;
using ir::Family;
using ir::Op;

double bytes(const ir::Type& type) { return elements(type) * static_cast<double>(byte_size(type.dtype)); }

double product(const std::vector<std::int64_t>& extents) {
  double p = 1;
  for (const std::int64_t e : extents) p *= static_cast<double>(e);
  return p;
}

// Of all nodes, with their operands and results as if each stood in memory.
Work count_nodes(const ir::Graph& graph) {
  Work work;
  for (const ir::Node& node : graph.nodes) work += count_work(graph, node);
  return work;
}

double contraction_operations(const ir::Graph& graph, const ir::Node& node) {
  const ir::Type& x = graph.type(node.inputs[0]);
  const double out = elements(node.type());
  if (node.op == Op::dot_general) {
    double k = 1;
    for (const std::int64_t d : node.attrs().integers(Attr::contract_x)) {
      k *= static_cast<double>(x.shape[static_cast<std::size_t>(d)]);
    }
    return 2 * out * k;
  }
  if (node.op == Op::convolution) {
    const Shape& w = graph.type(node.inputs[1]).shape;  // [o, c / groups, window...]
    return 2 * out * static_cast<double>(w.num_elements()) / std::max(1.0, static_cast<double>(w[0]));
  }
  // attention: q k^T, its softmax (subtract, sum, divide, and the maximum; exp is counted apart), times v.
  const Shape& k = graph.type(node.inputs[1]).shape;
  const double depth = static_cast<double>(x.shape[static_cast<std::size_t>(x.shape.rank() - 1)]);
  const double scores =
      elements(x) / std::max(1.0, depth) * static_cast<double>(k[static_cast<std::size_t>(k.rank() - 2)]);
  return 2 * scores * depth + 2 * out * static_cast<double>(k[static_cast<std::size_t>(k.rank() - 2)]) +
         4 * scores;
}

void count_operations(const ir::Graph& graph, const ir::Node& node, Work& work) {
  const ir::OpInfo& info = ir::op_info(node.op);
  const double out = node.results.empty() ? 0 : elements(node.type());
  switch (info.family) {
    case Family::unary:
    case Family::binary:
    case Family::compare:
    case Family::ternary:
    case Family::classify:
    case Family::select:
      if (info.is(ir::kTranscendental)) {
        work.transcendentals += out;
      } else {
        work.operations += node.op == Op::fma ? 2 * out : out;
      }
      return;
    case Family::convert:
    case Family::source:
    case Family::view:
    case Family::movement:
    case Family::sorting: return;
    case Family::reduce:
    case Family::arg_reduce:
    case Family::cumulative: work.operations += elements(graph.type(node.inputs[0])); return;
    case Family::window: work.operations += out * product(node.attrs().integers(Attr::window)); return;
    case Family::contraction:
      work.operations += contraction_operations(graph, node);
      if (node.op == Op::attention) {
        const Shape& k = graph.type(node.inputs[1]).shape;
        const Shape& q = graph.type(node.inputs[0]).shape;
        work.transcendentals +=
            static_cast<double>(q.num_elements()) /
            std::max(1.0, static_cast<double>(q[static_cast<std::size_t>(q.rank() - 1)])) *
            static_cast<double>(k[static_cast<std::size_t>(k.rank() - 2)]);
      }
      return;
    case Family::control: {
      const auto inner = [&](Attr attr) {
        Work w = count_nodes(node.attrs().graph(attr));
        w.bytes_read = w.bytes_written = 0;
        return w;
      };
      if (node.op == Op::fused) {
        work += inner(Attr::body);
      } else if (node.op == Op::while_loop) {
        work += inner(Attr::condition);
        work += inner(Attr::body);
      } else if (node.op == Op::cond) {
        const Work a = inner(Attr::then_branch), b = inner(Attr::else_branch);
        work += a.operations >= b.operations ? a : b;
      }
      return;
    }
  }
}

}  // namespace

Work& Work::operator+=(const Work& other) {
  operations += other.operations;
  transcendentals += other.transcendentals;
  bytes_read += other.bytes_read;
  bytes_written += other.bytes_written;
  return *this;
}

Work count_work(const ir::Graph& graph, const ir::Node& node) {
  Work work;
  count_operations(graph, node, work);
  const Family family = ir::op_info(node.op).family;
  if (node.op == Op::parameter || node.op == Op::constant || family == Family::view) return work;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const auto earlier = node.inputs.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(node.inputs.begin(), earlier, node.inputs[i]) != earlier) continue;
    const bool takes = i == 0 && (node.op == Op::gather || node.op == Op::gather_elements ||
                                  node.op == Op::gather_nd || node.op == Op::dynamic_slice);
    work.bytes_read += bytes(takes ? node.type() : graph.type(node.inputs[i]));
  }
  for (const ir::Type& type : node.results) work.bytes_written += bytes(type);
  return work;
}

}  // namespace leat::compiler
