// The one place where result types are derived and operands are checked.
//
// infer() is used by the graph builder, the parser, the verifier and the Tensor frontend alike, so
// an error reads the same wherever it is found. Each constraint has a number, "[C12]", cited in the
// message; list_constraints() has them all with their texts (docs and tests read it).
#pragma once

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
/// arithmetic on a symbol gives kUnknownDim.
StatusOr<Types> infer(Op op, std::span<const Type> operands, const Attributes& attributes,
                      std::span<const Type> declared = {});

/// NumPy-style broadcast of two shapes (the frontend's implicit one).
StatusOr<Shape> broadcast_shapes(const Shape& a, const Shape& b);

/// The printed promotion table for mixed tensor dtypes (DESIGN: u64 with a signed integer is an error).
StatusOr<DType> promote(DType a, DType b);

/// a * b, a + b; nullopt on overflow or if either is negative.
std::optional<std::int64_t> checked_mul(std::int64_t a, std::int64_t b);
std::optional<std::int64_t> checked_add(std::int64_t a, std::int64_t b);

struct Constraint {
  int number;
  std::string_view text;
};
std::span<const Constraint> list_constraints();

/// Replaces symbols by extents (extents[id] for symbol id) and infers every type anew.
StatusOr<Graph> bind_symbols(const Graph& graph, std::span<const std::int64_t> extents);

}  // namespace leat::ir
