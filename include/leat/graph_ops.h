// GraphBuilder::Add with a function for each op: operands and attributes have names and types, so that a
// compiler and an editor know them. Generated from the op table (ir/ops.def): tests/frontend/
// graph_ops_header_test.cpp compares this file with the table, and writes it anew with LEAT_UPDATE=1.
//
// Each returns the first result of the node, or the error of GraphBuilder::Add, which names the line of the
// call. There is no implicit broadcast and no promotion. Attributes that may be left out come last.
//
//   GraphBuilder g;
//   const auto x = g.Input("x", DType::f32, {"n", 128}), w = g.Input("w", DType::f32, {128, 64});
//   const auto y = graph_ops::dot_general(g, x, w, {}, {}, {1}, {0});
//   const auto z = graph_ops::exp(g, *y);
#pragma once

#include "leat/graph_builder.h"

namespace leat::graph_ops {

using Handle = GraphBuilder::Handle;
using Integers = GraphBuilder::Integers;

/// -x; integers wrap.
inline StatusOr<Handle> neg(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("neg", {x}, {}, {}, where);
}

/// |x|; the least signed integer maps to itself.
inline StatusOr<Handle> abs(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("abs", {x}, {}, {}, where);
}

/// -1, 0 or 1; keeps signed zeros and NaN.
inline StatusOr<Handle> sign(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("sign", {x}, {}, {}, where);
}

/// x + y; integers wrap.
inline StatusOr<Handle> add(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("add", {x, y}, {}, {}, where);
}

/// x - y; integers wrap.
inline StatusOr<Handle> sub(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("sub", {x, y}, {}, {}, where);
}

/// x * y; integers wrap.
inline StatusOr<Handle> mul(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("mul", {x, y}, {}, {}, where);
}

/// x / y; integers truncate, x / 0 faults, the least / -1 is itself.
inline StatusOr<Handle> div(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("div", {x, y}, {}, {}, where);
}

/// remainder of truncating division, sign of x; integer x % 0 faults.
inline StatusOr<Handle> rem(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("rem", {x, y}, {}, {}, where);
}

/// lesser; NaN wins, -0 < +0.
inline StatusOr<Handle> minimum(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("minimum", {x, y}, {}, {}, where);
}

/// greater; NaN wins, -0 < +0.
inline StatusOr<Handle> maximum(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("maximum", {x, y}, {}, {}, where);
}

/// minimum(maximum(lo, x), hi) for operands (lo, x, hi).
inline StatusOr<Handle> clamp(GraphBuilder& g, Handle x, Handle y, Handle z,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("clamp", {x, y, z}, {}, {}, where);
}

/// x * y + z, rounded once.
inline StatusOr<Handle> fma(GraphBuilder& g, Handle x, Handle y, Handle z,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("fma", {x, y, z}, {}, {}, where);
}

/// largest integer <= x.
inline StatusOr<Handle> floor(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("floor", {x}, {}, {}, where);
}

/// least integer >= x.
inline StatusOr<Handle> ceil(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("ceil", {x}, {}, {}, where);
}

/// toward zero.
inline StatusOr<Handle> trunc(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("trunc", {x}, {}, {}, where);
}

/// nearest integer, ties to even.
inline StatusOr<Handle> round_even(GraphBuilder& g, Handle x,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("round_even", {x}, {}, {}, where);
}

/// square root, correctly rounded.
inline StatusOr<Handle> sqrt(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("sqrt", {x}, {}, {}, where);
}

/// 1 / sqrt(x): two roundings.
inline StatusOr<Handle> rsqrt(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("rsqrt", {x}, {}, {}, where);
}

/// cube root.
inline StatusOr<Handle> cbrt(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("cbrt", {x}, {}, {}, where);
}

/// x to the y, special cases as C Annex F.
inline StatusOr<Handle> pow(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("pow", {x, y}, {}, {}, where);
}

/// e^x.
inline StatusOr<Handle> exp(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("exp", {x}, {}, {}, where);
}

/// 2^x.
inline StatusOr<Handle> exp2(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("exp2", {x}, {}, {}, where);
}

/// e^x - 1.
inline StatusOr<Handle> expm1(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("expm1", {x}, {}, {}, where);
}

/// natural logarithm.
inline StatusOr<Handle> log(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("log", {x}, {}, {}, where);
}

/// base-2 logarithm.
inline StatusOr<Handle> log2(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("log2", {x}, {}, {}, where);
}

/// log(1 + x).
inline StatusOr<Handle> log1p(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("log1p", {x}, {}, {}, where);
}

/// sine of x radians.
inline StatusOr<Handle> sin(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("sin", {x}, {}, {}, where);
}

/// cosine of x radians.
inline StatusOr<Handle> cos(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("cos", {x}, {}, {}, where);
}

/// tangent of x radians.
inline StatusOr<Handle> tan(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("tan", {x}, {}, {}, where);
}

/// arc sine, radians.
inline StatusOr<Handle> asin(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("asin", {x}, {}, {}, where);
}

/// arc cosine, radians.
inline StatusOr<Handle> acos(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("acos", {x}, {}, {}, where);
}

/// arc tangent, radians.
inline StatusOr<Handle> atan(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("atan", {x}, {}, {}, where);
}

/// angle of the point (y, x), operands (y, x).
inline StatusOr<Handle> atan2(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("atan2", {x, y}, {}, {}, where);
}

/// hyperbolic sine.
inline StatusOr<Handle> sinh(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("sinh", {x}, {}, {}, where);
}

/// hyperbolic cosine.
inline StatusOr<Handle> cosh(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("cosh", {x}, {}, {}, where);
}

/// hyperbolic tangent.
inline StatusOr<Handle> tanh(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("tanh", {x}, {}, {}, where);
}

/// inverse hyperbolic sine.
inline StatusOr<Handle> asinh(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("asinh", {x}, {}, {}, where);
}

/// inverse hyperbolic cosine.
inline StatusOr<Handle> acosh(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("acosh", {x}, {}, {}, where);
}

/// inverse hyperbolic tangent.
inline StatusOr<Handle> atanh(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("atanh", {x}, {}, {}, where);
}

/// 1 / (1 + e^-x).
inline StatusOr<Handle> sigmoid(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("sigmoid", {x}, {}, {}, where);
}

/// error function.
inline StatusOr<Handle> erf(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("erf", {x}, {}, {}, where);
}

/// inverse error function.
inline StatusOr<Handle> erfinv(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("erfinv", {x}, {}, {}, where);
}

/// complement; logical not of a bool.
inline StatusOr<Handle> bit_not(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("bit_not", {x}, {}, {}, where);
}

/// and.
inline StatusOr<Handle> bit_and(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("bit_and", {x, y}, {}, {}, where);
}

/// or.
inline StatusOr<Handle> bit_or(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("bit_or", {x, y}, {}, {}, where);
}

/// exclusive or.
inline StatusOr<Handle> bit_xor(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("bit_xor", {x, y}, {}, {}, where);
}

/// x << y; 0 where y is negative or >= the width.
inline StatusOr<Handle> shift_left(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("shift_left", {x, y}, {}, {}, where);
}

/// x >> y, arithmetic for signed; all sign bits where y is negative or >= the width.
inline StatusOr<Handle> shift_right(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("shift_right", {x, y}, {}, {}, where);
}

/// number of one bits.
inline StatusOr<Handle> popcount(GraphBuilder& g, Handle x,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("popcount", {x}, {}, {}, where);
}

/// number of leading zero bits; the width for 0.
inline StatusOr<Handle> count_leading_zeros(GraphBuilder& g, Handle x,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("count_leading_zeros", {x}, {}, {}, where);
}

/// x == y; NaN equals nothing, -0 == +0.
inline StatusOr<Handle> equal(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("equal", {x, y}, {}, {}, where);
}

/// !(x == y).
inline StatusOr<Handle> not_equal(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("not_equal", {x, y}, {}, {}, where);
}

/// x < y; false with NaN.
inline StatusOr<Handle> less(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("less", {x, y}, {}, {}, where);
}

/// x <= y; false with NaN.
inline StatusOr<Handle> less_equal(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("less_equal", {x, y}, {}, {}, where);
}

/// x > y; false with NaN.
inline StatusOr<Handle> greater(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("greater", {x, y}, {}, {}, where);
}

/// x >= y; false with NaN.
inline StatusOr<Handle> greater_equal(GraphBuilder& g, Handle x, Handle y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("greater_equal", {x, y}, {}, {}, where);
}

/// neither infinite nor NaN; result bool.
inline StatusOr<Handle> is_finite(GraphBuilder& g, Handle x,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("is_finite", {x}, {}, {}, where);
}

/// NaN; result bool.
inline StatusOr<Handle> is_nan(GraphBuilder& g, Handle x, SourceLocation where = SourceLocation::current()) {
  return g.Add("is_nan", {x}, {}, {}, where);
}

/// p ? x : y for operands (p, x, y), p a bool.
inline StatusOr<Handle> select(GraphBuilder& g, Handle x, Handle y, Handle z,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("select", {x, y, z}, {}, {}, where);
}

/// to another dtype: rounds to nearest even; float to integer truncates and saturates, NaN is 0; to bool is x
/// != 0.
inline StatusOr<Handle> convert(GraphBuilder& g, Handle x, DType dtype,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("convert", {x}, {{"dtype", dtype}}, {}, where);
}

/// the same bits as another dtype of the same width; NaN is canonicalised first.
inline StatusOr<Handle> bitcast(GraphBuilder& g, Handle x, DType dtype,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("bitcast", {x}, {{"dtype", dtype}}, {}, where);
}

/// the index along an axis.
inline StatusOr<Handle> iota(GraphBuilder& g, std::int64_t axis, const GraphType& type,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("iota", std::span<const Handle>(), {{"axis", axis}}, type, where);
}

/// Philox 4x32-10 words of a u64[2] operand (key, offset), for u32 and u64 results.
inline StatusOr<Handle> random_bits(GraphBuilder& g, Handle x, const GraphType& type,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("random_bits", {x}, {}, type, where);
}

/// the same elements in row-major order; result shape as written.
inline StatusOr<Handle> reshape(GraphBuilder& g, Handle x, const GraphType& type,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("reshape", {x}, {}, type, where);
}

/// operand dimension k becomes result dimension dims[k]; the others repeat; an operand extent of 1 repeats.
inline StatusOr<Handle> broadcast(GraphBuilder& g, Handle x, const Integers& dims, const GraphType& type,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("broadcast", {x}, {{"dims", dims}}, type, where);
}

/// result dimension k is operand dimension dims[k].
inline StatusOr<Handle> transpose(GraphBuilder& g, Handle x, const Integers& dims,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("transpose", {x}, {{"dims", dims}}, {}, where);
}

/// elements starts[d], starts[d]+strides[d], ... below limits[d].
inline StatusOr<Handle> slice(GraphBuilder& g, Handle x, const Integers& starts, const Integers& limits,
    const Integers& strides, SourceLocation where = SourceLocation::current()) {
  return g.Add("slice", {x}, {{"starts", starts}, {"limits", limits}, {"strides", strides}}, {}, where);
}

/// reversed along dims.
inline StatusOr<Handle> reverse(GraphBuilder& g, Handle x, const Integers& dims,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("reverse", {x}, {{"dims", dims}}, {}, where);
}

/// operands (x, value[]); low, high may be negative (crop after interior padding).
inline StatusOr<Handle> pad(GraphBuilder& g, Handle x, Handle y, const Integers& low, const Integers& high,
    const Integers& interior, SourceLocation where = SourceLocation::current()) {
  return g.Add("pad", {x, y}, {{"low", low}, {"high", high}, {"interior", interior}}, {}, where);
}

/// operands one after another along an axis.
inline StatusOr<Handle> concat(GraphBuilder& g, const std::vector<Handle>& operands, std::int64_t axis,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("concat", operands, {{"axis", axis}}, {}, where);
}

/// to a blocked layout known to an engine, or back; the value is unchanged.
inline StatusOr<Handle> reorder(GraphBuilder& g, Handle x, const std::string& layout,
    const std::optional<GraphType>& type = {}, SourceLocation where = SourceLocation::current()) {
  return g.Add("reorder", {x}, {{"layout", layout}}, type, where);
}

/// operands (x, indices): x's slices at indices along axis, in place of that axis; an index outside faults.
inline StatusOr<Handle> gather(GraphBuilder& g, Handle x, Handle y, std::int64_t axis,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("gather", {x, y}, {{"axis", axis}}, {}, where);
}

/// operands (x, indices) of one rank: r[..i..] = x[..indices[..i..]..] along axis.
inline StatusOr<Handle> gather_elements(GraphBuilder& g, Handle x, Handle y, std::int64_t axis,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("gather_elements", {x, y}, {{"axis", axis}}, {}, where);
}

/// operands (x, indices): the last dimension of indices addresses the leading dimensions of x after
/// batch_dims common ones.
inline StatusOr<Handle> gather_nd(GraphBuilder& g, Handle x, Handle y, std::int64_t batch_dims = 0,
    SourceLocation where = SourceLocation::current()) {
  GraphBuilder::Attributes attributes;
  if (batch_dims != 0) attributes.emplace_back("batch_dims", batch_dims);
  return g.Add("gather_nd", {x, y}, attributes, {}, where);
}

/// operands (x, indices, updates): x with updates combined in update order; kind set, add, mul, min or max.
inline StatusOr<Handle> scatter_elements(GraphBuilder& g, Handle x, Handle y, Handle z, std::int64_t axis,
    const std::string& kind, SourceLocation where = SourceLocation::current()) {
  return g.Add("scatter_elements", {x, y, z}, {{"axis", axis}, {"kind", kind}}, {}, where);
}

/// operands (x, indices, updates): x with slices combined in update order; kind set, add, mul, min or max.
inline StatusOr<Handle> scatter_nd(GraphBuilder& g, Handle x, Handle y, Handle z, const std::string& kind,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("scatter_nd", {x, y, z}, {{"kind", kind}}, {}, where);
}

/// operands (x, start[] per dimension): sizes elements from start, clamped to fit.
inline StatusOr<Handle> dynamic_slice(GraphBuilder& g, const std::vector<Handle>& operands,
    const Integers& sizes, SourceLocation where = SourceLocation::current()) {
  return g.Add("dynamic_slice", operands, {{"sizes", sizes}}, {}, where);
}

/// operands (x, update, start[] per dimension): x with update at start, clamped to fit.
inline StatusOr<Handle> dynamic_update_slice(GraphBuilder& g, const std::vector<Handle>& operands,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("dynamic_update_slice", operands, {}, {}, where);
}

/// sum over dims.
inline StatusOr<Handle> reduce_sum(GraphBuilder& g, Handle x, const Integers& dims,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("reduce_sum", {x}, {{"dims", dims}}, {}, where);
}

/// product over dims.
inline StatusOr<Handle> reduce_prod(GraphBuilder& g, Handle x, const Integers& dims,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("reduce_prod", {x}, {{"dims", dims}}, {}, where);
}

/// maximum over dims; the least value when empty.
inline StatusOr<Handle> reduce_max(GraphBuilder& g, Handle x, const Integers& dims,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("reduce_max", {x}, {{"dims", dims}}, {}, where);
}

/// minimum over dims; the greatest value when empty.
inline StatusOr<Handle> reduce_min(GraphBuilder& g, Handle x, const Integers& dims,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("reduce_min", {x}, {{"dims", dims}}, {}, where);
}

/// and over dims.
inline StatusOr<Handle> reduce_and(GraphBuilder& g, Handle x, const Integers& dims,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("reduce_and", {x}, {{"dims", dims}}, {}, where);
}

/// or over dims.
inline StatusOr<Handle> reduce_or(GraphBuilder& g, Handle x, const Integers& dims,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("reduce_or", {x}, {{"dims", dims}}, {}, where);
}

/// i64 index of the first maximum along axis; a NaN is the maximum.
inline StatusOr<Handle> arg_max(GraphBuilder& g, Handle x, std::int64_t axis,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("arg_max", {x}, {{"axis", axis}}, {}, where);
}

/// i64 index of the first minimum along axis; a NaN is the minimum.
inline StatusOr<Handle> arg_min(GraphBuilder& g, Handle x, std::int64_t axis,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("arg_min", {x}, {{"axis", axis}}, {}, where);
}

/// running sum along axis, in order.
inline StatusOr<Handle> cumulative_sum(GraphBuilder& g, Handle x, std::int64_t axis, bool exclusive = false,
    bool backward = false, SourceLocation where = SourceLocation::current()) {
  GraphBuilder::Attributes attributes = {{"axis", axis}};
  if (exclusive) attributes.emplace_back("exclusive", exclusive);
  if (backward) attributes.emplace_back("backward", backward);
  return g.Add("cumulative_sum", {x}, attributes, {}, where);
}

/// running product along axis, in order.
inline StatusOr<Handle> cumulative_prod(GraphBuilder& g, Handle x, std::int64_t axis, bool exclusive = false,
    bool backward = false, SourceLocation where = SourceLocation::current()) {
  GraphBuilder::Attributes attributes = {{"axis", axis}};
  if (exclusive) attributes.emplace_back("exclusive", exclusive);
  if (backward) attributes.emplace_back("backward", backward);
  return g.Add("cumulative_prod", {x}, attributes, {}, where);
}

/// running maximum along axis, in order.
inline StatusOr<Handle> cumulative_max(GraphBuilder& g, Handle x, std::int64_t axis, bool exclusive = false,
    bool backward = false, SourceLocation where = SourceLocation::current()) {
  GraphBuilder::Attributes attributes = {{"axis", axis}};
  if (exclusive) attributes.emplace_back("exclusive", exclusive);
  if (backward) attributes.emplace_back("backward", backward);
  return g.Add("cumulative_max", {x}, attributes, {}, where);
}

/// running minimum along axis, in order.
inline StatusOr<Handle> cumulative_min(GraphBuilder& g, Handle x, std::int64_t axis, bool exclusive = false,
    bool backward = false, SourceLocation where = SourceLocation::current()) {
  GraphBuilder::Attributes attributes = {{"axis", axis}};
  if (exclusive) attributes.emplace_back("exclusive", exclusive);
  if (backward) attributes.emplace_back("backward", backward);
  return g.Add("cumulative_min", {x}, attributes, {}, where);
}

/// kind (sum, max or min) over sliding windows; padding is skipped.
inline StatusOr<Handle> reduce_window(GraphBuilder& g, Handle x, const std::string& kind,
    const Integers& window, const Integers& strides, const Integers& low, const Integers& high,
    const Integers& dilation, SourceLocation where = SourceLocation::current()) {
  return g.Add("reduce_window", {x}, {{"kind", kind}, {"window", window}, {"strides", strides}, {"low", low},
      {"high", high}, {"dilation", dilation}}, {}, where);
}

/// sum over the contracting dimensions; result dims are batch, free of x, free of y.
inline StatusOr<Handle> dot_general(GraphBuilder& g, Handle x, Handle y, const Integers& batch_x,
    const Integers& batch_y, const Integers& contract_x, const Integers& contract_y,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("dot_general", {x, y}, {{"batch_x", batch_x}, {"batch_y", batch_y}, {"contract_x",
      contract_x}, {"contract_y", contract_y}}, {}, where);
}

/// x [n,c,spatial...] with w [o,c/groups,spatial...]; 1 to 3 spatial dimensions.
inline StatusOr<Handle> convolution(GraphBuilder& g, Handle x, Handle y, const Integers& strides,
    const Integers& low, const Integers& high, const Integers& input_dilation, const Integers& dilation,
    std::int64_t groups, SourceLocation where = SourceLocation::current()) {
  return g.Add("convolution", {x, y}, {{"strides", strides}, {"low", low}, {"high", high}, {"input_dilation",
      input_dilation}, {"dilation", dilation}, {"groups", groups}}, {}, where);
}

/// softmax(q k^T * scale [+ mask]) v over the last two dimensions; operands (q, k, v[, mask]).
inline StatusOr<Handle> attention(GraphBuilder& g, const std::vector<Handle>& operands, double scale,
    bool causal = false, SourceLocation where = SourceLocation::current()) {
  GraphBuilder::Attributes attributes = {{"scale", scale}};
  if (causal) attributes.emplace_back("causal", causal);
  return g.Add("attention", operands, attributes, {}, where);
}

/// sorts the first operand along axis, stably, NaN last, and the others with it.
inline StatusOr<Handle> sort(GraphBuilder& g, const std::vector<Handle>& operands, std::int64_t axis,
    bool descending = false, SourceLocation where = SourceLocation::current()) {
  GraphBuilder::Attributes attributes = {{"axis", axis}};
  if (descending) attributes.emplace_back("descending", descending);
  return g.Add("sort", operands, attributes, {}, where);
}

/// the k greatest (or least) along the last axis, in order, ties by index, and their i64 indices.
inline StatusOr<Handle> top_k(GraphBuilder& g, Handle x, std::int64_t k, bool least = false,
    SourceLocation where = SourceLocation::current()) {
  GraphBuilder::Attributes attributes = {{"k", k}};
  if (least) attributes.emplace_back("least", least);
  return g.Add("top_k", {x}, attributes, {}, where);
}

/// operands (p[], args...): the results of one branch.
inline StatusOr<Handle> cond(GraphBuilder& g, const std::vector<Handle>& operands, const Graph& then_branch,
    const Graph& else_branch, SourceLocation where = SourceLocation::current()) {
  return g.Add("cond", operands, {{"then_branch", then_branch}, {"else_branch", else_branch}}, {}, where);
}

/// repeats body on the operands while condition(operands).
inline StatusOr<Handle> while_loop(GraphBuilder& g, const std::vector<Handle>& operands,
    const Graph& condition, const Graph& body, SourceLocation where = SourceLocation::current()) {
  return g.Add("while_loop", operands, {{"condition", condition}, {"body", body}}, {}, where);
}

/// a registered user function of declared inputs and outputs.
inline StatusOr<Handle> custom_call(GraphBuilder& g, const std::vector<Handle>& operands,
    const std::string& target, const GraphType& type, bool pure = false,
    SourceLocation where = SourceLocation::current()) {
  GraphBuilder::Attributes attributes = {{"target", target}};
  if (pure) attributes.emplace_back("pure", pure);
  return g.Add("custom_call", operands, attributes, type, where);
}

/// the operand on another device.
inline StatusOr<Handle> copy(GraphBuilder& g, Handle x, const std::string& device,
    SourceLocation where = SourceLocation::current()) {
  return g.Add("copy", {x}, {{"device", device}}, {}, where);
}

}  // namespace leat::graph_ops
