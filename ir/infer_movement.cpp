// Data movement whose addresses do not depend on data: pad, concat, reorder.
#include "ir/inference_rules.h"

namespace leat::ir {
namespace {

using Integers = std::vector<std::int64_t>;

StatusOr<Types> infer_pad(const Request& r) {
  if (Status s = check_operand_count(r, 2); !s.ok()) return s;
  const Type& x = r.operands[0];
  const Type& value = r.operands[1];
  if (Status s = check_same_dtype(r, x, value); !s.ok()) return s;
  if (value.shape.rank() != 0) {
    return fail(r, Rule::scalar, "the padding value must be one number, got ", text(r, value));
  }
  const Integers& low = r.attributes.integers(Attr::low);
  const Integers& high = r.attributes.integers(Attr::high);
  const Integers& interior = r.attributes.integers(Attr::interior);
  if (Status s = check_entries(r, "low", low, x.shape.size()); !s.ok()) return s;
  if (Status s = check_entries(r, "high", high, x.shape.size()); !s.ok()) return s;
  if (Status s = check_entries(r, "interior", interior, x.shape.size()); !s.ok()) return s;
  Type result = x;
  for (std::size_t d = 0; d < x.shape.size(); ++d) {
    const std::int64_t extent = x.shape[d];
    if (interior[d] < 0) {
      return fail(r, Rule::interior, "interior ", text(interior), " must not be negative (dimension ", d,
                  ": ", interior[d], ")");
    }
    if (!is_static(extent)) {
      if (low[d] != 0 || high[d] != 0 || interior[d] != 0) result.shape[d] = kUnknownDim;
      continue;
    }
    std::int64_t gaps, padded;
    if (__builtin_mul_overflow(extent > 0 ? extent - 1 : 0, interior[d], &gaps) ||
        __builtin_add_overflow(extent, gaps, &padded) || __builtin_add_overflow(padded, low[d], &padded) ||
        __builtin_add_overflow(padded, high[d], &padded)) {
      return fail(r, Rule::size, "the padded extent of dimension ", d, " of ", text(r, x),
                  " is larger than 2^62");
    }
    if (padded < 0) {
      return fail(r, Rule::pad_result, "low ", low[d], " and high ", high[d], " crop more than dimension ", d,
                  " of ", text(r, x), " has");
    }
    result.shape[d] = padded;
  }
  return finish(r, std::move(result));
}

StatusOr<Types> infer_concat(const Request& r) {
  if (r.operands.empty()) return fail(r, Rule::operand_count, "takes at least 1 operand, got 0");
  Type result = r.x();
  const std::int64_t axis = r.attributes.integer(Attr::axis);
  if (Status s = check_axis(r, "axis", axis, result); !s.ok()) return s;
  const auto a = static_cast<std::size_t>(axis);
  for (std::size_t i = 1; i < r.operands.size(); ++i) {
    const Type& next = r.operands[i];
    if (Status s = check_same_dtype(r, r.x(), next); !s.ok()) return s;
    bool agree = next.shape.rank() == result.shape.rank();
    for (std::size_t d = 0; agree && d < next.shape.size(); ++d) {
      if (d == a) continue;
      agree = match(result.shape[d], next.shape[d]);
      result.shape[d] = merge(result.shape[d], next.shape[d]);
    }
    if (!agree) {
      return fail(r, Rule::concat_extent, "operands must agree in every dimension but ", axis, ", got ",
                  text(r, r.x()), " and ", text(r, next), " (operand ", i, ")");
    }
    std::int64_t& sum = result.shape[a];
    if (!is_static(sum) || !is_static(next.shape[a])) {
      sum = kUnknownDim;
      continue;
    }
    const auto checked = checked_add(sum, next.shape[a]);
    if (!checked) return fail(r, Rule::size, "the extent of dimension ", axis, " is larger than 2^62");
    sum = *checked;
  }
  return finish(r, std::move(result));
}

StatusOr<Types> infer_reorder(const Request& r) {
  if (Status s = check_operand_count(r, 1); !s.ok()) return s;
  if (r.attributes.string(Attr::layout).empty()) return fail(r, Rule::named, "the layout must have a name");
  return finish(r, r.x());
}

}  // namespace

StatusOr<Types> infer_movement(const Request& r) {
  switch (r.info.op) {
    case Op::pad: return infer_pad(r);
    case Op::concat: return infer_concat(r);
    case Op::reorder: return infer_reorder(r);
    default: return infer_indexing(r);
  }
}

}  // namespace leat::ir
