// The LLVM instance of the number concept (ir/meaning/number.h): Num<S> is a vector of lanes of IR values, or
// one scalar where lanes == 1. Running a meaning over it emits its code.
//
//   LaneScope scope(builder, 8, target);
//   Num<float> y = meaning::exp(Num<float>(x));   // x, y.v: <8 x float>
//
// bool is <n x i1>; f16 and bf16 are their bits, <n x i16>. No fast-math flag is ever set. The builder, lane
// count and target of the code being emitted belong to the thread: LaneScope sets them, and scopes nest.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/MDBuilder.h>

#include "compiler/codegen/target.h"
#include "ir/meaning/number.h"

namespace leat::compiler::codegen {

struct LaneScope {
  LaneScope(llvm::IRBuilder<>& b, int n, const CodeTarget& t)
      : builder(b), lanes(n), target(t), outer(current) {
    current = this;
  }
  ~LaneScope() { current = outer; }
  LaneScope(const LaneScope&) = delete;
  llvm::IRBuilder<>& builder;
  const int lanes;
  const CodeTarget& target;
  LaneScope* const outer;
  static inline thread_local LaneScope* current = nullptr;
};

inline llvm::IRBuilder<>& ir_builder() { return LaneScope::current->builder; }
/// `element`, or a vector of it.
inline llvm::Type* lanes_of(llvm::Type* element, int lanes) {
  return lanes == 1 ? element : llvm::FixedVectorType::get(element, static_cast<unsigned>(lanes));
}

template <class S>
llvm::Type* element_type(llvm::LLVMContext& context) {
  if constexpr (std::is_same_v<S, bool>) {
    return llvm::Type::getInt1Ty(context);
  } else if constexpr (std::is_same_v<S, float>) {
    return llvm::Type::getFloatTy(context);
  } else if constexpr (std::is_same_v<S, double>) {
    return llvm::Type::getDoubleTy(context);
  } else {
    return llvm::IntegerType::get(context, 8 * sizeof(S));
  }
}
template <class S>
llvm::Type* lane_type() {
  return lanes_of(element_type<S>(ir_builder().getContext()), LaneScope::current->lanes);
}

template <class S>
struct Num {
  llvm::Value* v = nullptr;
  Num() = default;
  explicit Num(llvm::Value* value) : v(value) {}
  explicit Num(S constant) requires std::is_arithmetic_v<S> {
    if constexpr (std::is_floating_point_v<S>) {
      v = llvm::ConstantFP::get(lane_type<S>(), llvm::APFloat(constant));
    } else {
      v = llvm::ConstantInt::get(lane_type<S>(), static_cast<std::uint64_t>(constant));
    }
  }
};

template <class S>
concept FloatLane = std::is_floating_point_v<S>;
template <class S>
concept IntegerLane = std::is_integral_v<S> && !std::is_same_v<S, bool>;
template <class S>
concept BitLane = std::is_integral_v<S>;

using Flag = Num<bool>;

#define LEAT_NUM_BINARY(concept_name, op, create) \
  template <concept_name S>                       \
  Num<S> operator op(Num<S> a, Num<S> b) {        \
    return Num<S>(ir_builder().create(a.v, b.v)); \
  }
LEAT_NUM_BINARY(FloatLane, +, CreateFAdd)
LEAT_NUM_BINARY(FloatLane, -, CreateFSub)
LEAT_NUM_BINARY(FloatLane, *, CreateFMul)
LEAT_NUM_BINARY(FloatLane, /, CreateFDiv)
LEAT_NUM_BINARY(IntegerLane, +, CreateAdd)
LEAT_NUM_BINARY(IntegerLane, -, CreateSub)
LEAT_NUM_BINARY(IntegerLane, *, CreateMul)
LEAT_NUM_BINARY(BitLane, &, CreateAnd)
LEAT_NUM_BINARY(BitLane, |, CreateOr)
LEAT_NUM_BINARY(BitLane, ^, CreateXor)
#undef LEAT_NUM_BINARY

#define LEAT_NUM_COMPARE(op, real, with_sign, without_sign) \
  template <class S>                                        \
  Flag operator op(Num<S> a, Num<S> b) {                    \
    if constexpr (std::is_floating_point_v<S>) {            \
      return Flag(ir_builder().real(a.v, b.v));             \
    } else if constexpr (std::is_signed_v<S>) {             \
      return Flag(ir_builder().with_sign(a.v, b.v));        \
    } else {                                                \
      return Flag(ir_builder().without_sign(a.v, b.v));     \
    }                                                       \
  }
LEAT_NUM_COMPARE(==, CreateFCmpOEQ, CreateICmpEQ, CreateICmpEQ)
LEAT_NUM_COMPARE(!=, CreateFCmpUNE, CreateICmpNE, CreateICmpNE)
LEAT_NUM_COMPARE(<, CreateFCmpOLT, CreateICmpSLT, CreateICmpULT)
LEAT_NUM_COMPARE(<=, CreateFCmpOLE, CreateICmpSLE, CreateICmpULE)
LEAT_NUM_COMPARE(>, CreateFCmpOGT, CreateICmpSGT, CreateICmpUGT)
LEAT_NUM_COMPARE(>=, CreateFCmpOGE, CreateICmpSGE, CreateICmpUGE)
#undef LEAT_NUM_COMPARE

inline Flag operator!(Flag a) { return Flag(ir_builder().CreateNot(a.v)); }
template <IntegerLane S>
Num<S> operator~(Num<S> a) {
  return Num<S>(ir_builder().CreateNot(a.v));
}
template <FloatLane S>
Num<S> operator-(Num<S> a) {
  return Num<S>(ir_builder().CreateFNeg(a.v));
}
template <IntegerLane S>
Num<S> operator<<(Num<S> a, int k) {
  return Num<S>(ir_builder().CreateShl(a.v, static_cast<std::uint64_t>(k)));
}
template <IntegerLane S>
Num<S> operator>>(Num<S> a, int k) {
  return Num<S>(ir_builder().CreateLShr(a.v, static_cast<std::uint64_t>(k)));
}
template <IntegerLane S>
Num<S> sra(Num<S> a, int k) {
  return Num<S>(ir_builder().CreateAShr(a.v, static_cast<std::uint64_t>(k)));
}
template <IntegerLane S>
Num<S> wrap_add(Num<S> a, Num<S> b) {
  return a + b;
}
template <IntegerLane S>
Num<S> wrap_sub(Num<S> a, Num<S> b) {
  return a - b;
}
template <IntegerLane S>
Num<S> wrap_mul(Num<S> a, Num<S> b) {
  return a * b;
}
template <IntegerLane S>
Num<S> quotient(Num<S> a, Num<S> b) {
  return Num<S>(std::is_signed_v<S> ? ir_builder().CreateSDiv(a.v, b.v) : ir_builder().CreateUDiv(a.v, b.v));
}
template <IntegerLane S>
Num<S> remainder(Num<S> a, Num<S> b) {
  return Num<S>(std::is_signed_v<S> ? ir_builder().CreateSRem(a.v, b.v) : ir_builder().CreateURem(a.v, b.v));
}
template <IntegerLane S>
Num<S> shl(Num<S> a, Num<S> k) {
  return Num<S>(ir_builder().CreateShl(a.v, k.v));
}
template <IntegerLane S>
Num<S> shr(Num<S> a, Num<S> k) {
  return Num<S>(std::is_signed_v<S> ? ir_builder().CreateAShr(a.v, k.v) : ir_builder().CreateLShr(a.v, k.v));
}
template <IntegerLane S>
Num<S> ones(Num<S> a) {
  return Num<S>(ir_builder().CreateUnaryIntrinsic(llvm::Intrinsic::ctpop, a.v));
}
template <IntegerLane S>
Num<S> leading_zeros(Num<S> a) {
  return Num<S>(ir_builder().CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, a.v, ir_builder().getFalse()));
}

template <FloatLane S>
Num<S> fmadd(Num<S> a, Num<S> b, Num<S> c) {
  return Num<S>(ir_builder().CreateIntrinsic(llvm::Intrinsic::fma, {a.v->getType()}, {a.v, b.v, c.v}));
}
#define LEAT_NUM_UNARY(name, intrinsic)                                                \
  template <FloatLane S>                                                               \
  Num<S> name(Num<S> a) {                                                              \
    return Num<S>(ir_builder().CreateUnaryIntrinsic(llvm::Intrinsic::intrinsic, a.v)); \
  }
LEAT_NUM_UNARY(square_root, sqrt)
LEAT_NUM_UNARY(magnitude, fabs)
LEAT_NUM_UNARY(round_down, floor)
LEAT_NUM_UNARY(round_up, ceil)
LEAT_NUM_UNARY(round_to_zero, trunc)
LEAT_NUM_UNARY(round_to_even, roundeven)
#undef LEAT_NUM_UNARY
inline Num<std::uint32_t> bits(Num<float> a) {
  return Num<std::uint32_t>(ir_builder().CreateBitCast(a.v, lane_type<std::uint32_t>()));
}
inline Num<std::uint64_t> bits(Num<double> a) {
  return Num<std::uint64_t>(ir_builder().CreateBitCast(a.v, lane_type<std::uint64_t>()));
}
inline Num<std::uint16_t> bits(Num<float16> a) { return Num<std::uint16_t>(a.v); }
inline Num<std::uint16_t> bits(Num<bfloat16> a) { return Num<std::uint16_t>(a.v); }
inline Num<float> flt(Num<std::uint32_t> a) {
  return Num<float>(ir_builder().CreateBitCast(a.v, lane_type<float>()));
}
inline Num<double> flt(Num<std::uint64_t> a) {
  return Num<double>(ir_builder().CreateBitCast(a.v, lane_type<double>()));
}
template <class H>
Num<H> from_bits(Num<std::uint16_t> a) {
  return Num<H>(a.v);
}

template <class R, class S>
Num<R> cast(Num<S> a) {
  llvm::IRBuilder<>& b = ir_builder();
  llvm::Type* type = lane_type<R>();
  constexpr bool kSigned = std::is_signed_v<S>;
  if constexpr (std::is_same_v<R, S>) {
    return a;
  } else if constexpr (std::is_floating_point_v<S> && std::is_floating_point_v<R>) {
    return Num<R>(b.CreateFPCast(a.v, type));
  } else if constexpr (std::is_floating_point_v<S>) {
    return Num<R>(std::is_signed_v<R> ? b.CreateFPToSI(a.v, type) : b.CreateFPToUI(a.v, type));
  } else if constexpr (std::is_floating_point_v<R>) {
    return Num<R>(kSigned ? b.CreateSIToFP(a.v, type) : b.CreateUIToFP(a.v, type));
  } else {
    return Num<R>(b.CreateIntCast(a.v, type, kSigned));
  }
}

template <class S>
Num<S> select(Flag m, Num<S> a, Num<S> b) {
  return Num<S>(ir_builder().CreateSelect(m.v, a.v, b.v));
}

/// The values of the meaning's maximum and minimum in five instructions (-0 < +0, NaN wins): the machine's
/// maximum of (a, b) and of (b, a) differ in the sign of a zero only, where both are ordered. Not
/// llvm.maximum, which LLVM 19 gets wrong for x86 where it nests over f16 (a NaN is lost).
template <FloatLane S>
Num<S> extremum(Flag first, Flag second, Num<S> a, Num<S> b, bool greatest) {
  const auto x = bits(select(first, a, b)), y = bits(select(second, b, a));
  const auto joined = greatest ? x & y : x | y;
  llvm::IRBuilder<>& builder = ir_builder();
  llvm::Value* nan = builder.CreateSExt(builder.CreateFCmpUNO(a.v, b.v), joined.v->getType());
  return flt(decltype(x | y)(builder.CreateOr(joined.v, nan)));
}
template <FloatLane S>
Num<S> maximum(Num<S> a, Num<S> b) {
  return extremum(a > b, b > a, a, b, true);
}
template <FloatLane S>
Num<S> minimum(Num<S> a, Num<S> b) {
  return extremum(a < b, b < a, a, b, false);
}

/// Whether any lane of an i1 value is set, as one i1.
inline llvm::Value* any_lane(llvm::Value* flags) {
  if (!flags->getType()->isVectorTy()) return flags;
  llvm::IRBuilder<>& b = ir_builder();
  llvm::Type* word = b.getIntNTy(llvm::cast<llvm::FixedVectorType>(flags->getType())->getNumElements());
  return b.CreateICmpNE(b.CreateBitCast(flags, word), llvm::ConstantInt::get(word, 0));
}

template <class S, class F>
Num<S> lazy(Flag m, Num<S> fast, F slow) {
  llvm::IRBuilder<>& b = ir_builder();
  llvm::Value* any = any_lane(m.v);
  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::Function* function = before->getParent();
  auto* rare = llvm::BasicBlock::Create(b.getContext(), "rare", function);
  auto* join = llvm::BasicBlock::Create(b.getContext(), "join", function);
  b.CreateCondBr(any, rare, join, llvm::MDBuilder(b.getContext()).createBranchWeights(1, 1000));
  b.SetInsertPoint(rare);
  const Num<S> other = select(m, slow(), fast);
  llvm::BasicBlock* after = b.GetInsertBlock();
  b.CreateBr(join);
  b.SetInsertPoint(join);
  llvm::PHINode* phi = b.CreatePHI(fast.v->getType(), 2);
  phi->addIncoming(fast.v, before);
  phi->addIncoming(other.v, after);
  return Num<S>(phi);
}

template <class S, class F>
Num<S> repeat(int n, Num<S> v, F body) {
  llvm::IRBuilder<>& b = ir_builder();
  llvm::BasicBlock* before = b.GetInsertBlock();
  auto* loop = llvm::BasicBlock::Create(b.getContext(), "repeat", before->getParent());
  auto* done = llvm::BasicBlock::Create(b.getContext(), "repeated", before->getParent());
  b.CreateBr(loop);
  b.SetInsertPoint(loop);
  llvm::PHINode* i = b.CreatePHI(b.getInt32Ty(), 2);
  llvm::PHINode* value = b.CreatePHI(v.v->getType(), 2);
  i->addIncoming(b.getInt32(0), before);
  value->addIncoming(v.v, before);
  const Num<S> next = body(Num<S>(value));
  llvm::Value* count = b.CreateAdd(i, b.getInt32(1));
  i->addIncoming(count, b.GetInsertBlock());
  value->addIncoming(next.v, b.GetInsertBlock());
  b.CreateCondBr(b.CreateICmpULT(count, b.getInt32(static_cast<std::uint32_t>(n))), loop, done);
  b.SetInsertPoint(done);
  return next;
}

}  // namespace leat::compiler::codegen

template <class S>
struct leat::meaning::Lane<leat::compiler::codegen::Num<S>> {
  using Scalar = S;
  template <class R>
  using With = leat::compiler::codegen::Num<R>;
};

namespace leat::compiler::codegen {

/// The machine's conversions between f16 and f32 agree with the meaning's integer ones (but for NaN
/// payloads).
Num<std::uint16_t> f16_bits(Num<float> x);
Num<float> f32_of_f16(Num<float16> x);
/// p * 2^n, rounded once: one instruction of AVX-512 where nine compute it.
Num<float> scale2(Num<float> p, Num<float> n, Num<std::uint32_t> k);
Num<double> scale2(Num<double> p, Num<double> n, Num<std::uint64_t> k);

}  // namespace leat::compiler::codegen
