// Data movement whose addresses do not depend on data: pad, concat, reorder.
#include "ir/inference_rules.h"
#include "ir/layout.h"

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
    constexpr std::int64_t kMost = std::int64_t{1} << 61, kMostInterior = std::int64_t{1} << 31;
    if (low[d] < -kMost || low[d] > kMost || high[d] < -kMost || high[d] > kMost ||
        interior[d] > kMostInterior) {
      return fail(r, Rule::size, "low and high may be 2^61 either way and interior 2^31, got ", low[d], ", ",
                  high[d], " and ", interior[d], " (dimension ", d, ")");
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

/// The dense type of which `blocked` has no block that hangs over; nothing if its shape is no such.
std::optional<Type> dense_type(const Layout& layout, const Type& blocked) {
  if (blocked.shape.size() != layout.dims().size()) return std::nullopt;
  Type dense{blocked.dtype, {}};
  for (int axis = 0; axis < layout.rank(); ++axis) dense.shape.push_back(kUnknownDim);
  for (std::size_t d = 0; d < layout.dims().size(); ++d) {
    const Layout::Dim& dim = layout.dims()[d];
    if (dim.block > 0) continue;
    std::int64_t& extent = dense.shape[static_cast<std::size_t>(dim.axis)];
    extent = blocked.shape[d];
    if (dim.step == 1) continue;
    const auto whole = is_static(extent) ? checked_mul(extent, dim.step) : std::nullopt;
    extent = whole ? *whole : kUnknownDim;
  }
  return dense;
}

StatusOr<Types> infer_reorder(const Request& r) {
  if (Status s = check_operand_count(r, 1); !s.ok()) return s;
  const std::string& name = r.attributes.string(Attr::layout);
  if (name.empty()) return fail(r, Rule::named, "the layout must have a name");
  const std::optional<Reordering> reordering = parse_reordering(name);
  const auto no_layout = [&](const Type& dense) {
    return fail(r, Rule::layout, "\"", name, "\" is no layout of ", text(r, dense));
  };
  if (!reordering) return no_layout(r.x());
  const Layout& layout = reordering->layout;
  if (!reordering->backward) {
    if (layout.rank() != r.x().shape.rank()) return no_layout(r.x());
    return finish(r, {r.x().dtype, layout.Blocked(r.x().shape)});
  }
  // The result as written may have less than the blocks have room for.
  const std::optional<Type> dense =
      r.declared.size() == 1 ? std::optional<Type>(r.declared[0]) : dense_type(layout, r.x());
  if (!dense) return no_layout(r.x());
  if (dense->shape.rank() != layout.rank()) return no_layout(*dense);
  if (Status s = check_same_dtype(r, r.x(), *dense); !s.ok()) return s;
  const Type blocked{dense->dtype, layout.Blocked(dense->shape)};
  Shape merged = blocked.shape;
  if (merged.rank() != r.x().shape.rank() || merge_shape(merged, r.x().shape) >= 0) {
    return fail(r, Rule::blocked_shape, text(r, *dense), " in the layout ", reordering->name, " is ",
                text(r, blocked), ", got ", text(r, r.x()));
  }
  return finish(r, *dense);
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
