#include "compiler/passes/fusion_domain.h"

#include <algorithm>

namespace leat::compiler {

Shape strip_ones(const Shape& shape) {
  Shape s;
  for (std::int64_t d : shape) {
    if (d != 1) s.push_back(d);
  }
  return s;
}

Shape remove_dims(const Shape& full, const std::vector<std::int64_t>& dims) {
  Shape s;
  for (int d = 0; d < full.rank(); ++d) {
    if (std::find(dims.begin(), dims.end(), d) == dims.end()) s.push_back(full[static_cast<std::size_t>(d)]);
  }
  return s;
}

std::optional<Shape> refine_shapes(const Shape& a, const Shape& b) {
  if (a == b) return a;
  std::vector<std::int64_t> cuts;
  for (const Shape* s : {&a, &b}) {
    std::int64_t product = 1;
    for (int d = s->rank() - 1; d >= 0; --d) {
      product *= (*s)[static_cast<std::size_t>(d)];
      cuts.push_back(product);
    }
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  std::vector<std::int64_t> extents;
  std::int64_t previous = 1;
  for (std::int64_t cut : cuts) {
    if (cut == 0 || cut % previous != 0) return std::nullopt;
    if (cut != previous) extents.push_back(cut / previous);
    previous = cut;
  }
  std::reverse(extents.begin(), extents.end());
  return Shape(std::span<const std::int64_t>(extents));
}

FusionDomain map_domain(const Shape& refined) {
  FusionDomain domain;
  domain.sizes.assign(refined.begin(), refined.end());
  domain.parallel_rank = refined.rank();
  domain.full = refined;
  return domain;
}

FusionDomain reduce_domain(const Shape& full, const std::vector<std::int64_t>& dims) {
  FusionDomain domain;
  domain.full = full;
  domain.reduced = dims;
  std::sort(domain.reduced.begin(), domain.reduced.end());
  for (std::int64_t d : remove_dims(full, dims)) domain.sizes.push_back(d);
  domain.parallel_rank = static_cast<int>(domain.sizes.size());
  for (std::int64_t d : domain.reduced) domain.sizes.push_back(full[static_cast<std::size_t>(d)]);
  domain.minor_reduced = full.rank() > 0 && domain.reduced.back() == full.rank() - 1;
  return domain;
}

IndexMap FusionDomain::Full() const {
  const int rank = static_cast<int>(sizes.size());
  if (!has_reduction()) return IndexMap::Identity(rank);
  IndexMap map(full.rank(), rank);
  int parallel = 0, reduce = parallel_rank;
  for (int d = 0; d < full.rank(); ++d) {
    const bool is_reduced = std::find(reduced.begin(), reduced.end(), d) != reduced.end();
    map.coefficient(d, is_reduced ? reduce++ : parallel++) = 1;
  }
  return map;
}

std::optional<IndexMap> FusionDomain::Place(const Shape& shape) const {
  if (shape == full) return Full();
  const int rank = static_cast<int>(sizes.size());
  if (!has_reduction()) return unflatten(linearize(Full(), full), shape, sizes);
  // A value at row level: its extents other than 1 are the parallel ones, in order.
  const Shape row(std::span<const std::int64_t>(sizes.data(), static_cast<std::size_t>(parallel_rank)));
  if (strip_ones(shape) == strip_ones(row)) {
    IndexMap map(shape.rank(), rank);
    int j = 0;
    for (int d = 0; d < shape.rank(); ++d) {
      if (shape[static_cast<std::size_t>(d)] == 1) continue;
      while (sizes[static_cast<std::size_t>(j)] == 1) ++j;
      map.coefficient(d, j++) = 1;
    }
    return map;
  }
  // The full shape with other extents of 1.
  if (strip_ones(shape) == strip_ones(full)) {
    const IndexMap whole = Full();
    IndexMap map(shape.rank(), rank);
    int e = 0;
    for (int d = 0; d < shape.rank(); ++d) {
      if (shape[static_cast<std::size_t>(d)] == 1) continue;
      while (full[static_cast<std::size_t>(e)] == 1) ++e;
      map.CopyRow(d, whole, e++);
    }
    return map;
  }
  return std::nullopt;
}

}  // namespace leat::compiler
