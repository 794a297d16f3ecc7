// Building nodes: what every Tensor function ends in.
//
// Operands are checked here, as the node is built, by the one inference function (ir/inference.h), with
// NumPy-style broadcasting, weak scalars and promotion before it; an error is thrown with the place of
// the call. A node belongs to the Context of its operands, or else to the current one.
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "compiler/frontend/node.h"
#include "leat/tensor.h"

namespace leat::frontend {

/// An elementwise op (broadcasting, weak scalars, promotion). For select the first operand is the predicate.
Tensor make_elementwise(ir::Op op, const Operand* operands, std::uint32_t count);
inline Tensor make_elementwise(ir::Op op, std::initializer_list<Operand> operands) {
  return make_elementwise(op, operands.begin(), static_cast<std::uint32_t>(operands.size()));
}

/// Any op of one result. Scalars among the operands are converted to `scalar_dtype`. `declared` is the
/// result type of ops whose operands do not determine it.
Tensor make_op(ir::Op op, std::span<const Operand> operands, ir::Attributes attributes, SourceLocation where,
               const ir::Type* declared = nullptr, DType scalar_dtype = DType::f32);
inline Tensor make_op(ir::Op op, std::initializer_list<Operand> operands, ir::Attributes attributes,
                      SourceLocation where, const ir::Type* declared = nullptr,
                      DType scalar_dtype = DType::f32) {
  return make_op(op, std::span(operands.begin(), operands.size()), std::move(attributes), where, declared,
                 scalar_dtype);
}

/// An op of several results.
std::vector<Tensor> make_tuple_op(ir::Op op, std::span<const Tensor> operands, ir::Attributes attributes,
                                  SourceLocation where, std::vector<ir::Type> declared = {});

/// convert; the tensor itself where the dtype is right already.
Tensor make_convert(const Tensor& x, DType dtype, SourceLocation where);

/// A node for a value that is there.
Tensor make_leaf(std::uint32_t context, DType dtype, Shape shape, runtime::Ref<runtime::Value> value,
                 SourceLocation where);

/// The operand as a Tensor; a scalar becomes rank 0 of `dtype`.
Tensor as_tensor(const Operand& operand, DType dtype);
/// ... of its own C++ type's dtype.
Tensor as_tensor(const Operand& operand);

/// A scalar that belongs to the structure: composites use it for their own constants.
Operand frozen(double value, SourceLocation where);

/// The bits of a scalar in `dtype`, in the low bytes; throws if `dtype` cannot hold it.
std::uint64_t encode_scalar(const Operand& scalar, DType dtype, std::string_view op);
/// A number as its dtype stores it, in the low bytes. `value` is rounded.
std::uint64_t encode_number(double value, DType dtype);

/// 0 <= axis < rank, from a negative or positive one; throws naming `op`.
int normal_axis(int axis, int rank, std::string_view op, SourceLocation where);
/// Sorted, distinct; all axes if `axes` is empty.
std::vector<std::int64_t> normal_axes(std::span<const int> axes, int rank, std::string_view op,
                                      SourceLocation where);
/// Rejects negative and overflowing extents.
void check_shape(const Shape& shape, DType dtype, std::string_view op, SourceLocation where);

/// More than 0 while this thread traces a function: nodes made meanwhile have no value of their own.
int& tracing_depth();
/// The id of the Context that new leaves of this thread belong to.
std::uint32_t current_context_id();
/// Evaluates `tensor` if its pending graph has grown past its Context's limit.
void flush_if_deep(const Tensor& tensor);

}  // namespace leat::frontend
