#include "compiler/passes/index_map.h"

namespace leat::compiler {

IndexMap IndexMap::Identity(int rank) {
  IndexMap map(rank, rank);
  for (int d = 0; d < rank; ++d) map.coefficient(d, d) = 1;
  return map;
}

void IndexMap::CopyRow(int d, const IndexMap& from, int from_d) {
  for (int column = 0; column <= domain_rank_; ++column) {
    terms_[At(d, column)] = from.terms_[from.At(from_d, column)];
  }
}

LinearMap linearize(const IndexMap& map, const Shape& shape) {
  LinearMap linear(static_cast<std::size_t>(map.domain_rank()) + 1, 0);
  std::int64_t stride = 1;
  for (int d = map.value_rank() - 1; d >= 0; --d) {
    linear[0] += stride * map.offset(d);
    for (int j = 0; j < map.domain_rank(); ++j) {
      linear[static_cast<std::size_t>(j) + 1] += stride * map.coefficient(d, j);
    }
    stride *= shape[static_cast<std::size_t>(d)];
  }
  return linear;
}

std::optional<IndexMap> unflatten(const LinearMap& linear, const Shape& shape,
                                  std::span<const std::int64_t> domain) {
  const int rank = shape.rank();
  const int domain_rank = static_cast<int>(domain.size());
  IndexMap map(rank, domain_rank);
  absl::InlinedVector<std::int64_t, 6> stride(shape.size(), 1);
  for (int d = rank - 2; d >= 0; --d) {
    const auto u = static_cast<std::size_t>(d);
    stride[u] = stride[u + 1] * shape[u + 1];
  }
  for (int column = 0; column <= domain_rank; ++column) {
    std::int64_t rest = linear[static_cast<std::size_t>(column)];
    if (rest < 0) return std::nullopt;
    if (column > 0 && domain[static_cast<std::size_t>(column - 1)] <= 1) continue;
    for (int d = 0; d < rank; ++d) {
      const auto u = static_cast<std::size_t>(d);
      if (stride[u] == 0) return std::nullopt;
      const std::int64_t digit = rest / stride[u];
      rest -= digit * stride[u];
      if (column == 0) {
        map.offset(d) = digit;
      } else {
        map.coefficient(d, column - 1) = digit;
      }
    }
    if (rest != 0) return std::nullopt;
  }
  for (int d = 0; d < rank; ++d) {  // a digit that can reach its extent would carry
    std::int64_t last = map.offset(d);
    for (int j = 0; j < domain_rank; ++j) {
      last += map.coefficient(d, j) * std::max<std::int64_t>(domain[static_cast<std::size_t>(j)] - 1, 0);
    }
    if (last >= std::max<std::int64_t>(shape[static_cast<std::size_t>(d)], 1)) return std::nullopt;
  }
  return map;
}

std::optional<IndexMap> map_operand(const ir::Node& node, const Shape& operand, const IndexMap& result,
                                    std::span<const std::int64_t> domain) {
  const int rank = operand.rank();
  switch (node.op) {
    case ir::Op::transpose: {
      IndexMap map(rank, result.domain_rank());
      const auto& dims = node.attrs().integers(ir::Attr::dims);
      for (int k = 0; k < rank; ++k)
        map.CopyRow(static_cast<int>(dims[static_cast<std::size_t>(k)]), result, k);
      return map;
    }
    case ir::Op::broadcast: {
      IndexMap map(rank, result.domain_rank());
      const auto& dims = node.attrs().integers(ir::Attr::dims);
      for (int k = 0; k < rank; ++k) {
        const auto u = static_cast<std::size_t>(k);
        if (operand[u] != 1) map.CopyRow(k, result, static_cast<int>(dims[u]));
      }
      return map;
    }
    case ir::Op::slice: {
      IndexMap map = result;
      const auto& starts = node.attrs().integers(ir::Attr::starts);
      const auto& strides = node.attrs().integers(ir::Attr::strides);
      for (int k = 0; k < rank; ++k) {
        const auto u = static_cast<std::size_t>(k);
        // One that leads beyond the operand is never taken.
        const std::int64_t stride = std::min(strides[u], std::max<std::int64_t>(operand[u], 1));
        map.offset(k) = starts[u] + stride * map.offset(k);
        for (int j = 0; j < map.domain_rank(); ++j) map.coefficient(k, j) *= stride;
      }
      return map;
    }
    case ir::Op::reverse: {
      IndexMap map = result;
      for (std::int64_t d : node.attrs().integers(ir::Attr::dims)) {
        const int k = static_cast<int>(d);
        map.offset(k) = operand[static_cast<std::size_t>(k)] - 1 - map.offset(k);
        for (int j = 0; j < map.domain_rank(); ++j) map.coefficient(k, j) = -map.coefficient(k, j);
      }
      return map;
    }
    case ir::Op::reshape: {
      if (operand == node.type().shape) return result;
      return unflatten(linearize(result, node.type().shape), operand, domain);
    }
    default: return std::nullopt;
  }
}

bool same_indices(const IndexMap& a, const IndexMap& b, const Shape& shape,
                  std::span<const std::int64_t> domain) {
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[static_cast<std::size_t>(d)] == 1) continue;
    if (a.offset(d) != b.offset(d)) return false;
    for (int j = 0; j < a.domain_rank(); ++j) {
      if (domain[static_cast<std::size_t>(j)] != 1 && a.coefficient(d, j) != b.coefficient(d, j))
        return false;
    }
  }
  return true;
}

}  // namespace leat::compiler
