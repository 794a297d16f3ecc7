// Column kernels: lanes run over the minor-most parallel dimension, each strip of a few vectors of columns
// walks the reduced rows. Reductions in columns order (ir/meaning/reduction.h): blocks of 64 rows, then
// pairwise.
#include <algorithm>

#include "compiler/codegen/cpu/cpu_emitter.h"
#include "ir/meaning/reduction.h"

namespace leat::compiler::codegen {

using meaning::kReductionBlock;
namespace {
/// Each row of a wide matrix is another page, where the hardware prefetches nothing: a strip asks for its
/// rows so far ahead, in the L2 cache, which waits for more lines at once than the L1 does. The sum of 4096 x
/// 4096 on two cores of Emerald Rapids, medians of three turns: 16 rows in L1 3.0 to 3.1 ms, in L2 2.8 to
/// 3.1; 48 and 96 in L2 2.3 to 2.5; 160 2.6 to 2.9. A prefetch beyond the last row does nothing.
constexpr std::int64_t kRowsAhead = 64;
}  // namespace

void CpuEmitter::EmitColumnReduce() {
  // As many accumulators as hide the latency of the additions; a dear body hides it alone.
  std::size_t reductions = 1;
  std::vector<std::uint16_t> roots;
  for (const Pass& pass : schedule_.passes) {
    reductions = std::max(reductions, pass.reductions.size());
    for (std::uint16_t v : pass.reductions) roots.push_back(InstructionOf(v).operands[0]);
    for (std::uint16_t v : StoreRoots(pass)) roots.push_back(v);
  }
  const int cost = CostOf(roots);
  const int wanted = cost <= 6 ? 8 : cost <= 14 ? 4 : 1;
  const int vectors = std::max(1, wanted / static_cast<int>(reductions));
  EachRun([&](llvm::Value* count) {
    EmitUniform(Level::row, 0);
    EmitUniform(Level::element, 0);
    llvm::Value* at = I64(0);
    if (vectors > 1) {
      const std::int64_t stride = std::int64_t{vectors} * lanes_;
      llvm::Value* strides = b_.CreateUDiv(count, I64(stride));
      llvm::Value* main = b_.CreateMul(strides, I64(stride));
      emit_loop(b_, at, main, stride, {}, [&](llvm::Value* i, Values) {
        EmitStrip(i, vectors, nullptr);
        return Values();
      });
      at = main;
    }
    emit_loop(b_, at, count, lanes_, {}, [&](llvm::Value* i, Values) {
      EmitStrip(i, 1, b_.CreateSub(count, i));
      return Values();
    });
  });
}

void CpuEmitter::EmitRowValues(int ready, std::vector<Step>& steps, std::vector<Memo>& memos) {
  std::vector<std::uint16_t> roots;
  for (std::uint16_t v = 0; v < kernel_.value_count(); ++v) {
    const bool reduction = !IsInput(v) && ir::op_info(InstructionOf(v).op).family == ir::Family::reduce;
    if (LevelOf(v) == Level::row && schedule_.ready[v] == ready && !uniform_[v] && !reduction)
      roots.push_back(v);
  }
  for (std::size_t s = 0; s < steps.size(); ++s) {
    EmitLoads(steps[s], roots, memos[s]);
    EmitValues(steps[s], roots, memos[s]);
  }
}

void CpuEmitter::EmitStrip(llvm::Value* lane, int vectors, llvm::Value* remaining) {
  std::fill(staged_in_.begin(), staged_in_.end(), -1);
  std::vector<Step> steps;
  for (int s = 0; s < vectors; ++s) {
    steps.push_back(MakeStep(b_.CreateAdd(lane, I64(std::int64_t{s} * lanes_)), nullptr, remaining));
  }
  std::vector<Memo> memos(steps.size(), Memo(kernel_.value_count()));
  EmitRowValues(0, steps, memos);
  for (std::size_t p = 0; p < schedule_.passes.size(); ++p) {
    const int number = static_cast<int>(p) + 1;
    EmitColumnPass(schedule_.passes[p], number, steps, memos);
    for (const Pass::Stage& stage : schedule_.passes[p].stages) staged_in_[stage.value] = stage.output;
    EmitRowValues(number, steps, memos);
  }
  std::vector<std::uint16_t> outputs;
  for (std::uint16_t o = 0; o < outputs_.size(); ++o) {
    if (LevelOf(kernel_.outputs[o].value) == Level::row) outputs.push_back(o);
  }
  for (std::size_t s = 0; s < steps.size(); ++s) EmitStores(steps[s], outputs, {}, memos[s]);
}

void CpuEmitter::PrefetchRow(const std::vector<Step>& steps, llvm::Value* row) {
  if (steps.size() < 2) return;
  for (std::size_t v = 0; v < inputs_.size(); ++v) {
    const Input& input = kernel_.inputs[v];
    if (!Streams(input)) continue;
    const std::size_t step_bytes = static_cast<std::size_t>(lanes_) * byte_size(input.dtype);
    const std::size_t apart = std::max<std::size_t>(1, 64 / step_bytes);  // one a cache line
    for (std::size_t s = 0; s < steps.size(); s += apart)
      Prefetch(inputs_[v], steps[s].lane, row, Cache::second);
  }
}

void CpuEmitter::EmitColumnPass(const Pass& pass, int, std::vector<Step>& steps, std::vector<Memo>& memos) {
  std::vector<std::uint16_t> roots = StoreRoots(pass);
  Values start, empty;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    for (std::uint16_t v : pass.reductions) {
      const DType accumulator = accumulator_dtype(kernel_.dtype(v));
      start.push_back(reduction_start(InstructionOf(v).op, accumulator));
      empty.push_back(reduction_empty(InstructionOf(v).op, accumulator));
    }
  }
  for (std::uint16_t v : pass.reductions) roots.push_back(InstructionOf(v).operands[0]);
  const auto row = [&](llvm::Value* r, Values sums) {
    std::vector<Step> at = steps;
    std::vector<Memo> inner = memos;
    PrefetchRow(at, b_.CreateAdd(r, I64(kRowsAhead)));
    for (std::size_t s = 0; s < at.size(); ++s) {
      at[s].row = r;
      EmitLoads(at[s], roots, inner[s]);
    }
    for (std::size_t s = 0; s < at.size(); ++s) {
      EmitValues(at[s], roots, inner[s]);
      for (std::size_t k = 0; k < pass.reductions.size(); ++k) {
        const std::uint16_t v = pass.reductions[k];
        const DType dtype = kernel_.dtype(v), accumulator = accumulator_dtype(dtype);
        llvm::Value* x = ValueIn(inner[s], InstructionOf(v).operands[0]);
        if (dtype != accumulator) x = emit_convert(ir::Op::convert, dtype, accumulator, x);
        llvm::Value*& sum = sums[s * pass.reductions.size() + k];
        sum = emit_join(InstructionOf(v).op, accumulator, sum, x);
      }
    }
    for (std::size_t s = 0; s < at.size(); ++s) EmitStores(at[s], pass.stores, pass.stages, inner[s]);
    return sums;
  };
  llvm::Value* count = sizes_.back();
  if (pass.reductions.empty()) {
    emit_loop(b_, I64(0), count, 1, {}, row);
    return;
  }
  llvm::Value* blocks = b_.CreateLShr(b_.CreateAdd(count, I64(kReductionBlock - 1)), 6);
  const Values results = emit_pairwise(
      b_, blocks, empty,
      [&](llvm::Value* c) {
        llvm::Value* begin = b_.CreateShl(c, 6);
        llvm::Value* end =
            b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, count, b_.CreateAdd(begin, I64(kReductionBlock)));
        return emit_loop(b_, begin, end, 1, start, row);
      },
      [&](const Values& a, const Values& b) { return JoinAll(pass, a, b, lanes_); });
  for (std::size_t s = 0; s < steps.size(); ++s) {
    for (std::size_t k = 0; k < pass.reductions.size(); ++k) {
      const std::uint16_t v = pass.reductions[k];
      memos[s][v] = FinishReduction(v, results[s * pass.reductions.size() + k]);
    }
  }
}

}  // namespace leat::compiler::codegen
