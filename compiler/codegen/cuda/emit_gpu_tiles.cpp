// Map kernels with inputs whose unit stride lies in the second-minor dimension: tiles of 32 x 32 elements,
// read along that stride into shared memory and computed along the other.
//
// Whether the strides are so is known only when the kernel runs: other launches take the loops of a plain
// map.
#include "compiler/codegen/cuda/gpu_emitter.h"

namespace leat::compiler::codegen {
namespace {

constexpr std::int64_t kTile = kWarp;
// The block's 8 warps take every 8th row of a tile.
constexpr std::int64_t kRowsAtOnce = 8, kTurns = kTile / kRowsAtOnce;
// Below this most of a tile would be empty.
constexpr std::int64_t kLeast = 8;

}  // namespace

void GpuEmitter::EmitTiled() {
  const auto minor = static_cast<std::size_t>(kernel_.parallel_rank - 1), across = minor - 1;
  llvm::Value* fits = use_shared_;
  for (std::uint16_t v : plan_.strided) {
    fits = b_.CreateAnd(fits, b_.CreateICmpEQ(accesses_[kernel_.inputs[v].access][1 + across], I64(1)));
  }
  fits = b_.CreateAnd(fits, b_.CreateICmpSGE(sizes_[minor], I64(kLeast)));
  fits = b_.CreateAnd(fits, b_.CreateICmpSGE(sizes_[across], I64(kLeast)));
  const auto tiles = [&] {
    const auto tiles_of = [&](llvm::Value* n) { return b_.CreateLShr(b_.CreateAdd(n, I64(kTile - 1)), 5); };
    llvm::Value *wide = tiles_of(sizes_[minor]), *high = tiles_of(sizes_[across]);
    llvm::Value* each = b_.CreateMul(wide, high);
    EachBlock(b_.CreateMul(OuterCount(static_cast<int>(across)), each), [&](llvm::Value* t) {
      Values indices = DecodeOuter(b_.CreateUDiv(t, each), static_cast<int>(across));
      llvm::Value* within = b_.CreateURem(t, each);
      llvm::Value* row0 = b_.CreateShl(b_.CreateUDiv(within, wide), 5);
      indices[across] = row0;
      EmitTile(indices, row0, b_.CreateShl(b_.CreateURem(within, wide), 5));
    });
    return Values();
  };
  emit_if(b_, fits, tiles, [&] {
    EmitMap();
    return Values();
  });
}

void GpuEmitter::LoadTile(llvm::Value* rows, llvm::Value* columns, llvm::Value* column0) {
  // Thread (lane, warp) takes element (row lane, columns warp, warp + 8, ...).
  const auto element = [&](std::uint16_t v, llvm::Value* column) {
    const Cursor& cursor = inputs_[v];
    llvm::Value* offset =
        b_.CreateAdd(b_.CreateMul(b_.CreateAdd(column0, column), cursor.lane_stride), lane_);
    llvm::Type* type = memory_type(cursor.dtype, context_);
    return b_.CreateAlignedLoad(type, b_.CreateGEP(type, cursor.base, offset),
                                llvm::Align(byte_size(cursor.dtype)));
  };
  std::int64_t tile = 0;
  for (std::uint16_t v : plan_.strided) {
    const auto size = static_cast<std::int64_t>(byte_size(kernel_.inputs[v].dtype));
    const auto keep = [&](llvm::Value* column, llvm::Value* loaded) {
      llvm::Value* at = b_.CreateAdd(b_.CreateMul(column, I64(kTilePitch)), lane_);
      b_.CreateAlignedStore(loaded, SharedAt(b_.CreateAdd(b_.CreateMul(at, I64(size)), I64(tile))),
                            llvm::Align(static_cast<std::uint64_t>(size)));
    };
    llvm::Value* whole =
        b_.CreateAnd(b_.CreateICmpEQ(rows, I64(kTile)), b_.CreateICmpEQ(columns, I64(kTile)));
    emit_if(
        b_, whole,
        [&] {
          Values at, loaded;
          for (std::int64_t k = 0; k < kTurns; ++k) {
            at.push_back(b_.CreateAdd(warp_, I64(k * kRowsAtOnce)));
            loaded.push_back(element(v, at.back()));
          }
          for (std::size_t k = 0; k < at.size(); ++k) keep(at[k], loaded[k]);
          return Values();
        },
        [&] {
          llvm::Value* end = b_.CreateSelect(b_.CreateICmpSLT(lane_, rows), columns, I64(0));
          emit_loop(b_, warp_, end, kRowsAtOnce, {}, [&](llvm::Value* column, Values) {
            keep(column, element(v, column));
            return Values();
          });
          return Values();
        });
    tile += kTile * kTilePitch * size;
  }
}

void GpuEmitter::EmitTile(const Values& indices, llvm::Value* row0, llvm::Value* column0) {
  const auto minor = static_cast<std::size_t>(kernel_.parallel_rank - 1), across = minor - 1;
  const auto left = [&](llvm::Value* size, llvm::Value* first) {
    return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateSub(size, first), I64(kTile));
  };
  llvm::Value *rows = left(sizes_[across], row0), *columns = left(sizes_[minor], column0);
  SetRun(indices);
  Barrier();  // the tile before has been read
  LoadTile(rows, columns, column0);
  Barrier();
  const std::vector<Cursor> inputs = inputs_, outputs = outputs_;
  const auto move = [&](Cursor cursor, llvm::Value* stride, llvm::Value* row, bool memory) {
    llvm::Value* offset = b_.CreateMul(row, stride);
    cursor.base = memory ? b_.CreateGEP(memory_type(cursor.dtype, context_), cursor.base, offset)
                         : b_.CreateAdd(cursor.base, offset);
    return cursor;
  };
  const Pass& pass = plan_.schedule.passes.back();
  const std::vector<std::uint16_t> roots = StoreRoots(pass);
  llvm::Value* end = b_.CreateSelect(b_.CreateICmpSLT(lane_, columns), rows, I64(0));
  emit_loop(b_, warp_, end, kRowsAtOnce, {}, [&](llvm::Value* row, Values) {
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const Input& input = kernel_.inputs[k];
      if (input.kind == Input::Kind::scalar) continue;
      inputs_[k] =
          move(inputs[k], accesses_[input.access][1 + across], row, input.kind == Input::Kind::memory);
    }
    for (std::size_t k = 0; k < outputs.size(); ++k)
      outputs_[k] = move(outputs[k], accesses_[kernel_.outputs[k].access][1 + across], row, true);
    EmitUniform(Level::element, 0);
    Step step = MakeStep(b_.CreateAdd(column0, lane_), nullptr, nullptr);
    Memo memo(kernel_.value_count());
    std::int64_t tile = 0;
    for (std::uint16_t v : plan_.strided) {
      const DType dtype = kernel_.inputs[v].dtype;
      const auto size = static_cast<std::int64_t>(byte_size(dtype));
      llvm::Value* at = b_.CreateAdd(b_.CreateMul(lane_, I64(kTilePitch)), row);
      llvm::Value* from = SharedAt(b_.CreateAdd(b_.CreateMul(at, I64(size)), I64(tile)));
      memo[v] = FromMemory(dtype, b_.CreateAlignedLoad(memory_type(dtype, context_), from,
                                                       llvm::Align(static_cast<std::uint64_t>(size))));
      tile += kTile * kTilePitch * size;
    }
    EmitLoads(step, roots, memo);
    EmitValues(step, roots, memo);
    EmitStores(step, pass.stores, pass.stages, memo);
    return Values();
  });
}

}  // namespace leat::compiler::codegen
