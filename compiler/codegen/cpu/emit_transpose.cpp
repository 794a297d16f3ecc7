// Map kernels with inputs whose unit stride lies in the second-minor dimension: tiles of lanes x lanes
// elements, transposed in registers.
//
// Whether the strides are so is known only when the kernel runs: a launch whose are not, and rows that do not
// fill a tile, take the plain run. Tiles are taken in squares of 64 x 64 elements: each line and each page
// that is touched is used up before the next (4096 x 4096 f32, AVX2, two cores by hand: squares of 64 x
// 64 15.6 ms, strips of 16 rows 17.7; 2048 x 2048 by single elements 87 ms). A cheap body takes full tiles
// straight from the registers, others from the stack, row by row.
#include <algorithm>

#include "compiler/codegen/cpu/cpu_emitter.h"

namespace leat::compiler::codegen {

void CpuEmitter::EmitTransposing(const std::vector<std::uint16_t>& strided) {
  const int last = kernel_.parallel_rank - 1, second = last - 1;
  const auto minor = static_cast<std::size_t>(last), across = static_cast<std::size_t>(second);
  llvm::Value* fits = b_.getTrue();
  std::size_t narrowest = 8;
  for (std::uint16_t v : strided) {
    const Input& input = kernel_.inputs[v];
    fits = b_.CreateAnd(fits, b_.CreateICmpEQ(accesses_[input.access][1 + across], I64(1)));
    narrowest = std::min(narrowest, byte_size(input.dtype));
  }
  const std::int64_t block = std::clamp<std::int64_t>(static_cast<std::int64_t>(256 / narrowest), lanes_, 64);
  Values state = Decode(begin_);
  state.push_back(begin_);
  llvm::BasicBlock* before = b_.GetInsertBlock();
  auto* loop = llvm::BasicBlock::Create(context_, "rows", function_);
  auto* done = llvm::BasicBlock::Create(context_, "rows.done", function_);
  b_.CreateBr(loop);
  b_.SetInsertPoint(loop);
  std::vector<llvm::PHINode*> phis;
  for (llvm::Value* value : state) {
    phis.push_back(b_.CreatePHI(b_.getInt64Ty(), 2));
    phis.back()->addIncoming(value, before);
  }
  const Values indices(phis.begin(), phis.end() - 1);
  llvm::Value* at = phis.back();
  llvm::Value* left = b_.CreateSub(end_, at);
  llvm::Value* rows = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateUDiv(left, sizes_[minor]),
                                               b_.CreateSub(sizes_[across], indices[across]));
  rows = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, rows, I64(block));
  rows = b_.CreateAnd(rows, I64(-lanes_));
  llvm::Value* tiled = b_.CreateAnd(fits, b_.CreateICmpEQ(indices[minor], I64(0)));
  tiled = b_.CreateAnd(tiled, b_.CreateICmpSGT(rows, I64(0)));
  const Values next = emit_if(
      b_, tiled,
      [&] {
        EmitTiles(indices, rows, block, strided);
        Values after = Advance(indices, second, rows);
        after.push_back(b_.CreateAdd(at, b_.CreateMul(rows, sizes_[minor])));
        return after;
      },
      [&] {
        llvm::Value* count = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, left,
                                                      b_.CreateSub(sizes_[minor], indices[minor]));
        SetRun(indices);
        EmitUniform(Level::element, 0);
        EmitLaneLoop(schedule_.passes.back(), count);
        Values after = Advance(indices, second, I64(1));
        after[minor] = I64(0);
        after.push_back(b_.CreateAdd(at, count));
        return after;
      });
  for (std::size_t k = 0; k < phis.size(); ++k) phis[k]->addIncoming(next[k], b_.GetInsertBlock());
  b_.CreateCondBr(b_.CreateICmpSLT(next.back(), end_), loop, done);
  b_.SetInsertPoint(done);
}

Values CpuEmitter::TransposeTile(Values columns) {
  // Swaps the off-diagonal quarters of blocks of twice `b` rows and columns, for every power of two b.
  for (int b = lanes_ / 2; b > 0; b /= 2) {
    std::vector<int> low, high;
    for (int l = 0; l < lanes_; ++l) {
      low.push_back((l & b) != 0 ? lanes_ + l - b : l);
      high.push_back((l & b) != 0 ? lanes_ + l : l + b);
    }
    for (int i = 0; i < lanes_; ++i) {
      if ((i & b) != 0) continue;
      llvm::Value *&x = columns[static_cast<std::size_t>(i)], *&y = columns[static_cast<std::size_t>(i + b)];
      llvm::Value* upper = b_.CreateShuffleVector(x, y, high);
      x = b_.CreateShuffleVector(x, y, low);
      y = upper;
    }
  }
  return columns;
}

void CpuEmitter::EmitTiles(const Values& indices, llvm::Value* rows, std::int64_t block,
                           const std::vector<std::uint16_t>& strided) {
  // Emitted once for each row of a tile, as registers have no indices.
  constexpr int kCheapBody = 4;
  const std::size_t minor = kernel_.parallel_rank - 1u;
  const Pass& pass = schedule_.passes.back();
  SetRun(indices);
  const Tile tile{strided, StoreRoots(pass), inputs_, outputs_};
  const bool cheap = CostOf(tile.roots) <= kCheapBody && strided.size() == 1;
  Values stack;
  for (std::uint16_t v : strided) {
    llvm::Type* type = codegen::lanes_of(memory_type(kernel_.inputs[v].dtype, context_), lanes_);
    stack.push_back(entry_alloca(b_, llvm::ArrayType::get(type, static_cast<unsigned>(lanes_)), "tile"));
  }
  emit_loop(b_, I64(0), sizes_[minor], block, {}, [&](llvm::Value* square, Values) {
    llvm::Value* end =
        b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateAdd(square, I64(block)), sizes_[minor]);
    emit_loop(b_, I64(0), rows, lanes_, {}, [&](llvm::Value* first, Values) {
      emit_loop(b_, square, end, lanes_, {}, [&](llvm::Value* lane, Values) {
        if (!cheap) {
          EmitStackTile(tile, stack, first, lane);
          return Values();
        }
        llvm::Value* full = b_.CreateICmpSLE(b_.CreateAdd(lane, I64(lanes_)), sizes_[minor]);
        emit_if(
            b_, full,
            [&] {
              const Values lanes = LoadTile(tile, 0, first, lane, true);
              for (int r = 0; r < lanes_; ++r) {
                EmitTileRow(tile, b_.CreateAdd(first, I64(r)), MakeStep(lane, nullptr, nullptr),
                            {lanes[static_cast<std::size_t>(r)]});
              }
              return Values();
            },
            [&] {
              EmitStackTile(tile, stack, first, lane);
              return Values();
            });
        return Values();
      });
      return Values();
    });
    return Values();
  });
}

Values CpuEmitter::LoadTile(const Tile& tile, std::size_t t, llvm::Value* first, llvm::Value* lane,
                            bool full) {
  const Cursor& cursor = tile.inputs[tile.strided[t]];
  llvm::Type* element = memory_type(cursor.dtype, context_);
  llvm::Type* type = codegen::lanes_of(element, lanes_);
  llvm::Value* last = b_.CreateSub(sizes_[kernel_.parallel_rank - 1u], I64(1));
  Values columns;
  for (int l = 0; l < lanes_; ++l) {
    // Beyond the last column, the last one again: its lanes are not stored.
    llvm::Value* column = b_.CreateAdd(lane, I64(l));
    if (!full) column = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, column, last);
    llvm::Value* offset = b_.CreateAdd(b_.CreateMul(column, cursor.lane_stride), first);
    columns.push_back(b_.CreateAlignedLoad(type, b_.CreateGEP(element, cursor.base, offset),
                                           llvm::Align(byte_size(cursor.dtype))));
  }
  return TransposeTile(std::move(columns));
}

void CpuEmitter::EmitTileRow(const Tile& tile, llvm::Value* row, Step step, const Values& loaded) {
  const std::size_t across = kernel_.parallel_rank - 2u;
  const auto move = [&](Cursor cursor, llvm::Value* stride, bool memory) {
    llvm::Value* offset = b_.CreateMul(row, stride);
    cursor.base = memory ? b_.CreateGEP(memory_type(cursor.dtype, context_), cursor.base, offset)
                         : b_.CreateAdd(cursor.base, offset);
    return cursor;
  };
  for (std::size_t k = 0; k < tile.inputs.size(); ++k) {
    const Input& input = kernel_.inputs[k];
    if (input.kind == Input::Kind::scalar) continue;
    inputs_[k] = move(tile.inputs[k], accesses_[input.access][1 + across], input.kind == Input::Kind::memory);
  }
  for (std::size_t k = 0; k < tile.outputs.size(); ++k) {
    outputs_[k] = move(tile.outputs[k], accesses_[kernel_.outputs[k].access][1 + across], true);
  }
  EmitUniform(Level::element, 0);
  Memo memo(kernel_.value_count());
  for (std::size_t t = 0; t < tile.strided.size(); ++t) {
    memo[tile.strided[t]] = FromMemory(kernel_.inputs[tile.strided[t]].dtype, loaded[t]);
  }
  const Pass& pass = schedule_.passes.back();
  EmitLoads(step, tile.roots, memo);
  EmitValues(step, tile.roots, memo);
  EmitStores(step, pass.stores, pass.stages, memo);
}

void CpuEmitter::EmitStackTile(const Tile& tile, const Values& stack, llvm::Value* first, llvm::Value* lane) {
  const auto type_of = [&](std::size_t t) {
    return codegen::lanes_of(memory_type(kernel_.inputs[tile.strided[t]].dtype, context_), lanes_);
  };
  for (std::size_t t = 0; t < tile.strided.size(); ++t) {
    const Values lanes = LoadTile(tile, t, first, lane, false);
    for (int l = 0; l < lanes_; ++l) {
      b_.CreateStore(lanes[static_cast<std::size_t>(l)], b_.CreateGEP(type_of(t), stack[t], I64(l)));
    }
  }
  llvm::Value* remaining = b_.CreateSub(sizes_[kernel_.parallel_rank - 1u], lane);
  emit_loop(b_, I64(0), I64(lanes_), 1, {}, [&](llvm::Value* r, Values) {
    Values loaded;
    for (std::size_t t = 0; t < tile.strided.size(); ++t) {
      loaded.push_back(b_.CreateLoad(type_of(t), b_.CreateGEP(type_of(t), stack[t], r)));
    }
    EmitTileRow(tile, b_.CreateAdd(first, r), MakeStep(lane, nullptr, remaining), loaded);
    return Values();
  });
}

}  // namespace leat::compiler::codegen
