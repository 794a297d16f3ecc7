// Row kernels on a GPU: a block a row, reductions in rows order (ir/meaning/reduction.h).
//
// A warp takes a chunk of 4096 elements: thread t accumulates lanes t and t + 32, which join in the thread,
// then with those of threads t ^ 16, 8, 4, 2 and 1. The warps of a block take as many chunks at once and join
// pairwise through shared memory: since they are a power of two, each such round is a subtree of the fixed
// order. Joins commute bit for bit, so that every thread ends up with the result.
#include "compiler/codegen/cuda/gpu_emitter.h"
#include "ir/meaning/reduction.h"

namespace leat::compiler::codegen {

using meaning::kReductionChunk;
using meaning::kReductionLanes;

void GpuEmitter::EmitRows() {
  EachBlock(OuterCount(kernel_.parallel_rank), [&](llvm::Value* row) {
    SetRun(DecodeOuter(row, kernel_.parallel_rank));
    EmitRow();
  });
}

GpuEmitter::Cursor GpuEmitter::CacheCursor(std::size_t cached, const Cursor& otherwise) {
  // Generic addresses: which memory it is is known only when the kernel runs.
  llvm::Type* generic = b_.getPtrTy();
  Cursor cursor = otherwise;
  cursor.base =
      b_.CreateSelect(use_shared_, b_.CreateAddrSpaceCast(SharedAt(cache_offsets_[cached]), generic),
                      b_.CreateAddrSpaceCast(otherwise.base, generic));
  if (cursor.lane == Stride::any) {
    cursor.lane_stride = b_.CreateSelect(use_shared_, I64(1), otherwise.lane_stride);
  }
  return cursor;
}

void GpuEmitter::EmitRow() {
  llvm::Value* count = sizes_.back();
  // Behind the joins of the warps.
  llvm::Value* offset = b_.CreateMul(warps_, I64(8 * plan_.reductions));
  const auto round = [&](llvm::Value* bytes) { return b_.CreateAnd(b_.CreateAdd(bytes, I64(15)), I64(-16)); };
  Values slots;
  for (std::size_t bytes : plan_.slots) {
    slots.push_back(round(offset));
    offset = b_.CreateAdd(slots.back(), b_.CreateMul(count, I64(static_cast<std::int64_t>(bytes))));
  }
  cache_offsets_.clear();
  std::vector<Pass> passes = plan_.schedule.passes;
  for (std::size_t k = 0; k < plan_.cached.size(); ++k) {
    const GpuPlan::Cached& c = plan_.cached[k];
    cache_offsets_.push_back(slots[c.slot]);
    // Stages go to cursors of their own, behind those of the outputs.
    const Cursor& memory = c.output < 0 ? inputs_[c.value] : outputs_[static_cast<std::size_t>(c.output)];
    outputs_.push_back(CacheCursor(k, memory));
    if (c.output < 0) continue;
    for (Pass::Stage& stage : passes[c.first].stages) {
      if (stage.value == c.value) stage.output = static_cast<std::uint16_t>(outputs_.size() - 1);
    }
  }
  llvm::Value* chunks = b_.CreateLShr(b_.CreateAdd(count, I64(kReductionChunk - 1)), 12);
  EmitUniform(Level::row, 0);
  EmitUniform(Level::element, 0);
  for (std::size_t p = 0; p < passes.size(); ++p) {
    const Pass& pass = passes[p];
    if (pass.reductions.empty()) {
      emit_loop(b_, warp_, chunks, warps_, {}, [&](llvm::Value* c, Values) {
        llvm::Value* begin = b_.CreateShl(c, 12);
        EmitChunk(pass, p, begin,
                  b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateSub(count, begin),
                                           I64(kReductionChunk)));
        return Values();
      });
    } else {
      const Values results = ReduceRow(pass, p, chunks);
      for (std::size_t r = 0; r < results.size(); ++r)
        SetUniform(pass.reductions[r], FinishReduction(pass.reductions[r], results[r]));
    }
    for (const Pass::Stage& stage : pass.stages) staged_in_[stage.value] = stage.output;
    for (std::size_t k = 0; k < plan_.cached.size(); ++k) {
      if (plan_.cached[k].first == p && plan_.cached[k].output < 0)
        staged_in_[plan_.cached[k].value] = static_cast<int>(kernel_.outputs.size() + k);
    }
    EmitUniform(Level::row, static_cast<int>(p) + 1);
    EmitUniform(Level::element, static_cast<int>(p) + 1);
  }
  std::vector<std::uint16_t> row_outputs;
  for (std::uint16_t o = 0; o < kernel_.outputs.size(); ++o) {
    if (LevelOf(kernel_.outputs[o].value) == Level::row) row_outputs.push_back(o);
  }
  if (row_outputs.empty()) return;
  Barrier();  // an output may lie where an input of the row lay, which all threads have read
  emit_if(
      b_, b_.CreateICmpEQ(thread_, I64(0)),
      [&] {
        for (std::uint16_t o : row_outputs) StoreScalar(outputs_[o], scalars_[kernel_.outputs[o].value]);
        return Values();
      },
      [] { return Values(); });
}

Values GpuEmitter::ReduceRow(const Pass& pass, std::size_t number, llvm::Value* chunks) {
  llvm::Value* count = sizes_.back();
  llvm::Value* rounds = b_.CreateUDiv(b_.CreateAdd(chunks, b_.CreateSub(warps_, I64(1))), warps_);
  return emit_pairwise(
      b_, rounds, EmptyOf(pass),
      [&](llvm::Value* round) {
        llvm::Value* begin = b_.CreateShl(b_.CreateAdd(b_.CreateMul(round, warps_), warp_), 12);
        llvm::Value* size =
            b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateSub(count, begin), I64(kReductionChunk));
        // A warp behind the last chunk joins nothing: neutral values.
        size = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, size, I64(0));
        return JoinWarps(pass, JoinThreads(pass, EmitChunk(pass, number, begin, size)));
      },
      [&](const Values& a, const Values& b) { return JoinAll(pass, a, b, 1); });
}

Values GpuEmitter::JoinThreads(const Pass& pass, Values values) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) {
    Values others;
    for (llvm::Value* value : values) others.push_back(from_thread(b_, value, mask));
    values = JoinAll(pass, values, others, 1);
  }
  return values;
}

Values GpuEmitter::JoinWarps(const Pass& pass, Values values) {
  return emit_if(
      b_, b_.CreateICmpSGT(warps_, I64(1)),
      [&] {
        const auto slot = [&](std::size_t r, llvm::Value* warp) {
          llvm::Value* index = b_.CreateAdd(b_.CreateMul(warps_, I64(static_cast<std::int64_t>(r))), warp);
          return SharedAt(b_.CreateShl(index, 3));
        };
        emit_if(
            b_, b_.CreateICmpEQ(lane_, I64(0)),
            [&] {
              for (std::size_t r = 0; r < values.size(); ++r)
                b_.CreateAlignedStore(ToShared(values[r]), slot(r, warp_), llvm::Align(8));
              return Values();
            },
            [] { return Values(); });
        Barrier();
        const Values neutral = NeutralOf(pass);
        const Values mine = emit_if(
            b_, b_.CreateICmpSLT(lane_, warps_),
            [&] {
              Values loaded;
              for (std::size_t r = 0; r < values.size(); ++r)
                loaded.push_back(LoadShared(values[r]->getType(), slot(r, lane_)));
              return loaded;
            },
            [&] { return neutral; });
        Barrier();  // read, before the next round writes
        // Neighbours first: (0, 1), (2, 3), ...
        Values joined = mine;
        for (int mask = 1; mask < kWarp; mask *= 2) {
          Values others;
          for (llvm::Value* value : joined) others.push_back(from_thread(b_, value, mask));
          joined = JoinAll(pass, joined, others, 1);
        }
        return joined;
      },
      [&] { return values; });
}

void GpuEmitter::KeepForLater(std::size_t number, const Step& step, const Memo& memo) {
  std::vector<std::size_t> kept;
  for (std::size_t k = 0; k < plan_.cached.size(); ++k) {
    if (plan_.cached[k].first == number && plan_.cached[k].output < 0) kept.push_back(k);
  }
  if (kept.empty()) return;
  emit_if(
      b_, use_shared_,
      [&] {
        for (std::size_t k : kept) {
          const std::uint16_t v = plan_.cached[k].value;
          llvm::Type* type = memory_type(kernel_.dtype(v), context_);
          llvm::Value* at = b_.CreateGEP(type, SharedAt(cache_offsets_[k]), step.lane);
          b_.CreateAlignedStore(ToMemory(kernel_.dtype(v), memo[v]), at,
                                llvm::Align(byte_size(kernel_.dtype(v))));
        }
        return Values();
      },
      [] { return Values(); });
}

Values GpuEmitter::EmitChunk(const Pass& pass, std::size_t number, llvm::Value* begin, llvm::Value* size) {
  const std::size_t count = pass.reductions.size();
  std::vector<std::uint16_t> roots = StoreRoots(pass);
  for (std::uint16_t v : pass.reductions) roots.push_back(InstructionOf(v).operands[0]);
  // Unrolled so that the loads of a cheap body overlap.
  const int cost = CostOf(roots), groups = cost <= 6 ? 4 : cost <= 14 ? 2 : 1;
  const std::int64_t stride = groups * kReductionLanes;
  const Values neutral = NeutralOf(pass);
  const auto join = [&](std::size_t r, llvm::Value* a, llvm::Value* x) {
    const std::uint16_t v = pass.reductions[r];
    return emit_join(InstructionOf(v).op, accumulator_dtype(kernel_.dtype(v)), a, x);
  };
  Values accumulators = neutral;  // lane t, then lane t + 32, of each reduction
  accumulators.insert(accumulators.end(), neutral.begin(), neutral.end());
  llvm::Value* main = b_.CreateAnd(size, I64(-stride));
  llvm::Value* first = b_.CreateAdd(begin, lane_);
  accumulators = emit_loop(b_, I64(0), main, stride, accumulators, [&](llvm::Value* i, Values a) {
    std::vector<Step> steps;
    std::vector<Memo> memos(static_cast<std::size_t>(2 * groups), Memo(kernel_.value_count()));
    for (std::size_t h = 0; h < memos.size(); ++h) {
      llvm::Value* at = b_.CreateAdd(b_.CreateAdd(first, i), I64(static_cast<std::int64_t>(h) * kWarp));
      steps.push_back(MakeStep(at, nullptr, nullptr));
      EmitLoads(steps[h], roots, memos[h]);
    }
    for (std::size_t h = 0; h < memos.size(); ++h) KeepForLater(number, steps[h], memos[h]);
    for (std::size_t h = 0; h < memos.size(); ++h) {
      EmitValues(steps[h], roots, memos[h]);
      for (std::size_t r = 0; r < count; ++r) {
        llvm::Value*& sum = a[(h % 2) * count + r];
        sum = join(r, sum, OperandIn(pass.reductions[r], memos[h]));
      }
    }
    for (std::size_t h = 0; h < memos.size(); ++h) EmitStores(steps[h], pass.stores, pass.stages, memos[h]);
    return a;
  });
  // The rest by halves of 64 elements, an even number of them; the accumulators take turns.
  llvm::Value* end = b_.CreateAnd(b_.CreateAdd(size, I64(kReductionLanes - 1)), I64(-kReductionLanes));
  accumulators = emit_loop(b_, main, end, kWarp, accumulators, [&](llvm::Value* i, Values a) {
    llvm::Value* there = b_.CreateICmpSLT(b_.CreateAdd(i, lane_), size);
    const Values operands = emit_if(
        b_, there,
        [&] {
          Step step = MakeStep(b_.CreateAdd(first, i), nullptr, nullptr);
          Memo memo(kernel_.value_count());
          EmitLoads(step, roots, memo);
          KeepForLater(number, step, memo);
          EmitValues(step, roots, memo);
          EmitStores(step, pass.stores, pass.stages, memo);
          Values all;
          for (std::uint16_t v : pass.reductions) all.push_back(OperandIn(v, memo));
          return all;
        },
        [&] { return neutral; });
    Values next(a.begin() + static_cast<std::ptrdiff_t>(count), a.end());
    for (std::size_t r = 0; r < count; ++r) next.push_back(join(r, a[r], operands[r]));
    return next;
  });
  Values joined;
  for (std::size_t r = 0; r < count; ++r) joined.push_back(join(r, accumulators[r], accumulators[count + r]));
  return joined;
}

}  // namespace leat::compiler::codegen
