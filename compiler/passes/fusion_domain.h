// The domain that a fused body is computed over, and where its values stand in it.
//
// A body without reductions runs over the elements of its outputs, in a shape that refines the shapes of all
// of its values of that size (so that reshapes between them are index maps). A body with reductions
// runs over the parallel dimensions of what is reduced, then the reduced ones.
#pragma once

#include <optional>
#include <vector>

#include "compiler/passes/index_map.h"
#include "ir/graph.h"

namespace leat::compiler {

struct FusionDomain {
  std::vector<std::int64_t> sizes;  // parallel dimensions, then reduced ones
  int parallel_rank = 0;
  Shape full;  // the shape of what is reduced; of the elements, in a body without reductions
  std::vector<std::int64_t> reduced;  // the reduced dimensions of `full`
  bool minor_reduced = false;         // the minor-most dimension of `full` is among them

  bool has_reduction() const { return !reduced.empty(); }
  /// The indices of a value of this shape that stands at element or row level, or nullopt if it is neither.
  std::optional<IndexMap> Place(const Shape& shape) const;
  /// Of the reduced operand itself.
  IndexMap Full() const;
};

/// Shapes as chains of cut points: the cumulative products of the extents, minor-most first. Shapes of one
/// size can share a domain if their cuts form a divisibility chain; returns the refined shape, or nullopt.
std::optional<Shape> refine_shapes(const Shape& a, const Shape& b);

FusionDomain map_domain(const Shape& refined);
FusionDomain reduce_domain(const Shape& full, const std::vector<std::int64_t>& dims);

/// `shape` without its extents of 1.
Shape strip_ones(const Shape& shape);
/// What is left of `full` when `dims` are reduced.
Shape remove_dims(const Shape& full, const std::vector<std::int64_t>& dims);

}  // namespace leat::compiler
