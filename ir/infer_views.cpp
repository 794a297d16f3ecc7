// Sources, and the ops whose result is the operand read with other strides.
#include <algorithm>

#include "ir/inference_rules.h"

namespace leat::ir {
namespace {

using Integers = std::vector<std::int64_t>;

StatusOr<Types> infer_reshape(const Request& r) {
  if (Status s = check_declared(r); !s.ok()) return s;
  const Type& x = r.x();
  Type result = r.declared[0];
  if (Status s = check_type(r, x); !s.ok()) return s;  // so that the products below cannot overflow
  if (Status s = check_type(r, result); !s.ok()) return s;
  const auto differ = [&] {
    return fail(r, Rule::reshape_count, "must keep the dtype and the number of elements, got ", text(r, x),
                " and ", text(r, r.declared[0]));
  };
  if (x.dtype != result.dtype) return differ();
  // A symbol on both sides cancels; what is left decides only if it is static.
  std::vector<std::int64_t> open;
  std::int64_t have = 1, want = 1, unknown = -1;
  bool have_open = false;
  for (std::int64_t d : x.shape) {
    if (is_static(d)) {
      have *= d;
    } else if (d == kUnknownDim) {
      have_open = true;
    } else {
      open.push_back(d);
    }
  }
  std::size_t want_open = 0;
  for (std::size_t i = 0; i < result.shape.size(); ++i) {
    const std::int64_t d = result.shape[i];
    if (is_static(d)) {
      want *= d;
      continue;
    }
    const auto it = d == kUnknownDim ? open.end() : std::find(open.begin(), open.end(), d);
    if (it != open.end()) {
      open.erase(it);
      continue;
    }
    ++want_open;
    if (d == kUnknownDim) unknown = static_cast<std::int64_t>(i);
  }
  have_open = have_open || !open.empty();
  if (!have_open && want_open == 0 && have != want) return differ();
  if (!have_open && want_open == 1 && unknown >= 0 && want > 0) {
    if (have % want != 0) return differ();
    result.shape[static_cast<std::size_t>(unknown)] = have / want;
  }
  return finish(r, std::move(result));
}

StatusOr<Types> infer_broadcast(const Request& r) {
  if (Status s = check_declared(r); !s.ok()) return s;
  const Type& x = r.x();
  Type result = r.declared[0];
  if (Status s = check_same_dtype(r, x, result); !s.ok()) return s;
  const Integers& dims = r.attributes.integers(Attr::dims);
  if (Status s = check_entries(r, "dims", dims, x.shape.size()); !s.ok()) return s;
  if (Status s = check_type(r, result); !s.ok()) return s;
  if (Status s = check_axes(r, "dims", dims, result); !s.ok()) return s;
  for (std::size_t k = 0; k < dims.size(); ++k) {
    const auto to = static_cast<std::size_t>(dims[k]);
    const std::int64_t d = x.shape[k];
    if (d == 1) continue;
    if (!match(d, result.shape[to])) {
      return fail(r, Rule::broadcast_extent, "dimension ", k, " of ", text(r, x), " cannot become dimension ",
                  to, " of ", text(r, r.declared[0]), " (", text(r, d), " against ",
                  text(r, result.shape[to]), ")");
    }
    // An unknown extent of the operand may turn out to be 1, so only a known one tells the result.
    if (result.shape[to] == kUnknownDim) result.shape[to] = d;
  }
  return finish(r, std::move(result));
}

StatusOr<Types> infer_transpose(const Request& r) {
  const Type& x = r.x();
  const Integers& dims = r.attributes.integers(Attr::dims);
  const std::size_t rank = x.shape.size();
  std::vector<bool> seen(rank, false);
  bool good = dims.size() == rank;
  for (std::size_t k = 0; good && k < rank; ++k) {
    const bool inside = dims[k] >= 0 && dims[k] < x.shape.rank();
    good = inside && !seen[static_cast<std::size_t>(dims[k])];
    if (good) seen[static_cast<std::size_t>(dims[k])] = true;
  }
  if (!good) {
    return fail(r, Rule::permutation, "dims ", text(dims), " must be a permutation of the ", rank,
                rank == 1 ? " dimension of " : " dimensions of ", text(r, x));
  }
  Type result = x;
  for (std::size_t k = 0; k < rank; ++k) result.shape[k] = x.shape[static_cast<std::size_t>(dims[k])];
  return finish(r, std::move(result));
}

StatusOr<Types> infer_slice(const Request& r) {
  const Type& x = r.x();
  const Integers& starts = r.attributes.integers(Attr::starts);
  const Integers& limits = r.attributes.integers(Attr::limits);
  const Integers& strides = r.attributes.integers(Attr::strides);
  if (Status s = check_entries(r, "starts", starts, x.shape.size()); !s.ok()) return s;
  if (Status s = check_entries(r, "limits", limits, x.shape.size()); !s.ok()) return s;
  if (Status s = check_entries(r, "strides", strides, x.shape.size()); !s.ok()) return s;
  if (Status s = check_positive(r, "strides", strides); !s.ok()) return s;
  Type result = x;
  for (std::size_t d = 0; d < x.shape.size(); ++d) {
    const std::int64_t extent = x.shape[d];
    if (starts[d] < 0 || limits[d] < starts[d] || (is_static(extent) && limits[d] > extent)) {
      return fail(r, Rule::slice_bounds, "needs 0 <= start <= limit <= extent, got start ", starts[d],
                  ", limit ", limits[d], " in dimension ", d, " of ", text(r, x));
    }
    if (limits[d] == kToTheEnd) {
      if (starts[d] != 0 || strides[d] != 1) result.shape[d] = kUnknownDim;
    } else {
      const std::int64_t length = limits[d] - starts[d];
      result.shape[d] = length == 0 ? 0 : (length - 1) / strides[d] + 1;
    }
  }
  return finish(r, std::move(result));
}

StatusOr<Types> infer_random_bits(const Request& r) {
  if (Status s = check_operand_count(r, 1); !s.ok()) return s;
  if (Status s = check_declared(r); !s.ok()) return s;
  const Type& x = r.x();
  if (x.dtype != DType::u64 || x.shape.rank() != 1 || !match(x.shape[0], 2)) {
    return fail(r, Rule::random_operand, "the operand must be u64[2] (key, offset), got ", text(r, x));
  }
  const Type& result = r.declared[0];
  if (result.dtype != DType::u32 && result.dtype != DType::u64) {
    return fail(r, Rule::random_result, "the result must be u32 or u64, got ", text(r, result));
  }
  return finish(r, result);
}

StatusOr<Types> infer_constant(const Request& r) {
  const Literal& literal = r.attributes.literal(Attr::value);
  if (literal.bytes == nullptr) return fail(r, Rule::literal, "the literal has no elements");
  if (!literal.type.shape.is_static()) {
    return fail(r, Rule::literal, "the type of a literal must be static, got ", text(r, literal.type));
  }
  return finish(r, literal.type);
}

}  // namespace

StatusOr<Types> infer_source(const Request& r) {
  if (r.info.op == Op::random_bits) return infer_random_bits(r);
  if (Status s = check_operand_count(r, 0); !s.ok()) return s;
  if (r.info.op == Op::constant) return infer_constant(r);
  if (Status s = check_declared(r); !s.ok()) return s;
  const Type& result = r.declared[0];
  if (Status s = check_types(r, result.dtype); !s.ok()) return s;
  if (r.info.op == Op::iota) {
    if (Status s = check_axis(r, "axis", r.attributes.integer(Attr::axis), result); !s.ok()) return s;
  }
  return finish(r, result);
}

StatusOr<Types> infer_view(const Request& r) {
  if (Status s = check_operand_count(r, 1); !s.ok()) return s;
  switch (r.info.op) {
    case Op::reshape: return infer_reshape(r);
    case Op::broadcast: return infer_broadcast(r);
    case Op::transpose: return infer_transpose(r);
    case Op::slice: return infer_slice(r);
    default: break;  // reverse
  }
  if (Status s = check_axes(r, "dims", r.attributes.integers(Attr::dims), r.x()); !s.ok()) return s;
  return finish(r, r.x());
}

}  // namespace leat::ir
