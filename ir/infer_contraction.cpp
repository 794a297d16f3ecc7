// Contractions: dot_general, convolution, attention.
#include <algorithm>

#include "ir/inference_rules.h"

namespace leat::ir {
namespace {

using Integers = std::vector<std::int64_t>;

/// Pairs axes of x with axes of y; `merged` receives the common extents.
Status check_pairs(const Request& r, std::string_view what, const Integers& of_x, const Integers& of_y,
                   Shape* merged) {
  const Type& x = r.operands[0];
  const Type& y = r.operands[1];
  if (of_x.size() != of_y.size()) {
    return fail(r, Rule::paired_axes, what, "_x ", text(of_x), " and ", what, "_y ", text(of_y),
                " must have as many entries");
  }
  for (std::size_t i = 0; i < of_x.size(); ++i) {
    const std::int64_t p = x.shape[static_cast<std::size_t>(of_x[i])];
    const std::int64_t q = y.shape[static_cast<std::size_t>(of_y[i])];
    if (!match(p, q)) {
      return fail(r, Rule::paired_extents, "dimension ", of_x[i], " of ", text(r, x), " and dimension ",
                  of_y[i], " of ", text(r, y), " must have one extent (", what, ": ", text(r, p), " against ",
                  text(r, q), ")");
    }
    if (merged != nullptr) merged->push_back(merge(p, q));
  }
  return {};
}

StatusOr<Types> infer_dot_general(const Request& r) {
  const Type& x = r.operands[0];
  const Type& y = r.operands[1];
  const Integers& batch_x = r.attributes.integers(Attr::batch_x);
  const Integers& batch_y = r.attributes.integers(Attr::batch_y);
  const Integers& contract_x = r.attributes.integers(Attr::contract_x);
  const Integers& contract_y = r.attributes.integers(Attr::contract_y);
  Integers used_x = batch_x, used_y = batch_y;
  used_x.insert(used_x.end(), contract_x.begin(), contract_x.end());
  used_y.insert(used_y.end(), contract_y.begin(), contract_y.end());
  if (Status s = check_axes(r, "batch and contracting dimensions of x", used_x, x); !s.ok()) return s;
  if (Status s = check_axes(r, "batch and contracting dimensions of y", used_y, y); !s.ok()) return s;
  Type result{x.dtype, {}};
  if (Status s = check_pairs(r, "batch", batch_x, batch_y, &result.shape); !s.ok()) return s;
  if (Status s = check_pairs(r, "contract", contract_x, contract_y, nullptr); !s.ok()) return s;
  for (std::int64_t d : without(x.shape, used_x)) result.shape.push_back(d);
  for (std::int64_t d : without(y.shape, used_y)) result.shape.push_back(d);
  return finish(r, std::move(result));
}

Status check_groups(const Request& r, std::int64_t groups) {
  const std::int64_t c = r.operands[0].shape[1];
  const std::int64_t o = r.operands[1].shape[0], per_group = r.operands[1].shape[1];
  const bool divides =
      groups >= 1 && (!is_static(c) || c % groups == 0) && (!is_static(o) || o % groups == 0);
  const bool agrees = divides && (is_static(c)  ? match(per_group, c / groups)
                                  : groups == 1 ? match(per_group, c)
                                                : true);
  if (agrees) return {};
  return fail(r, Rule::groups, "groups ", groups, " does not fit ", text(r, r.operands[0]), " (", text(r, c),
              " channels) and ", text(r, r.operands[1]), " (", text(r, o), " features of ",
              text(r, per_group), " channels)");
}

StatusOr<Types> infer_convolution(const Request& r) {
  const Type& x = r.operands[0];
  const Type& w = r.operands[1];
  const int rank = x.shape.rank();
  if (rank != w.shape.rank() || rank < 3 || rank > 5) {
    return fail(r, Rule::convolution_rank, "operands must have one rank, 3 to 5, got ", text(r, x), " and ",
                text(r, w));
  }
  const Integers& strides = r.attributes.integers(Attr::strides);
  const Integers& low = r.attributes.integers(Attr::low);
  const Integers& high = r.attributes.integers(Attr::high);
  const Integers& input_dilation = r.attributes.integers(Attr::input_dilation);
  const Integers& dilation = r.attributes.integers(Attr::dilation);
  const std::pair<std::string_view, const Integers*> lists[] = {{"strides", &strides},
                                                                {"low", &low},
                                                                {"high", &high},
                                                                {"input_dilation", &input_dilation},
                                                                {"dilation", &dilation}};
  const auto spatial = static_cast<std::size_t>(rank - 2);
  for (const auto& [what, list] : lists) {
    if (Status s = check_entries(r, what, *list, spatial); !s.ok()) return s;
    if (list == &low || list == &high) {
      if (Status s = check_padding(r, what, *list); !s.ok()) return s;
    } else if (Status s = check_positive(r, what, *list); !s.ok()) {
      return s;
    }
  }
  if (Status s = check_groups(r, r.attributes.integer(Attr::groups)); !s.ok()) return s;
  Type result{x.dtype, {x.shape[0], w.shape[0]}};
  for (std::size_t i = 0; i < spatial; ++i) {
    std::int64_t extent = x.shape[i + 2];
    const std::int64_t window = w.shape[i + 2];
    if (window == 0) {
      return fail(r, Rule::positive, "the window of ", text(r, w), " must be at least 1 in dimension ",
                  i + 2);
    }
    if (is_static(extent)) {
      const auto gaps = checked_mul(extent > 0 ? extent - 1 : 0, input_dilation[i]);
      if (!gaps || *gaps >= kMaxBytes) {
        return fail(r, Rule::size, "the dilated extent of dimension ", i + 2, " of ", text(r, x),
                    " is larger than 2^62");
      }
      extent = extent > 0 ? *gaps + 1 : 0;
    } else if (input_dilation[i] != 1) {
      extent = kUnknownDim;
    }
    StatusOr<std::int64_t> slid =
        slide_window(r, i + 2, extent, window, strides[i], low[i], high[i], dilation[i]);
    if (!slid.ok()) return slid.status();
    result.shape.push_back(*slid);
  }
  for (const auto& [what, list] : lists) {
    if (Status s = check_reach(r, what, *list); !s.ok()) return s;
  }
  return finish(r, std::move(result));
}

StatusOr<Types> infer_attention(const Request& r) {
  const Type& q = r.operands[0];
  const Type& k = r.operands[1];
  const Type& v = r.operands[2];
  const int rank = q.shape.rank();
  bool good = rank >= 2 && k.shape.rank() == rank && v.shape.rank() == rank;
  Shape lead = q.shape;
  std::int64_t n = kUnknownDim;
  if (good) {
    const auto i = static_cast<std::size_t>(rank - 2);
    for (std::size_t d = 0; d < i; ++d) {
      good = good && match(lead[d], k.shape[d]);
      lead[d] = merge(lead[d], k.shape[d]);
      good = good && match(lead[d], v.shape[d]);
      lead[d] = merge(lead[d], v.shape[d]);
    }
    n = merge(k.shape[i], v.shape[i]);
    good = good && match(q.shape[i + 1], k.shape[i + 1]) && match(k.shape[i], v.shape[i]);
  }
  if (!good) {
    return fail(r, Rule::attention_shape, "operands must be q [...,m,d], k [...,n,d] and v [...,n,e], got ",
                text(r, q), ", ", text(r, k), " and ", text(r, v));
  }
  if (r.operands.size() == 4) {
    Type want{q.dtype, lead};
    want.shape[static_cast<std::size_t>(rank - 1)] = n;
    const Type& mask = r.operands[3];
    Shape merged = want.shape;
    if (mask.dtype != q.dtype || mask.shape.rank() != rank || merge_shape(merged, mask.shape) >= 0) {
      return fail(r, Rule::attention_mask, "the mask must be ", text(r, want), ", got ", text(r, mask));
    }
    lead = merged;
  }
  lead[static_cast<std::size_t>(rank - 1)] = v.shape.back();
  return finish(r, {q.dtype, std::move(lead)});
}

}  // namespace

StatusOr<Types> infer_contraction(const Request& r) {
  if (r.info.op == Op::attention) {
    if (r.operands.size() != 3 && r.operands.size() != 4) {
      return fail(r, Rule::operand_count, "takes 3 or 4 operands, got ", r.operands.size());
    }
  } else if (Status s = check_operand_count(r, 2); !s.ok()) {
    return s;
  }
  if (Status s = check_types(r, r.x().dtype); !s.ok()) return s;
  const std::size_t computed = std::min<std::size_t>(r.operands.size(), 3);  // the mask has a rule of its own
  for (std::size_t i = 1; i < computed; ++i) {
    if (Status s = check_same_dtype(r, r.x(), r.operands[i]); !s.ok()) return s;
  }
  switch (r.info.op) {
    case Op::dot_general: return infer_dot_general(r);
    case Op::convolution: return infer_convolution(r);
    default: return infer_attention(r);
  }
}

}  // namespace leat::ir
