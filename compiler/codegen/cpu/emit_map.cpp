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
      }
      for (std::size_t u = 0; u < steps.size(); ++u) EmitValues(steps[u], roots, memos[u]);
      for (std::size_t u = 0; u < steps.size(); ++u) EmitStores(steps[u], pass.stores, pass.stages, memos[u]);
      return Values();
    });
    at = main;
  }
  emit_loop(b_, at, count, lanes_, {}, [&](llvm::Value* i, Values) {
    Step step = MakeStep(i, nullptr, b_.CreateSub(count, i));
    Memo memo(kernel_.value_count());
    EmitLoads(step, roots, memo);
    EmitValues(step, roots, memo);
    EmitStores(step, pass.stores, pass.stages, memo);
    return Values();
  });
}

}  // namespace leat::compiler::codegen
