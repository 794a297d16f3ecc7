// Column kernels on a GPU: a block takes 32 columns, reductions in columns order (ir/meaning/reduction.h).
//
// Thread (lane, warp) walks a block of 64 rows of column `lane`, in order. The warps take as many blocks of
// rows at once and join pairwise through shared memory; each such round is a subtree of the fixed order. A
// pairwise kernel joins the partial results of a split reduction: the same, with a few rows joined pairwise
// in a thread.
#include "compiler/codegen/cuda/gpu_emitter.h"
#include "ir/meaning/reduction.h"

namespace leat::compiler::codegen {

using meaning::kReductionBlock;

void GpuEmitter::EmitColumns() {
  const int minor = kernel_.parallel_rank - 1;
  llvm::Value* n = sizes_[static_cast<std::size_t>(minor)];
  llvm::Value* strips = b_.CreateLShr(b_.CreateAdd(n, I64(kWarp - 1)), 5);
  EachBlock(b_.CreateMul(OuterCount(minor), strips), [&](llvm::Value* s) {
    SetRun(DecodeOuter(b_.CreateUDiv(s, strips), minor));
    EmitUniform(Level::row, 0);
    EmitUniform(Level::element, 0);
    llvm::Value* wanted = b_.CreateAdd(b_.CreateShl(b_.CreateURem(s, strips), 5), lane_);
    llvm::Value* active = b_.CreateICmpSLT(wanted, n);
    // Threads beyond the last column read it too, compute nothing of it and store nothing.
    llvm::Value* lane = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, wanted, b_.CreateSub(n, I64(1)));
    Step column = MakeStep(lane, nullptr, nullptr);
    Memo memo(kernel_.value_count());
    EmitRowValues(0, column, memo);
    for (std::size_t p = 0; p < plan_.schedule.passes.size(); ++p) {
      const Pass& pass = plan_.schedule.passes[p];
      EmitColumnPass(pass, column, active, memo);
      for (const Pass::Stage& stage : pass.stages) staged_in_[stage.value] = stage.output;
      EmitRowValues(static_cast<int>(p) + 1, column, memo);
    }
    std::vector<std::uint16_t> outputs;
    for (std::uint16_t o = 0; o < kernel_.outputs.size(); ++o) {
      if (LevelOf(kernel_.outputs[o].value) == Level::row) outputs.push_back(o);
    }
    if (outputs.empty()) return;
    Barrier();  // an output may lie where an input of the row lay, which all warps have read
    emit_if(
        b_, b_.CreateAnd(active, b_.CreateICmpEQ(warp_, I64(0))),
        [&] {
          EmitStores(column, outputs, {}, memo);
          return Values();
        },
        [] { return Values(); });
  });
}

void GpuEmitter::EmitRowValues(int ready, const Step& column, Memo& memo) {
  std::vector<std::uint16_t> roots;
  for (std::uint16_t v = 0; v < kernel_.value_count(); ++v) {
    const bool reduction = !IsInput(v) && ir::op_info(InstructionOf(v).op).family == ir::Family::reduce;
    if (LevelOf(v) == Level::row && plan_.schedule.ready[v] == ready && !uniform_[v] && !reduction)
      roots.push_back(v);
  }
  Step step = column;
  EmitLoads(step, roots, memo);
  EmitValues(step, roots, memo);
}

void GpuEmitter::EmitColumnPass(const Pass& pass, const Step& column, llvm::Value* active, Memo& memo) {
  llvm::Value* count = sizes_.back();
  const std::int64_t part = pairwise_ ? kPartialsPerThread : kReductionBlock;
  llvm::Value* parts = b_.CreateUDiv(b_.CreateAdd(count, I64(part - 1)), I64(part));
  const auto end_of = [&](llvm::Value* begin) {
    llvm::Value* end = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, count, b_.CreateAdd(begin, I64(part)));
    return b_.CreateSelect(active, end, begin);
  };
  if (pass.reductions.empty()) {
    emit_loop(b_, warp_, parts, warps_, {}, [&](llvm::Value* c, Values) {
      llvm::Value* begin = b_.CreateMul(c, I64(part));
      EmitRowRange(pass, column, memo, begin, end_of(begin));
      return Values();
    });
    return;
  }
  llvm::Value* rounds = b_.CreateUDiv(b_.CreateAdd(parts, b_.CreateSub(warps_, I64(1))), warps_);
  const Values results = emit_pairwise(
      b_, rounds, EmptyOf(pass),
      [&](llvm::Value* round) {
        llvm::Value* begin = b_.CreateMul(b_.CreateAdd(b_.CreateMul(round, warps_), warp_), I64(part));
        Values sums = pairwise_ ? JoinPartials(pass, column, active, begin)
                                : EmitRowRange(pass, column, memo, begin, end_of(begin));
        for (std::size_t r = 0; r < sums.size(); ++r) sums[r] = JoinColumn(pass.reductions[r], sums[r]);
        return sums;
      },
      [&](const Values& a, const Values& b) { return JoinAll(pass, a, b, 1); });
  for (std::size_t r = 0; r < results.size(); ++r)
    memo[pass.reductions[r]] = FinishReduction(pass.reductions[r], results[r]);
}

Values GpuEmitter::EmitRowRange(const Pass& pass, const Step& column, const Memo& memo, llvm::Value* begin,
                                llvm::Value* end) {
  std::vector<std::uint16_t> roots = StoreRoots(pass);
  for (std::uint16_t v : pass.reductions) roots.push_back(InstructionOf(v).operands[0]);
  const int cost = CostOf(roots), unroll = cost <= 6 ? 8 : cost <= 14 ? 4 : 1;
  const auto rows = [&](int n, llvm::Value* row, Values sums) {
    std::vector<Step> steps(static_cast<std::size_t>(n), column);
    std::vector<Memo> memos(steps.size(), memo);
    for (std::size_t k = 0; k < steps.size(); ++k) {
      steps[k].row = b_.CreateAdd(row, I64(static_cast<std::int64_t>(k)));
      EmitLoads(steps[k], roots, memos[k]);
    }
    for (std::size_t k = 0; k < steps.size(); ++k) {
      EmitValues(steps[k], roots, memos[k]);
      for (std::size_t r = 0; r < pass.reductions.size(); ++r) {
        const std::uint16_t v = pass.reductions[r];
        sums[r] = emit_join(InstructionOf(v).op, accumulator_dtype(kernel_.dtype(v)), sums[r],
                            OperandIn(v, memos[k]));
      }
    }
    for (std::size_t k = 0; k < steps.size(); ++k) EmitStores(steps[k], pass.stores, pass.stages, memos[k]);
    return sums;
  };
  Values sums = NeutralOf(pass);
  if (unroll > 1) {
    llvm::Value* main = b_.CreateSub(end, begin);
    main = b_.CreateAdd(begin, b_.CreateAnd(main, I64(-unroll)));
    // A warp behind the last row has end < begin: no iteration of either loop.
    sums = emit_loop(b_, begin, main, unroll, sums,
                     [&](llvm::Value* row, Values a) { return rows(unroll, row, std::move(a)); });
    begin = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, begin, main);
  }
  return emit_loop(b_, begin, end, 1, sums,
                   [&](llvm::Value* row, Values a) { return rows(1, row, std::move(a)); });
}

llvm::Value* GpuEmitter::JoinColumn(std::uint16_t reduction, llvm::Value* value) {
  const auto slot = [&](llvm::Value* warp) {
    return SharedAt(b_.CreateShl(b_.CreateAdd(b_.CreateShl(warp, 5), lane_), 3));
  };
  const ir::Op op = InstructionOf(reduction).op;
  const DType accumulator = accumulator_dtype(kernel_.dtype(reduction));
  return emit_if(
      b_, b_.CreateICmpSGT(warps_, I64(1)),
      [&] {
        llvm::Type* type = value->getType();
        b_.CreateAlignedStore(ToShared(value), slot(warp_), llvm::Align(8));
        Barrier();
        llvm::Value* levels = b_.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, warps_, b_.getTrue());
        emit_loop(b_, I64(0), levels, 1, {}, [&](llvm::Value* level, Values) {
          llvm::Value* apart = b_.CreateShl(I64(1), level);
          llvm::Value* mask = b_.CreateSub(b_.CreateShl(apart, 1), I64(1));
          emit_if(
              b_, b_.CreateICmpEQ(b_.CreateAnd(warp_, mask), I64(0)),
              [&] {
                llvm::Value* joined = emit_join(op, accumulator, LoadShared(type, slot(warp_)),
                                                LoadShared(type, slot(b_.CreateAdd(warp_, apart))));
                b_.CreateAlignedStore(ToShared(joined), slot(warp_), llvm::Align(8));
                return Values();
              },
              [] { return Values(); });
          Barrier();
          return Values();
        });
        llvm::Value* result = LoadShared(type, slot(I64(0)));
        Barrier();  // read, before the next one is written
        return Values{result};
      },
      [&] { return Values{value}; })[0];
}

Values GpuEmitter::JoinPartials(const Pass& pass, const Step& column, llvm::Value* active,
                                llvm::Value* begin) {
  const Values neutral = NeutralOf(pass);
  llvm::Value* count = sizes_.back();
  std::vector<Values> parts;
  for (int k = 0; k < kPartialsPerThread; ++k) {
    llvm::Value* row = b_.CreateAdd(begin, I64(k));
    llvm::Value* there = b_.CreateAnd(active, b_.CreateICmpSLT(row, count));
    parts.push_back(emit_if(
        b_, there, [&] { return Values{LoadScalar(inputs_[0], column.lane, row)}; },
        [&] { return neutral; }));
  }
  while (parts.size() > 1) {
    std::vector<Values> joined;
    for (std::size_t k = 0; k < parts.size(); k += 2)
      joined.push_back(JoinAll(pass, parts[k], parts[k + 1], 1));
    parts = std::move(joined);
  }
  return parts[0];
}

}  // namespace leat::compiler::codegen
