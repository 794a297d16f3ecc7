#include "compiler/codegen/cuda/tile_emitter.h"

namespace leat::compiler::codegen {

TileEmitter::TileEmitter(const OpKernel& kernel, const CodeTarget& target, llvm::Module& module)
    : OpEmitter(kernel, target, module),
      accumulator_(runtime::cuda::contraction_accumulator(kernel.dtype)),
      type_(MemoryType(accumulator_)),
      bytes_(static_cast<int>(byte_size(accumulator_))),
      down_(Div(thread_, I(kThreads))),
      across_(Mod(thread_, I(kThreads))) {}

llvm::Value* TileEmitter::Widen(DType from, llvm::Value* x) {
  return from == accumulator_ ? x : emit_convert(ir::Op::convert, from, accumulator_, x);
}

llvm::Value* TileEmitter::Nought(bool negative) {
  return negative && type_->isFloatingPointTy() ? llvm::ConstantFP::getNegativeZero(type_)
                                                : llvm::Constant::getNullValue(type_);
}

llvm::Value* TileEmitter::MultiplyAdd(llvm::Value* x, llvm::Value* y, llvm::Value* sum) {
  if (!type_->isFloatingPointTy()) return b_.CreateAdd(b_.CreateMul(x, y), sum);
  return b_.CreateIntrinsic(llvm::Intrinsic::fma, {type_}, {x, y, sum});
}

Values TileEmitter::LoadLines(const Tile& tile, llvm::Type* element, int bytes, I depth, I thread) {
  const int wide = std::min({tile.each, 4, 16 / bytes});
  llvm::Type* type = llvm::FixedVectorType::get(element, static_cast<unsigned>(wide));
  Values values;
  for (int i = 0; i < tile.each; i += wide) {
    const I at = depth * I(tile.pitch) + LineOf(tile.each, thread, i);
    llvm::Value* loaded = LoadWord(type, SharedAt(tile.at + at * I(bytes)), wide * bytes);
    for (int w = 0; w < wide; ++w)
      values.push_back(b_.CreateExtractElement(loaded, static_cast<std::uint64_t>(w)));
  }
  return values;
}

void TileEmitter::StoreLines(const Tile& tile, const Values& values, I depth, I thread) {
  const int wide = std::min({tile.each, 4, 16 / bytes_});
  llvm::Type* type = llvm::FixedVectorType::get(type_, static_cast<unsigned>(wide));
  for (int i = 0; i < tile.each; i += wide) {
    llvm::Value* word = llvm::PoisonValue::get(type);
    for (int w = 0; w < wide; ++w)
      word = b_.CreateInsertElement(word, values[static_cast<std::size_t>(i + w)],
                                    static_cast<std::uint64_t>(w));
    StoreWord(word, SharedAt(PlaceIn(tile, depth, LineOf(tile.each, thread, i))), wide * bytes_);
  }
}

Values TileEmitter::Multiply(const Tile& x, const Tile& y, I depth, Values sums, const I* present) {
  constexpr std::int64_t kUnroll = 4;
  return Loop(Zero(), depth, I(kUnroll), std::move(sums), [&](I depth0, Values v) {
    for (std::int64_t u = 0; u < kUnroll; ++u) {
      const I at = depth0 + I(u);
      const Values of_x = LoadLines(x, type_, bytes_, at, down_);
      const Values of_y = LoadLines(y, type_, bytes_, at, across_);
      Values there;
      if (present != nullptr) there = LoadLines({*present, y.each, y.pitch}, b_.getInt8Ty(), 1, at, across_);
      for (std::size_t r = 0; r < of_x.size(); ++r) {
        for (std::size_t c = 0; c < of_y.size(); ++c) {
          llvm::Value*& sum = v[r * of_y.size() + c];
          llvm::Value* next = MultiplyAdd(of_x[r], of_y[c], sum);
          sum = there.empty() ? next : b_.CreateSelect(b_.CreateICmpNE(there[c], b_.getInt8(0)), next, sum);
        }
      }
    }
    return v;
  });
}

}  // namespace leat::compiler::codegen
