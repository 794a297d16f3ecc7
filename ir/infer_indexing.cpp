// Data movement addressed by data: gathers, scatters, dynamic slices.
#include "ir/inference_rules.h"

namespace leat::ir {
namespace {

StatusOr<Types> infer_gather(const Request& r) {
  if (Status s = check_operand_count(r, 2); !s.ok()) return s;
  const Type& x = r.operands[0];
  const Type& indices = r.operands[1];
  const std::int64_t axis = r.attributes.integer(Attr::axis);
  if (Status s = check_axis(r, "axis", axis, x); !s.ok()) return s;
  if (Status s = check_index_dtype(r, "indices", indices); !s.ok()) return s;
  Type result{x.dtype, {}};
  for (std::size_t d = 0; d < x.shape.size(); ++d) {
    if (d != static_cast<std::size_t>(axis)) {
      result.shape.push_back(x.shape[d]);
      continue;
    }
    for (std::int64_t n : indices.shape) result.shape.push_back(n);
  }
  return finish(r, std::move(result));
}

Status check_element_indices(const Request& r, const Type& x, const Type& indices) {
  const std::int64_t axis = r.attributes.integer(Attr::axis);
  if (Status s = check_axis(r, "axis", axis, x); !s.ok()) return s;
  if (Status s = check_index_dtype(r, "indices", indices); !s.ok()) return s;
  if (x.shape.rank() != indices.shape.rank()) {
    return fail(r, Rule::element_indices, "indices must have the rank of the operand, got ", text(r, x),
                " and ", text(r, indices));
  }
  for (std::size_t d = 0; d < x.shape.size(); ++d) {
    if (d == static_cast<std::size_t>(axis) || may_fit(indices.shape[d], x.shape[d])) continue;
    return fail(r, Rule::element_indices, "indices ", text(r, indices), " do not fit in ", text(r, x),
                " (dimension ", d, ": ", text(r, indices.shape[d]), " against ", text(r, x.shape[d]), ")");
  }
  return {};
}

StatusOr<Types> infer_gather_elements(const Request& r) {
  if (Status s = check_operand_count(r, 2); !s.ok()) return s;
  if (Status s = check_element_indices(r, r.operands[0], r.operands[1]); !s.ok()) return s;
  return finish(r, {r.operands[0].dtype, r.operands[1].shape});
}

/// The shape of the slices that `indices` address in `x`: indices.shape[:-1] + x.shape[batch+depth:].
StatusOr<Shape> addressed_shape(const Request& r, const Type& x, const Type& indices, std::int64_t batch) {
  if (Status s = check_index_dtype(r, "indices", indices); !s.ok()) return s;
  if (batch < 0 || batch >= x.shape.rank() || batch >= indices.shape.rank()) {
    if (x.shape.rank() > 0 && indices.shape.rank() > 0) {
      return fail(r, Rule::batch_dims, "batch_dims ", batch,
                  " must be at least 0 and less than the ranks of ", text(r, x), " and ", text(r, indices));
    }
    return fail(r, Rule::index_depth, "the operand and the indices must have a dimension, got ", text(r, x),
                " and ", text(r, indices));
  }
  for (std::size_t d = 0; d < static_cast<std::size_t>(batch); ++d) {
    if (match(x.shape[d], indices.shape[d])) continue;
    return fail(r, Rule::batch_dims, "the batch extents of ", text(r, x), " and ", text(r, indices),
                " differ (dimension ", d, ": ", text(r, x.shape[d]), " against ", text(r, indices.shape[d]),
                ")");
  }
  const std::int64_t depth = indices.shape.back();
  if (!is_static(depth) || depth < 1 || depth > x.shape.rank() - batch) {
    return fail(r, Rule::index_depth, "the last extent of the indices ", text(r, indices),
                " must be between 1 and ", x.shape.rank() - batch, " for ", text(r, x));
  }
  Shape shape;
  for (std::size_t d = 0; d + 1 < indices.shape.size(); ++d) {
    const bool common = d < static_cast<std::size_t>(batch);
    shape.push_back(common ? merge(indices.shape[d], x.shape[d]) : indices.shape[d]);
  }
  for (auto d = static_cast<std::size_t>(batch + depth); d < x.shape.size(); ++d) shape.push_back(x.shape[d]);
  return shape;
}

StatusOr<Types> infer_gather_nd(const Request& r) {
  if (Status s = check_operand_count(r, 2); !s.ok()) return s;
  StatusOr<Shape> shape =
      addressed_shape(r, r.operands[0], r.operands[1], r.attributes.integer(Attr::batch_dims));
  if (!shape.ok()) return shape.status();
  return finish(r, {r.x().dtype, *std::move(shape)});
}

StatusOr<Types> infer_scatter(const Request& r) {
  if (Status s = check_operand_count(r, 3); !s.ok()) return s;
  const Type& x = r.operands[0];
  const Type& indices = r.operands[1];
  const Type& updates = r.operands[2];
  Shape addressed = indices.shape;
  if (r.info.op == Op::scatter_elements) {
    if (Status s = check_element_indices(r, x, indices); !s.ok()) return s;
  } else {
    StatusOr<Shape> shape = addressed_shape(r, x, indices, 0);
    if (!shape.ok()) return shape.status();
    addressed = *std::move(shape);
  }
  const Type want{x.dtype, addressed};
  if (updates.dtype != x.dtype || updates.shape.rank() != addressed.rank() ||
      merge_shape(addressed, updates.shape) >= 0) {
    return fail(r, Rule::updates, "the updates must be ", text(r, want), " for the indices ",
                text(r, indices), " into ", text(r, x), ", got ", text(r, updates));
  }
  const std::string& kind = r.attributes.string(Attr::kind);
  const bool order = kind == "set" || kind == "min" || kind == "max";
  if (!order && kind != "add" && kind != "mul") {
    return fail(r, Rule::kind, "kind must be set, add, mul, min or max, got \"", kind, "\"");
  }
  if (!order && x.dtype == DType::bool_) {
    return fail(r, Rule::kind, "kind ", kind, " needs a numeric dtype, got ", text(r, x));
  }
  return finish(r, x);
}

Status check_starts(const Request& r, std::size_t first) {
  const std::size_t rank = r.x().shape.size();
  if (r.operands.size() != first + rank) return check_operand_count(r, first + rank);
  for (std::size_t i = first; i < r.operands.size(); ++i) {
    const Type& start = r.operands[i];
    if (start.shape.rank() != 0) {
      return fail(r, Rule::scalar, "the start of each dimension must be one number, got ", text(r, start),
                  " for dimension ", i - first);
    }
    if (Status s = check_index_dtype(r, "a start", start); !s.ok()) return s;
  }
  return {};
}

StatusOr<Types> infer_dynamic_slice(const Request& r) {
  if (r.operands.empty()) return fail(r, Rule::operand_count, "takes at least 1 operand, got 0");
  if (Status s = check_starts(r, 1); !s.ok()) return s;
  const Type& x = r.x();
  const std::vector<std::int64_t>& sizes = r.attributes.integers(Attr::sizes);
  if (Status s = check_entries(r, "sizes", sizes, x.shape.size()); !s.ok()) return s;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] < 0 || !may_fit(sizes[d], x.shape[d])) {
      return fail(r, Rule::window_fits, "sizes ", text(sizes), " do not fit in ", text(r, x), " (dimension ",
                  d, ": ", sizes[d], " against ", text(r, x.shape[d]), ")");
    }
  }
  return finish(r, {x.dtype, Shape(sizes)});
}

StatusOr<Types> infer_dynamic_update_slice(const Request& r) {
  if (r.operands.size() < 2) {
    return fail(r, Rule::operand_count, "takes at least 2 operands, got ", r.operands.size());
  }
  if (Status s = check_starts(r, 2); !s.ok()) return s;
  const Type& x = r.operands[0];
  const Type& update = r.operands[1];
  if (Status s = check_same_dtype(r, x, update); !s.ok()) return s;
  bool fits = update.shape.rank() == x.shape.rank();
  for (std::size_t d = 0; fits && d < x.shape.size(); ++d) fits = may_fit(update.shape[d], x.shape[d]);
  if (!fits)
    return fail(r, Rule::window_fits, "the update ", text(r, update), " does not fit in ", text(r, x));
  return finish(r, x);
}

}  // namespace

StatusOr<Types> infer_indexing(const Request& r) {
  switch (r.info.op) {
    case Op::gather: return infer_gather(r);
    case Op::gather_elements: return infer_gather_elements(r);
    case Op::gather_nd: return infer_gather_nd(r);
    case Op::dynamic_slice: return infer_dynamic_slice(r);
    case Op::dynamic_update_slice: return infer_dynamic_update_slice(r);
    default: return infer_scatter(r);  // scatter_elements, scatter_nd
  }
}

}  // namespace leat::ir
