// Reductions, arg reductions, scans and sliding windows.
#include "ir/inference_rules.h"

namespace leat::ir {
namespace {

using Integers = std::vector<std::int64_t>;

StatusOr<Types> infer_arg_reduce(const Request& r, std::int64_t axis) {
  const Type& x = r.x();
  if (x.shape[static_cast<std::size_t>(axis)] == 0) {
    return fail(r, Rule::arg_of_nothing, "there is no element along axis ", axis, " of ", text(r, x));
  }
  return finish(r, {DType::i64, without(x.shape, {{axis}})});
}

StatusOr<Types> infer_window(const Request& r) {
  const Type& x = r.x();
  const std::string& kind = r.attributes.string(Attr::kind);
  if (kind != "sum" && kind != "max" && kind != "min") {
    return fail(r, Rule::kind, "kind must be sum, max or min, got \"", kind, "\"");
  }
  const Integers& window = r.attributes.integers(Attr::window);
  const Integers& strides = r.attributes.integers(Attr::strides);
  const Integers& low = r.attributes.integers(Attr::low);
  const Integers& high = r.attributes.integers(Attr::high);
  const Integers& dilation = r.attributes.integers(Attr::dilation);
  const std::pair<std::string_view, const Integers*> lists[] = {
      {"window", &window}, {"strides", &strides}, {"low", &low}, {"high", &high}, {"dilation", &dilation}};
  for (const auto& [what, list] : lists) {
    if (Status s = check_entries(r, what, *list, x.shape.size()); !s.ok()) return s;
    if (list == &low || list == &high) {
      if (Status s = check_padding(r, what, *list); !s.ok()) return s;
    } else if (Status s = check_positive(r, what, *list); !s.ok()) {
      return s;
    }
  }
  Type result = x;
  for (std::size_t d = 0; d < x.shape.size(); ++d) {
    StatusOr<std::int64_t> extent =
        slide_window(r, d, x.shape[d], window[d], strides[d], low[d], high[d], dilation[d]);
    if (!extent.ok()) return extent.status();
    result.shape[d] = *extent;
  }
  for (const auto& [what, list] : lists) {
    if (list == &window) continue;
    if (Status s = check_reach(r, what, *list); !s.ok()) return s;
  }
  return finish(r, std::move(result));
}

}  // namespace

StatusOr<Types> infer_reduction(const Request& r) {
  if (Status s = check_operand_count(r, 1); !s.ok()) return s;
  const Type& x = r.x();
  if (Status s = check_types(r, x.dtype); !s.ok()) return s;
  if (r.info.family == Family::window) return infer_window(r);
  if (r.info.family == Family::reduce) {
    const Integers& dims = r.attributes.integers(Attr::dims);
    if (Status s = check_axes(r, "dims", dims, x); !s.ok()) return s;
    return finish(r, {x.dtype, without(x.shape, dims)});
  }
  const std::int64_t axis = r.attributes.integer(Attr::axis);
  if (Status s = check_axis(r, "axis", axis, x); !s.ok()) return s;
  if (r.info.family == Family::arg_reduce) return infer_arg_reduce(r, axis);
  return finish(r, x);  // cumulative
}

}  // namespace leat::ir
