// What the inference rules of the op families share: the request, the errors, and the arithmetic of
// dimensions. Private to ir; callers use ir/inference.h.
//
// One function per family, each in a file of its own (infer_<family>.cpp). A rule returns the result
// types or fail(request, Rule::x, parts of the message...), which puts the op in front and the
// constraint's number behind. No rule builds a string unless it fails.
//
//   if (axis >= rank) return fail(r, Rule::axis, "axis ", axis, " of ", text(r, x));
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ir/graph.h"
#include "ir/inference.h"

namespace leat::ir {

enum class Rule : std::uint8_t {
#define LEAT_CONSTRAINT(number, name, text) name = number,
#include "ir/constraints.def"
};

inline constexpr int kMaxRank = 32;
inline constexpr std::int64_t kMaxBytes = std::int64_t{1} << 62;
/// Of one step of a window: places times strides of arrays that a machine holds stay below 2^63.
inline constexpr std::int64_t kMaxReach = std::int64_t{1} << 24;

struct Request {
  const OpInfo& info;
  std::span<const Type> operands;
  const Attributes& attributes;
  std::span<const Type> declared;
  std::span<const Symbol> symbols;  // names for messages and bounds for sizes; may be empty

  const Type& x() const { return operands[0]; }
};

// --- errors ---
// The system's Abseil has a string_view of its own, which std::string_view does not convert to.
inline absl::string_view piece(std::string_view s) { return {s.data(), s.size()}; }
template <class T>
const T& piece(const T& part) {
  return part;
}
template <class... Parts>
std::string cat(const Parts&... parts) {
  return absl::StrCat(piece(parts)...);
}
std::string numbered(Rule rule);  // " [C12]"
std::string text(std::span<const Symbol> symbols, std::int64_t dim);
std::string text(const Request& r, const Type& type);
std::string text(const Request& r, std::int64_t dim);
std::string text(std::span<const std::int64_t> integers);  // "[1,2]"

template <class... Parts>
[[gnu::cold, gnu::noinline]] Status fail(const Request& r, Rule rule, const Parts&... parts) {
  return Status(Code::invalid_argument, cat(r.info.name, ": ", parts..., numbered(rule)));
}

// --- checks shared by families: ok or the error ---
Status check_operand_count(const Request& r, std::size_t want);
Status check_attributes(const Request& r);
Status check_types(const Request& r, DType t);  // the table's type rule
Status check_axis(const Request& r, std::string_view what, std::int64_t axis, const Type& x);
/// In range and distinct.
Status check_axes(const Request& r, std::string_view what, std::span<const std::int64_t> axes, const Type& x);
Status check_entries(const Request& r, std::string_view what, std::span<const std::int64_t> list,
                     std::size_t want);
Status check_positive(const Request& r, std::string_view what, std::span<const std::int64_t> list);
Status check_padding(const Request& r, std::string_view what, std::span<const std::int64_t> list);
Status check_reach(const Request& r, std::string_view what, std::span<const std::int64_t> list);
Status check_index_dtype(const Request& r, std::string_view what, const Type& indices);
Status check_same_dtype(const Request& r, const Type& a, const Type& b);
/// Rank and size; part of finish().
Status check_type(const Request& r, const Type& type);
/// One declared result; for ops that need it.
Status check_declared(const Request& r);
/// The result, once its rank and size are checked.
StatusOr<Types> finish(const Request& r, Type type);

// --- dimensions ---
inline bool match(std::int64_t a, std::int64_t b) { return a == b || a == kUnknownDim || b == kUnknownDim; }
inline std::int64_t merge(std::int64_t a, std::int64_t b) { return a == kUnknownDim ? b : a; }
/// False only if both are static and a > b.
inline bool may_fit(std::int64_t a, std::int64_t b) { return !is_static(a) || !is_static(b) || a <= b; }
/// Merges b into a; the first dimension that does not match, or -1 if all do. REQUIRES: equal ranks.
int merge_shape(Shape& a, const Shape& b);
Shape without(const Shape& shape, std::span<const std::int64_t> axes);

/// The extent that windows of `window`, dilated, with `stride`, leave of a padded extent.
/// REQUIRES: the attributes are checked (positive, padding not negative).
StatusOr<std::int64_t> slide_window(const Request& r, std::size_t axis, std::int64_t extent,
                                    std::int64_t window, std::int64_t stride, std::int64_t low,
                                    std::int64_t high, std::int64_t dilation);

// --- sub-graphs ---
/// What the symbols of `graph` stand for when it is applied to these operands, in terms of the
/// caller's dimensions (kUnknownDim where nothing tells); an error if the operands do not fit.
StatusOr<std::vector<std::int64_t>> bind_parameters(const Request& r, std::string_view what,
                                                    const Graph& graph, std::span<const Type> operands);
Type substitute(const Type& type, std::span<const std::int64_t> bindings);

// --- the families ---
StatusOr<Types> infer_elementwise(const Request& r);
StatusOr<Types> infer_source(const Request& r);
StatusOr<Types> infer_view(const Request& r);
StatusOr<Types> infer_movement(const Request& r);
StatusOr<Types> infer_indexing(const Request& r);  // the gathers, scatters and dynamic slices of movement
StatusOr<Types> infer_reduction(const Request& r);
StatusOr<Types> infer_contraction(const Request& r);
StatusOr<Types> infer_sorting(const Request& r);
StatusOr<Types> infer_control(const Request& r);

}  // namespace leat::ir
