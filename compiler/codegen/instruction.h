// One kernel instruction as IR values: the op switch over the meanings of ir/meaning.
//
//   LaneScope scope(builder, lanes, target);
//   llvm::Value* sum = emit_elementwise(Op::add, DType::f32, DType::f32, operands, nullptr);
//
// REQUIRES of all: a LaneScope, and dtypes that the op takes (ir::check). Values are as in number.h.
#pragma once

#include <array>

#include "compiler/codegen/number.h"
#include "ir/ops.h"

namespace leat::compiler::codegen {

/// The value of an elementwise op. Where the op may fault and `fault` is not null, *fault becomes the flags
/// of the lanes that do.
llvm::Value* emit_elementwise(ir::Op op, DType operand, DType result, llvm::Value* const* operands,
                              llvm::Value** fault);
llvm::Value* emit_random_bits(DType result, llvm::Value* key, llvm::Value* offset, llvm::Value* index);
/// u32 elements index, index + 64, + 128 and + 192, which share their blocks (ir/meaning/philox.h). REQUIRES:
/// the indices are among the first 64 of a group of 256.
std::array<llvm::Value*, 4> emit_random_group(llvm::Value* key, llvm::Value* offset, llvm::Value* index);

/// Reductions: the dtype that `dtype` accumulates in; a neutral start; the join; and the value of nothing.
DType accumulator_dtype(DType dtype);
llvm::Value* reduction_start(ir::Op op, DType accumulator);
llvm::Value* reduction_empty(ir::Op op, DType accumulator);
llvm::Value* emit_join(ir::Op op, DType accumulator, llvm::Value* a, llvm::Value* b);

/// The IR type of one lane of `dtype` as a value; and of one element in memory (bool: i8).
llvm::Type* value_type(DType dtype, llvm::LLVMContext& context);
llvm::Type* memory_type(DType dtype, llvm::LLVMContext& context);

// Per operand dtype; instruction_<dtype>.cpp hold the instances.
template <class S>
llvm::Value* elementwise_of(ir::Op op, llvm::Value* const* operands, llvm::Value** fault);
llvm::Value* emit_convert(ir::Op op, DType from, DType to, llvm::Value* x);

}  // namespace leat::compiler::codegen
