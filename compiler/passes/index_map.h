// Affine maps from the indices of a domain to the indices of a value, and how views change them.
//
// A view (transpose, broadcast, slice, reverse, reshape) costs nothing where it can be an index map: the
// consumer reads the operand at mapped indices. map_operand() turns the map of a view's result into the
// map of its operand.
#pragma once

#include <optional>
#include <span>

#include "absl/container/inlined_vector.h"
#include "ir/graph.h"

namespace leat::compiler {

/// index[d] = offset(d) + sum over domain dimensions j of coefficient(d, j) * i[j].
class IndexMap {
 public:
  IndexMap(int value_rank, int domain_rank)
      : value_rank_(value_rank),
        domain_rank_(domain_rank),
        terms_(static_cast<std::size_t>(value_rank) * static_cast<std::size_t>(domain_rank + 1), 0) {}
  /// The map of a value whose shape is the domain itself.
  static IndexMap Identity(int rank);

  int value_rank() const { return value_rank_; }
  int domain_rank() const { return domain_rank_; }
  std::int64_t offset(int d) const { return terms_[At(d, 0)]; }
  std::int64_t& offset(int d) { return terms_[At(d, 0)]; }
  std::int64_t coefficient(int d, int j) const { return terms_[At(d, j + 1)]; }
  std::int64_t& coefficient(int d, int j) { return terms_[At(d, j + 1)]; }
  void CopyRow(int d, const IndexMap& from, int from_d);
  friend bool operator==(const IndexMap&, const IndexMap&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const IndexMap& m) {
    return H::combine(std::move(h), m.value_rank_, m.domain_rank_, m.terms_);
  }

 private:
  std::size_t At(int d, int column) const {
    return static_cast<std::size_t>(d) * static_cast<std::size_t>(domain_rank_ + 1) +
           static_cast<std::size_t>(column);
  }
  int value_rank_;
  int domain_rank_;
  absl::InlinedVector<std::int64_t, 20> terms_;
};

/// offset, then a coefficient per domain dimension, of the row-major linear index.
using LinearMap = absl::InlinedVector<std::int64_t, 6>;
LinearMap linearize(const IndexMap& map, const Shape& shape);

/// Splits a linear index into the indices of `shape`, where no carry can happen for any index in the domain.
std::optional<IndexMap> unflatten(const LinearMap& linear, const Shape& shape,
                                  std::span<const std::int64_t> domain);

/// The map of the operand of view `node` (result shape `shape`), given the map of its result. nullopt where
/// it is not affine (a reshape that the domain does not refine).
std::optional<IndexMap> map_operand(const ir::Node& node, const Shape& operand, const IndexMap& result,
                                    std::span<const std::int64_t> domain);

/// Whether two maps give the same indices into `shape` everywhere in the domain.
bool same_indices(const IndexMap& a, const IndexMap& b, const Shape& shape,
                  std::span<const std::int64_t> domain);

}  // namespace leat::compiler
