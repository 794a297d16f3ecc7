#include "compiler/codegen/instruction.h"

#include "ir/meaning/philox.h"
#include "ir/meaning/reduction.h"

namespace leat::compiler::codegen {

using ir::Op;

llvm::Value* emit_elementwise(Op op, DType operand, DType result, llvm::Value* const* operands,
                              llvm::Value** fault) {
  if (ir::op_info(op).family == ir::Family::convert) return emit_convert(op, operand, result, operands[0]);
  return visit_dtype(operand, [&](auto s) { return elementwise_of<decltype(s)>(op, operands, fault); });
}

llvm::Value* emit_random_bits(DType result, llvm::Value* key, llvm::Value* offset, llvm::Value* index) {
  using L = Num<std::uint64_t>;
  if (result == DType::u32) return meaning::random_u32(L(index), L(key), L(offset)).v;
  return meaning::random_u64(L(index), L(key), L(offset)).v;
}

std::array<llvm::Value*, 4> emit_random_group(llvm::Value* key, llvm::Value* offset, llvm::Value* index) {
  using L = Num<std::uint64_t>;
  const L counter = L(offset) + ((L(index) >> 8) << 6) + (L(index) & L(std::uint64_t{63}));
  const auto block = meaning::philox_block(counter, L(key));
  return {block.word[0].v, block.word[1].v, block.word[2].v, block.word[3].v};
}

DType accumulator_dtype(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 ? DType::f32 : dtype;
}

namespace {

/// Calls f(Reduction<op, S>) for the reduction ops that S takes.
template <class F>
llvm::Value* visit_reduction(Op op, DType accumulator, F f) {
  return visit_dtype(accumulator, [&](auto s) -> llvm::Value* {
    using S = decltype(s);
    constexpr bool kBool = std::is_same_v<S, bool>;
    if constexpr (std::is_arithmetic_v<S>) {
      if (op == Op::reduce_max) return f(meaning::Reduction<Op::reduce_max, S>());
      if (op == Op::reduce_min) return f(meaning::Reduction<Op::reduce_min, S>());
      if constexpr (!kBool) {
        if (op == Op::reduce_sum) return f(meaning::Reduction<Op::reduce_sum, S>());
        if (op == Op::reduce_prod) return f(meaning::Reduction<Op::reduce_prod, S>());
      }
      if constexpr (std::is_integral_v<S>) {
        if (op == Op::reduce_and) return f(meaning::Reduction<Op::reduce_and, S>());
        if (op == Op::reduce_or) return f(meaning::Reduction<Op::reduce_or, S>());
      }
    }
    return nullptr;
  });
}

}  // namespace

llvm::Value* reduction_empty(Op op, DType accumulator) {
  return visit_reduction(op, accumulator, [](auto r) {
    using R = decltype(r);
    return Num<typename R::Accumulator>(R::Empty()).v;
  });
}

llvm::Value* reduction_start(Op op, DType accumulator) {
  llvm::Value* empty = reduction_empty(op, accumulator);
  const bool minus_zero = op == Op::reduce_sum && is_float(accumulator);
  return minus_zero ? llvm::ConstantFP::getNegativeZero(empty->getType()) : empty;
}

llvm::Value* emit_join(Op op, DType accumulator, llvm::Value* a, llvm::Value* b) {
  return visit_reduction(op, accumulator, [&](auto r) {
    using R = decltype(r);
    using N = Num<typename R::Accumulator>;
    return R::Join(N(a), N(b)).v;
  });
}

llvm::Type* value_type(DType dtype, llvm::LLVMContext& context) {
  return visit_dtype(dtype, [&](auto s) { return element_type<decltype(s)>(context); });
}

llvm::Type* memory_type(DType dtype, llvm::LLVMContext& context) {
  return dtype == DType::bool_ ? llvm::Type::getInt8Ty(context) : value_type(dtype, context);
}

}  // namespace leat::compiler::codegen
