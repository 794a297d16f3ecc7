// Map kernels on a GPU: groups of a few consecutive elements of a row, a group a thread, in a loop that
// strides by the grid. A group whose accesses are aligned is loaded and stored 16 bytes at a time; others,
// and the end of a row, element by element.
#include <algorithm>

#include "compiler/codegen/cuda/gpu_emitter.h"

namespace leat::compiler::codegen {
namespace {

/// The type in which `bytes` bytes of elements of `element_bytes` travel at once.
llvm::Type* wide_type(llvm::IRBuilder<>& b, int bytes, int element_bytes) {
  if (element_bytes == 8) return llvm::FixedVectorType::get(b.getInt64Ty(), static_cast<unsigned>(bytes / 8));
  if (bytes < 8) return b.getIntNTy(8 * static_cast<unsigned>(bytes));
  return llvm::FixedVectorType::get(b.getInt32Ty(), static_cast<unsigned>(bytes / 4));
}

}  // namespace

void GpuEmitter::EmitMap() {
  const int minor = kernel_.parallel_rank - 1;
  llvm::Value* n = sizes_[static_cast<std::size_t>(minor)];
  llvm::Value* first = b_.CreateAdd(b_.CreateMul(block_, threads_), thread_);
  llvm::Value* stride = b_.CreateMul(blocks_, threads_);
  llvm::Value* groups = b_.CreateUDiv(b_.CreateAdd(n, I64(plan_.width - 1)), I64(plan_.width));
  llvm::Value* total = b_.CreateMul(OuterCount(minor), groups);
  emit_loop(b_, first, total, stride, {}, [&](llvm::Value* g, Values) {
    llvm::Value* within = g;
    Values indices = {I64(0)};
    if (minor > 0) {
      within = b_.CreateURem(g, groups);
      indices = DecodeOuter(b_.CreateUDiv(g, groups), minor);
    }
    SetRun(indices);
    EmitUniform(Level::element, 0);
    llvm::Value* at = b_.CreateMul(within, I64(plan_.width));
    EmitGroup(at, b_.CreateSub(n, at));
    return Values();
  });
}

void GpuEmitter::EmitElement(llvm::Value* lane) {
  const Pass& pass = plan_.schedule.passes.back();
  const std::vector<std::uint16_t> roots = StoreRoots(pass);
  Step step = MakeStep(lane, nullptr, nullptr);
  Memo memo(kernel_.value_count());
  EmitLoads(step, roots, memo);
  EmitValues(step, roots, memo);
  EmitStores(step, pass.stores, pass.stages, memo);
}

void GpuEmitter::EmitGroup(llvm::Value* at, llvm::Value* remaining) {
  const auto one_by_one = [&] {
    llvm::Value* count = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, remaining, I64(plan_.width));
    emit_loop(b_, I64(0), count, 1, {}, [&](llvm::Value* k, Values) {
      EmitElement(b_.CreateAdd(at, k));
      return Values();
    });
    return Values();
  };
  if (plan_.width == 1) {
    EmitElement(at);
    return;
  }
  const Pass& pass = plan_.schedule.passes.back();
  const std::vector<std::uint16_t> roots = StoreRoots(pass);
  std::vector<bool> known(kernel_.value_count());
  for (std::size_t v = 0; v < known.size(); ++v) known[v] = splats_[v] != nullptr;
  const std::vector<bool> needed = needed_by(kernel_, roots, known);
  std::vector<std::uint16_t> wide;
  for (std::uint16_t v = 0; v < inputs_.size(); ++v) {
    const Input& input = kernel_.inputs[v];
    if (needed[v] && !known[v] && input.kind == Input::Kind::memory && input.lane_stride == Stride::one)
      wide.push_back(v);
  }
  llvm::Value* fast = b_.CreateAnd(b_.CreateICmpSGE(remaining, I64(plan_.width)), Aligned(wide, at));
  const auto together = [&] {
    const auto width = static_cast<std::size_t>(plan_.width);
    std::vector<Memo> memos(width, Memo(kernel_.value_count()));
    for (std::uint16_t v : wide) {
      const Values elements = LoadWide(inputs_[v], at);
      for (std::size_t k = 0; k < width; ++k) memos[k][v] = elements[k];
    }
    std::vector<Step> steps;
    for (std::size_t k = 0; k < width; ++k) {
      steps.push_back(MakeStep(b_.CreateAdd(at, I64(static_cast<std::int64_t>(k))), nullptr, nullptr));
      EmitLoads(steps[k], roots, memos[k]);
    }
    for (std::size_t k = 0; k < width; ++k) EmitValues(steps[k], roots, memos[k]);
    for (std::uint16_t o : pass.stores) {
      const std::uint16_t value = kernel_.outputs[o].value;
      if (outputs_[o].lane == Stride::one) {
        Values elements;
        for (const Memo& memo : memos) elements.push_back(ValueIn(memo, value));
        StoreWide(outputs_[o], at, elements);
      } else {
        for (std::size_t k = 0; k < width; ++k) StoreFull(outputs_[o], steps[k], ValueIn(memos[k], value));
      }
    }
    return Values();
  };
  emit_if(b_, fast, together, one_by_one);
}

llvm::Value* GpuEmitter::Aligned(const std::vector<std::uint16_t>& wide_inputs, llvm::Value* at) {
  llvm::Value* ends = I64(0);
  const auto add = [&](const Cursor& cursor) {
    const std::int64_t bytes =
        std::min<std::int64_t>(16, plan_.width * static_cast<std::int64_t>(byte_size(cursor.dtype)));
    llvm::Value* address = b_.CreatePtrToInt(ElementAddress(cursor, at, nullptr), b_.getInt64Ty());
    ends = b_.CreateOr(ends, b_.CreateAnd(address, I64(bytes - 1)));
  };
  for (std::uint16_t v : wide_inputs) add(inputs_[v]);
  for (std::uint16_t o : plan_.schedule.passes.back().stores) {
    if (outputs_[o].lane == Stride::one) add(outputs_[o]);
  }
  return b_.CreateICmpEQ(ends, I64(0));
}

Values GpuEmitter::LoadWide(const Cursor& cursor, llvm::Value* at) {
  const int size = static_cast<int>(byte_size(cursor.dtype));
  const int total = size * plan_.width, piece = std::min(16, total);
  llvm::Type* element = memory_type(cursor.dtype, context_);
  llvm::Type* integer = b_.getIntNTy(8 * static_cast<unsigned>(size));
  llvm::Type* type = wide_type(b_, piece, size);
  llvm::Value* address = ElementAddress(cursor, at, nullptr);
  Values elements;
  for (int offset = 0; offset < total; offset += piece) {
    llvm::Value* from = b_.CreateGEP(element, address, I64(offset / size));
    llvm::Value* loaded = b_.CreateAlignedLoad(type, from, llvm::Align(static_cast<std::uint64_t>(piece)));
    for (int k = 0; k < piece; k += size) {
      llvm::Value* word = loaded;
      if (type->isVectorTy()) {
        const int word_bytes = size == 8 ? 8 : 4;
        word = b_.CreateExtractElement(loaded, static_cast<std::uint64_t>(k / word_bytes));
        word = b_.CreateTrunc(b_.CreateLShr(word, static_cast<std::uint64_t>(8 * (k % word_bytes))), integer);
      } else {
        word = b_.CreateTrunc(b_.CreateLShr(word, static_cast<std::uint64_t>(8 * k)), integer);
      }
      elements.push_back(FromMemory(cursor.dtype, b_.CreateBitCast(word, element)));
    }
  }
  return elements;
}

void GpuEmitter::StoreWide(const Cursor& cursor, llvm::Value* at, const Values& values) {
  const int size = static_cast<int>(byte_size(cursor.dtype));
  const int total = size * plan_.width, piece = std::min(16, total);
  llvm::Type* element = memory_type(cursor.dtype, context_);
  llvm::Type* integer = b_.getIntNTy(8 * static_cast<unsigned>(size));
  llvm::Type* type = wide_type(b_, piece, size);
  llvm::Value* address = ElementAddress(cursor, at, nullptr);
  const int word_bytes = !type->isVectorTy() ? piece : size == 8 ? 8 : 4;
  llvm::Type* word_type = b_.getIntNTy(8 * static_cast<unsigned>(word_bytes));
  for (int offset = 0; offset < total; offset += piece) {
    llvm::Value* whole = llvm::PoisonValue::get(type);
    for (int begin = 0; begin < piece; begin += word_bytes) {
      llvm::Value* word = nullptr;
      for (int k = begin; k < begin + word_bytes; k += size) {
        llvm::Value* bits = b_.CreateBitCast(
            ToMemory(cursor.dtype, values[static_cast<std::size_t>((offset + k) / size)]), integer);
        bits = b_.CreateShl(b_.CreateZExt(bits, word_type), static_cast<std::uint64_t>(8 * (k - begin)));
        word = word == nullptr ? bits : b_.CreateOr(word, bits);
      }
      whole = type->isVectorTy()
                  ? b_.CreateInsertElement(whole, word, static_cast<std::uint64_t>(begin / word_bytes))
                  : word;
    }
    llvm::Value* to = b_.CreateGEP(element, address, I64(offset / size));
    b_.CreateAlignedStore(whole, to, llvm::Align(static_cast<std::uint64_t>(piece)));
  }
}

}  // namespace leat::compiler::codegen
