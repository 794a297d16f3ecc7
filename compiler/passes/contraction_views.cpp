#include "compiler/passes/contraction_views.h"

#include "compiler/passes/convolution_form.h"
#include "compiler/passes/index_map.h"

namespace leat::compiler {
namespace {

struct Split {
  int batch, rows, columns;  // dimension counts of an operand, in order
};

Split split_dims(const ir::Graph& graph, const ir::Node& dot, std::size_t index) {
  const int rank = graph.type(dot.inputs[index]).shape.rank();
  const int batch = static_cast<int>(dot.attrs().integers(ir::Attr::batch_x).size());
  const int contracted = static_cast<int>(dot.attrs().integers(ir::Attr::contract_x).size());
  const int free = rank - batch - contracted;
  return index == 0 ? Split{batch, free, contracted} : Split{batch, contracted, free};
}

// Collapses dimensions [begin, begin + count) of a linear map into one stride.
std::optional<std::int64_t> collapse(const Shape& shape, const LinearMap& linear, int begin, int count) {
  std::int64_t stride = 0, extent = 1;
  bool any = false;
  for (int d = begin + count - 1; d >= begin; --d) {
    const std::int64_t size = shape[static_cast<std::size_t>(d)];
    const std::int64_t step = linear[static_cast<std::size_t>(d) + 1];
    if (size == 1) continue;
    if (!any) {
      stride = step;
      any = true;
    } else if (step != stride * extent) {
      return std::nullopt;
    }
    extent *= size;
  }
  return stride;
}

std::optional<ContractionOperand> describe(const Shape& shape, const LinearMap& linear, const Split& split,
                                           ir::Value base) {
  if (linear[0] != 0) return std::nullopt;  // would need an offset into the buffer
  ContractionOperand operand;
  operand.base = base;
  const auto batch = collapse(shape, linear, 0, split.batch);
  const auto rows = collapse(shape, linear, split.batch, split.rows);
  const auto columns = collapse(shape, linear, split.batch + split.rows, split.columns);
  if (!batch || !rows || !columns) return std::nullopt;
  // Engines take any non-negative strides where one of rows and columns is dense.
  if (*batch < 0 || *rows < 0 || *columns < 0) return std::nullopt;
  operand.batch_stride = *batch;
  operand.row_stride = *rows;
  operand.column_stride = *columns;
  return operand;
}

}  // namespace

ContractionSizes contraction_sizes(const ir::Graph& graph, const ir::Node& dot) {
  ContractionSizes sizes;
  const Shape& x = graph.type(dot.inputs[0]).shape;
  const Shape& y = graph.type(dot.inputs[1]).shape;
  const Split sx = split_dims(graph, dot, 0), sy = split_dims(graph, dot, 1);
  for (int d = 0; d < x.rank(); ++d) {
    std::int64_t& to = d < sx.batch ? sizes.batch : d < sx.batch + sx.rows ? sizes.m : sizes.k;
    to *= x[static_cast<std::size_t>(d)];
  }
  for (int d = sy.batch + sy.rows; d < y.rank(); ++d) sizes.n *= y[static_cast<std::size_t>(d)];
  return sizes;
}

ContractionOperand dense_operand(const ir::Graph& graph, const ir::Node& dot, std::size_t index) {
  const Shape& shape = graph.type(dot.inputs[index]).shape;
  return *describe(shape, linearize(IndexMap::Identity(shape.rank()), shape), split_dims(graph, dot, index),
                   dot.inputs[index]);
}

std::optional<ContractionOperand> absorb_views(const ir::Graph& graph, const ir::Node& dot,
                                               std::size_t index) {
  const Shape& shape = graph.type(dot.inputs[index]).shape;
  const Split split = split_dims(graph, dot, index);
  if (shape.num_elements() == 0) return std::nullopt;
  IndexMap map = IndexMap::Identity(shape.rank());
  ir::Value v = dot.inputs[index];
  while (ir::is_view(graph.nodes[v.node])) {
    const ir::Node& view = graph.nodes[v.node];
    const Shape& inner = graph.type(view.inputs[0]).shape;
    std::optional<IndexMap> next = map_operand(view, inner, map, shape.dims());
    if (!next) return std::nullopt;
    map = *std::move(next);
    v = view.inputs[0];
  }
  std::optional<ContractionOperand> operand = describe(shape, linearize(map, graph.type(v).shape), split, v);
  if (!operand) return std::nullopt;
  // The libraries want one dense direction; a broadcast along rows or columns has none.
  const ContractionSizes sizes = contraction_sizes(graph, dot);
  const std::int64_t rows = index == 0 ? sizes.m : sizes.k, columns = index == 0 ? sizes.k : sizes.n;
  const bool dense = (operand->column_stride == 1 || columns == 1) || (operand->row_stride == 1 || rows == 1);
  const bool moves = (operand->row_stride != 0 || rows == 1) && (operand->column_stride != 0 || columns == 1);
  if (!dense || !moves) return std::nullopt;
  return operand;
}

MatmulForm describe_matmul(const ir::Graph& graph, const ir::Node& dot) {
  ContractionOperand operands[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const std::optional<ContractionOperand> absorbed = absorb_views(graph, dot, i);
    operands[i] = absorbed ? *absorbed : dense_operand(graph, dot, i);
  }
  const ContractionSizes sizes = contraction_sizes(graph, dot);
  MatmulForm form;
  form.x = operands[0].base;
  form.y = operands[1].base;
  runtime::cpu::MatmulDescriptor& d = form.descriptor;
  d.dtype = dot.type().dtype;
  d.batch = sizes.batch;
  d.m = sizes.m;
  d.n = sizes.n;
  d.k = sizes.k;
  d.x_batch_stride = operands[0].batch_stride;
  d.x_m_stride = operands[0].row_stride;
  d.x_k_stride = operands[0].column_stride;
  d.y_batch_stride = operands[1].batch_stride;
  d.y_k_stride = operands[1].row_stride;
  d.y_n_stride = operands[1].column_stride;
  d.y_is_constant = is_constant(graph, form.y);
  return form;
}

}  // namespace leat::compiler
