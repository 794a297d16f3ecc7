// The one place where result types are derived and operands are checked.
//
// infer() is used by the graph builder, the parser, the verifier and the Tensor frontend alike, so
// an error reads the same wherever it is found. Each constraint has a number, "[C12]", cited in the
// message; list_constraints() has them all with their texts (docs and tests read it). All functions
// are pure; any thread.
//
//   StatusOr<Types> t = infer(Op::add, {{x, y}}, {});
//   // "add: operands must have one shape, got f32[2] and f32[3] (dimension 0: 2 against 3) [C3]"
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "ir/graph.h"

namespace leat::ir {

using Types = absl::InlinedVector<Type, 1>;

/// The result types of `op` on operands of these types. `declared` is the result as written, for ops
/// whose operands do not determine it. All size arithmetic is checked: an overflowing shape is an
/// error, never a wrong size. Symbolic dimensions: equal symbols match, kUnknownDim matches anything,
/// arithmetic on a symbol gives kUnknownDim. A type declared for any other op must agree with what
/// follows from the operands, and names extents that are unknown there. `symbols` gives the names
/// of symbols for messages, and their bounds for checking sizes.
StatusOr<Types> infer(Op op, std::span<const Type> operands, const Attributes& attributes,
                      std::span<const Type> declared = {}, std::span<const Symbol> symbols = {});

/// As a limit of slice: to the end of a dimension whose extent is a symbol or unknown. With start 0
/// and stride 1 it keeps the symbol. bind_symbols puts the extent in its place.
inline constexpr std::int64_t kToTheEnd = std::numeric_limits<std::int64_t>::max();

/// NumPy-style broadcast of two shapes (the frontend's implicit one).
StatusOr<Shape> broadcast_shapes(const Shape& a, const Shape& b);

/// The common dtype of two mixed tensor dtypes: bool gives way to anything, an integer to any float, the
/// narrower to the wider; signed and unsigned meet in the least signed dtype that holds both; an
/// error (!) where there is none.
///
///        bool i8   i16  i32  i64  u8   u16  u32  u64  f16  bf16 f32  f64
///   bool bool i8   i16  i32  i64  u8   u16  u32  u64  f16  bf16 f32  f64
///   i8   i8   i8   i16  i32  i64  i16  i32  i64  !    f16  bf16 f32  f64
///   i16  i16  i16  i16  i32  i64  i16  i32  i64  !    f16  bf16 f32  f64
///   i32  i32  i32  i32  i32  i64  i32  i32  i64  !    f16  bf16 f32  f64
///   i64  i64  i64  i64  i64  i64  i64  i64  i64  !    f16  bf16 f32  f64
///   u8   u8   i16  i16  i32  i64  u8   u16  u32  u64  f16  bf16 f32  f64
///   u16  u16  i32  i32  i32  i64  u16  u16  u32  u64  f16  bf16 f32  f64
///   u32  u32  i64  i64  i64  i64  u32  u32  u32  u64  f16  bf16 f32  f64
///   u64  u64  !    !    !    !    u64  u64  u64  u64  f16  bf16 f32  f64
///   f16  f16  f16  f16  f16  f16  f16  f16  f16  f16  f16  f32  f32  f64
///   bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 f32  bf16 f32  f64
///   f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f64
///   f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64
StatusOr<DType> promote(DType a, DType b);

/// a * b, a + b; nullopt on overflow or if either is negative.
std::optional<std::int64_t> checked_mul(std::int64_t a, std::int64_t b);
std::optional<std::int64_t> checked_add(std::int64_t a, std::int64_t b);

struct Constraint {
  int number;
  std::string_view text;
};
std::span<const Constraint> list_constraints();

/// Replaces symbols by extents (extents[id] for symbol id), sub-graphs included, and infers every type
/// anew. The result has static types only.
StatusOr<Graph> bind_symbols(const Graph& graph, std::span<const std::int64_t> extents);

}  // namespace leat::ir
