// Map kernels: runs along the minor-most dimension, vectors of lanes along a run.
#include "compiler/codegen/cpu/cpu_emitter.h"

namespace leat::compiler::codegen {

void CpuEmitter::EmitMap() {
  if (const std::vector<std::uint16_t> strided = StridedInputs();
      kernel_.parallel_rank > 1 && !strided.empty()) {
    EmitTransposing(strided);
    return;
  }
  EachRun([&](llvm::Value* count) {
    EmitUniform(Level::element, 0);
    EmitLaneLoop(schedule_.passes.back(), count);
  });
}

void CpuEmitter::EmitLaneLoop(const Pass& pass, llvm::Value* count) {
  const std::vector<std::uint16_t> roots = StoreRoots(pass);
  if (const std::optional<std::uint16_t> value = LaneRandom(roots)) {
    EmitRandomLoop(pass, roots, *value, count);
    return;
  }
  const int cost = CostOf(roots);
  // Unrolled so that the loads of a cheap body overlap; a dear one overlaps by itself, and compiles once.
  const int unroll = cost <= 6 ? 4 : cost <= 14 ? 2 : 1;
  llvm::Value* at = I64(0);
  if (unroll > 1) {
    const std::int64_t stride = std::int64_t{unroll} * lanes_;
    llvm::Value* main = b_.CreateAnd(count, I64(-stride));
    emit_loop(b_, at, main, stride, {}, [&](llvm::Value* i, Values) {
      std::vector<Step> steps;
      std::vector<Memo> memos(static_cast<std::size_t>(unroll), Memo(kernel_.value_count()));
      for (int u = 0; u < unroll; ++u) {
        steps.push_back(MakeStep(b_.CreateAdd(i, I64(std::int64_t{u} * lanes_)), nullptr, nullptr));
        EmitLoads(steps.back(), roots, memos[static_cast<std::size_t>(u)]);
        PrefetchAhead(steps.back());
      }
      for (std::size_t u = 0; u < steps.size(); ++u) EmitValues(steps[u], roots, memos[u]);
      for (std::size_t u = 0; u < steps.size(); ++u) EmitStores(steps[u], pass.stores, pass.stages, memos[u]);
      return Values();
    });
    at = main;
  }
  EmitLanes(pass, roots, at, count);
}

void CpuEmitter::PrefetchAhead(const Step& step) {
  for (const Cursor& cursor : ahead_) Prefetch(cursor, step.lane, nullptr, Cache::first);
}

void CpuEmitter::EmitLanes(const Pass& pass, const std::vector<std::uint16_t>& roots, llvm::Value* begin,
                           llvm::Value* end) {
  emit_loop(b_, begin, end, lanes_, {}, [&](llvm::Value* i, Values) {
    Step step = MakeStep(i, nullptr, b_.CreateSub(end, i));
    Memo memo(kernel_.value_count());
    EmitLoads(step, roots, memo);
    PrefetchAhead(step);
    EmitValues(step, roots, memo);
    EmitStores(step, pass.stores, pass.stages, memo);
    return Values();
  });
}

std::optional<std::uint16_t> CpuEmitter::LaneRandom(const std::vector<std::uint16_t>& roots) const {
  const std::vector<bool> needed = needed_by(kernel_, roots, {});
  for (auto v = static_cast<std::uint16_t>(kernel_.inputs.size()); v < kernel_.value_count(); ++v) {
    const ir::Kernel::Instruction& instruction = InstructionOf(v);
    if (!needed[v] || instruction.op != ir::Op::random_bits || instruction.dtype != DType::u32) continue;
    const std::uint16_t index = instruction.operands[2];
    if (uniform_[instruction.operands[0]] && uniform_[instruction.operands[1]] && IsInput(index) &&
        kernel_.inputs[index].kind == Input::Kind::index && inputs_[index].lane == Stride::one &&
        64 % lanes_ == 0) {
      return v;
    }
  }
  return std::nullopt;
}

void CpuEmitter::EmitRandomLoop(const Pass& pass, const std::vector<std::uint16_t>& roots,
                                std::uint16_t value, llvm::Value* count) {
  const ir::Kernel::Instruction& random = InstructionOf(value);
  const Cursor& index = inputs_[random.operands[2]];
  llvm::Type* type = codegen::lanes_of(b_.getInt32Ty(), lanes_);
  llvm::Value* words = entry_alloca(b_, llvm::ArrayType::get(type, 4), "words");
  llvm::Value* head = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, count,
                                               b_.CreateAnd(b_.CreateNeg(index.base), I64(255)));
  llvm::Value* tail = b_.CreateAdd(head, b_.CreateAnd(b_.CreateSub(count, head), I64(-256)));
  emit_loop(b_, head, tail, 256, {}, [&](llvm::Value* group, Values) {
    emit_loop(b_, I64(0), I64(64), lanes_, {}, [&](llvm::Value* lane, Values) {
      llvm::Value* first = b_.CreateAdd(group, lane);
      const auto block = emit_random_group(splats_[random.operands[0]], splats_[random.operands[1]],
                                           IndexLanes(index, MakeStep(first, nullptr, nullptr)));
      for (std::size_t q = 0; q < block.size(); ++q) {
        b_.CreateStore(block[q], b_.CreateGEP(type, words, I64(static_cast<std::int64_t>(q))));
      }
      emit_loop(b_, I64(0), I64(4), 1, {}, [&](llvm::Value* q, Values) {
        Step step = MakeStep(b_.CreateAdd(first, b_.CreateShl(q, 6)), nullptr, nullptr);
        Memo memo(kernel_.value_count());
        memo[value] = b_.CreateLoad(type, b_.CreateGEP(type, words, q));
        EmitLoads(step, roots, memo);
        EmitValues(step, roots, memo);
        EmitStores(step, pass.stores, pass.stages, memo);
        return Values();
      });
      return Values();
    });
    return Values();
  });
  // What lies before the first group and after the last.
  emit_loop(b_, I64(0), I64(2), 1, {}, [&](llvm::Value* side, Values) {
    llvm::Value* before = b_.CreateICmpEQ(side, I64(0));
    EmitLanes(pass, roots, b_.CreateSelect(before, I64(0), tail), b_.CreateSelect(before, head, count));
    return Values();
  });
}

}  // namespace leat::compiler::codegen
