#include "ir/inference_rules.h"

#include <algorithm>

namespace leat::ir {
namespace {

constexpr Constraint kConstraints[] = {
#define LEAT_CONSTRAINT(number, name, text) {number, text},
#include "ir/constraints.def"
};

bool of_kind(const AttrValue& value, AttrKind kind) {
  switch (kind) {
    case AttrKind::boolean: return std::holds_alternative<bool>(value);
    case AttrKind::integer: return std::holds_alternative<std::int64_t>(value);
    case AttrKind::real: return std::holds_alternative<double>(value);
    case AttrKind::integers: return std::holds_alternative<std::vector<std::int64_t>>(value);
    case AttrKind::string: return std::holds_alternative<std::string>(value);
    case AttrKind::dtype: return std::holds_alternative<DType>(value);
    case AttrKind::literal: return std::holds_alternative<Literal>(value);
    case AttrKind::graph: {
      const auto* graph = std::get_if<std::shared_ptr<const Graph>>(&value);
      return graph != nullptr && *graph != nullptr;
    }
  }
  __builtin_unreachable();
}

std::string_view describe(AttrKind kind) {
  switch (kind) {
    case AttrKind::boolean: return "a boolean";
    case AttrKind::integer: return "an integer";
    case AttrKind::real: return "a real number";
    case AttrKind::integers: return "a list of integers";
    case AttrKind::string: return "a string";
    case AttrKind::dtype: return "a dtype";
    case AttrKind::literal: return "a literal";
    case AttrKind::graph: return "a graph";
  }
  __builtin_unreachable();
}

}  // namespace

std::span<const Constraint> list_constraints() { return kConstraints; }

std::string numbered(Rule rule) { return cat(" [C", static_cast<int>(rule), "]"); }

std::string text(std::span<const Symbol> symbols, std::int64_t dim) {
  if (dim >= 0) return cat(dim);
  if (dim == kUnknownDim) return "?";
  const auto id = static_cast<std::size_t>(symbol_of(dim));
  return id < symbols.size() ? symbols[id].name : cat("s", id);
}

std::string text(const Request& r, std::int64_t dim) { return text(r.symbols, dim); }

std::string text(const Request& r, const Type& type) {
  std::string s(leat::name(type.dtype));
  s += '[';
  // A shape may be far too long to read; what is wrong with it then is its rank.
  const std::size_t shown = std::min<std::size_t>(type.shape.size(), kMaxRank);
  for (std::size_t i = 0; i < shown; ++i) absl::StrAppend(&s, i > 0 ? "," : "", text(r, type.shape[i]));
  return s + (shown < type.shape.size() ? ",...]" : "]");
}

std::string text(std::span<const std::int64_t> integers) {
  std::string s = "[";
  const std::size_t shown = std::min<std::size_t>(integers.size(), kMaxRank);
  for (std::size_t i = 0; i < shown; ++i) absl::StrAppend(&s, i > 0 ? "," : "", integers[i]);
  return s + (shown < integers.size() ? ",...]" : "]");
}

Status check_operand_count(const Request& r, std::size_t want) {
  if (r.operands.size() == want) return {};
  return fail(r, Rule::operand_count, "takes ", want, want == 1 ? " operand" : " operands", ", got ",
              r.operands.size());
}

Status check_attributes(const Request& r) {
  std::size_t found = 0;
  for (const AttrSpec& spec : r.info.attributes) {
    const AttrValue* value = r.attributes.Find(spec.attr);
    if (value == nullptr) {
      if (spec.optional) continue;
      return fail(r, Rule::attributes, "needs the attribute ", name(spec.attr));
    }
    if (!of_kind(*value, spec.kind)) {
      return fail(r, Rule::attributes, "the attribute ", name(spec.attr), " must be ", describe(spec.kind));
    }
    ++found;
  }
  if (found == r.attributes.list().size()) return {};
  std::vector<Attr> seen;
  for (const auto& [attr, value] : r.attributes.list()) {
    const bool listed = std::any_of(r.info.attributes.begin(), r.info.attributes.end(),
                                    [a = attr](const AttrSpec& spec) { return spec.attr == a; });
    if (!listed) return fail(r, Rule::attributes, "has no attribute ", name(attr));
    if (std::find(seen.begin(), seen.end(), attr) != seen.end()) {
      return fail(r, Rule::attributes, "the attribute ", name(attr), " is given twice");
    }
    seen.push_back(attr);
  }
  return {};
}

Status check_types(const Request& r, DType t) {
  if (accepts(r.info.types, t)) return {};
  return fail(r, Rule::type_rule, "takes ", describe(r.info.types), ", got ", leat::name(t));
}

Status check_axis(const Request& r, std::string_view what, std::int64_t axis, const Type& x) {
  if (axis >= 0 && axis < x.shape.rank()) return {};
  return fail(r, Rule::axis, what, " ", axis, " is outside ", text(r, x), " (rank ", x.shape.rank(), ")");
}

Status check_axes(const Request& r, std::string_view what, std::span<const std::int64_t> axes,
                  const Type& x) {
  std::uint64_t seen = 0;  // ranks are at most kMaxRank; a longer shape fails in check_type
  for (const std::int64_t axis : axes) {
    if (axis < 0 || axis >= x.shape.rank()) {
      return fail(r, Rule::axis, what, " ", text(axes), ": axis ", axis, " is outside ", text(r, x),
                  " (rank ", x.shape.rank(), ")");
    }
    const std::uint64_t bit = std::uint64_t{1} << (axis & 63);
    if (seen & bit)
      return fail(r, Rule::distinct_axes, what, " ", text(axes), " names axis ", axis, " twice");
    seen |= bit;
  }
  return {};
}

Status check_entries(const Request& r, std::string_view what, std::span<const std::int64_t> list,
                     std::size_t want) {
  if (list.size() == want) return {};
  return fail(r, Rule::entries, what, " ", text(list), " must have ", want, want == 1 ? " entry" : " entries",
              ", one for each dimension, got ", list.size());
}

Status check_positive(const Request& r, std::string_view what, std::span<const std::int64_t> list) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] < 1) {
      return fail(r, Rule::positive, what, " ", text(list), " must be at least 1 (entry ", i, ": ", list[i],
                  ")");
    }
  }
  return {};
}

Status check_padding(const Request& r, std::string_view what, std::span<const std::int64_t> list) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] < 0) {
      return fail(r, Rule::padding, what, " ", text(list), " must not be negative (entry ", i, ": ", list[i],
                  "); slice to crop");
    }
  }
  return {};
}

Status check_reach(const Request& r, std::string_view what, std::span<const std::int64_t> list) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] > kMaxReach) {
      return fail(r, Rule::reach, what, " ", text(list), " must be at most 2^24 (entry ", i, ": ", list[i],
                  ")");
    }
  }
  return {};
}

Status check_index_dtype(const Request& r, std::string_view what, const Type& indices) {
  if (indices.dtype == DType::i32 || indices.dtype == DType::i64) return {};
  return fail(r, Rule::index_dtype, what, " must be i32 or i64, got ", text(r, indices));
}

Status check_same_dtype(const Request& r, const Type& a, const Type& b) {
  if (a.dtype == b.dtype) return {};
  return fail(r, Rule::one_dtype, "operands must have one dtype, got ", text(r, a), " and ", text(r, b));
}

Status check_type(const Request& r, const Type& type) {
  if (type.shape.rank() > kMaxRank) {
    return fail(r, Rule::rank, "the rank of ", text(r, type), " is ", type.shape.rank(), ", more than ",
                kMaxRank);
  }
  std::int64_t bytes = static_cast<std::int64_t>(byte_size(type.dtype));
  for (std::int64_t d : type.shape) {
    if (d == kUnknownDim) continue;
    if (d < 0) {
      const auto id = static_cast<std::size_t>(symbol_of(d));
      if (id >= r.symbols.size()) continue;
      d = r.symbols[id].bound;
    }
    if (d <= 1) continue;
    if (bytes > kMaxBytes / d) {
      return fail(r, Rule::size, text(r, type), " is larger than 2^62 bytes");
    }
    bytes *= d;
  }
  return {};
}

Status check_declared(const Request& r) {
  if (r.declared.size() == 1) return {};
  return fail(r, Rule::declared, "the result type must be given, one, got ", r.declared.size());
}

StatusOr<Types> finish(const Request& r, Type type) {
  if (Status s = check_type(r, type); !s.ok()) return s;
  Types types;
  types.push_back(std::move(type));
  return types;
}

int merge_shape(Shape& a, const Shape& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!match(a[i], b[i])) return static_cast<int>(i);
    a[i] = merge(a[i], b[i]);
  }
  return -1;
}

Shape without(const Shape& shape, std::span<const std::int64_t> axes) {
  Shape result;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) == axes.end()) {
      result.push_back(shape[i]);
    }
  }
  return result;
}

StatusOr<std::int64_t> slide_window(const Request& r, std::size_t axis, std::int64_t extent,
                                    std::int64_t window, std::int64_t stride, std::int64_t low,
                                    std::int64_t high, std::int64_t dilation) {
  if (!is_static(window)) return kUnknownDim;
  const auto reach = checked_mul(window - 1, dilation);
  const auto padding = checked_add(low, high);
  if (!is_static(extent)) {
    const bool same = window == 1 && stride == 1 && padding == 0;
    return same ? extent : kUnknownDim;
  }
  const auto padded = padding ? checked_add(extent, *padding) : std::nullopt;
  if (!padded || !reach || *padded > kMaxBytes || *reach > kMaxBytes) {
    return fail(r, Rule::size, "the padded extent or the dilated window of dimension ", axis,
                " is larger than 2^62");
  }
  if (*padded < *reach + 1) {
    if (window == 1) return std::int64_t{0};
    return fail(r, Rule::window_extent, "a window of ", window, " with dilation ", dilation,
                " is larger than the padded extent ", *padded, " (dimension ", axis, ": ", extent, " + ", low,
                " + ", high, ")");
  }
  return (*padded - *reach - 1) / stride + 1;
}

}  // namespace leat::ir
