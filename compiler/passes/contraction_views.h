// How a contraction reads its operands through views: transposes, broadcasts and slices become strides.
#pragma once

#include <optional>

#include "ir/graph.h"
#include "runtime/cpu/contraction.h"

namespace leat::compiler {

/// An operand as the contraction sees it: the dense value behind the views, and element strides from its
/// first element.
struct ContractionOperand {
  ir::Value base;
  std::int64_t batch_stride = 0, row_stride = 0, column_stride = 0;
};

/// Operand `index` (0: [batch..., m..., k...], 1: [batch..., k..., n...], as normalize_contractions leaves
/// them) read through the views behind it, or nullopt where batch, rows or columns do not collapse to one
/// stride each, or the first element is not that of the value behind. The fusion groups and the lowering both
/// ask here, so they agree on what must stand in memory.
std::optional<ContractionOperand> absorb_views(const ir::Graph& graph, const ir::Node& dot,
                                               std::size_t index);

/// The same without looking behind any view: always possible.
ContractionOperand dense_operand(const ir::Graph& graph, const ir::Node& dot, std::size_t index);

/// batch, m, n, k of a normalised dot_general.
struct ContractionSizes {
  std::int64_t batch = 1, m = 1, n = 1, k = 1;
};
ContractionSizes contraction_sizes(const ir::Graph& graph, const ir::Node& dot);

/// A normalised dot_general as the engines describe one, over the values behind its views. `exact` is left
/// false.
struct MatmulForm {
  runtime::cpu::MatmulDescriptor descriptor;
  ir::Value x, y;
};
MatmulForm describe_matmul(const ir::Graph& graph, const ir::Node& dot);

}  // namespace leat::compiler
