// Another extent wherever one stands: how a program is tried at smaller sizes.
#pragma once

#include <optional>

#include "ir/graph.h"

namespace leat::compiler {

/// The graph with dimensions of extent `from` at `to` instead, attributes and literals with them, and every
/// type inferred anew; null where that is no valid graph. Products of extents that a reshape makes follow.
/// REQUIRES: the graph is static, 1 <= to < from.
std::optional<ir::Graph> resize(const ir::Graph& graph, std::int64_t from, std::int64_t to);

/// A literal of one number.
ir::Literal splat(const ir::Type& type, double number);

}  // namespace leat::compiler
