// Row kernels: every row in passes; reductions in rows order (ir/meaning/reduction.h).
//
// 64 lanes hold the partial results of a chunk of 4096 elements. A light body keeps them in registers; they
// spill to the stack for the rest of a chunk, which is less than 64 elements. A dear body works on the stack
// only: its own latency hides that of the memory. It is emitted for two full vectors, which share their
// constants, and for the rest. While the last of several passes runs, from caches, the next row is asked for.
#include "compiler/codegen/cpu/cpu_emitter.h"
#include "ir/meaning/reduction.h"

namespace leat::compiler::codegen {
namespace {

using meaning::kReductionChunk;
using meaning::kReductionLanes;

// Bodies up to this cost run on registers; as many vectors of accumulators fit 16 of them.
constexpr int kLightBody = 14;
constexpr int kAccumulatorVectors = 12;
// Bodies up to this cost (one exp or so) run two vectors at a time.
constexpr int kPairBody = 40;
// Rows longer than this are not asked for ahead: they would push each other out of the caches. Softmax of 512
// x 32768 on one thread of Emerald Rapids, three turns: 18 to 19 ms without, 12 to 14 with; longer ones
// unmeasured.
constexpr std::int64_t kLongRow = 1 << 15;

}  // namespace

void CpuEmitter::EmitRowReduce() {
  EachRow([&](const Values& next) {
    std::fill(scalars_.begin(), scalars_.end(), nullptr);
    std::fill(splats_.begin(), splats_.end(), nullptr);
    std::fill(staged_in_.begin(), staged_in_.end(), -1);
    llvm::Value* count = sizes_.back();
    EmitUniform(Level::row, 0);
    EmitUniform(Level::element, 0);
    for (std::size_t p = 0; p < schedule_.passes.size(); ++p) {
      const int number = static_cast<int>(p) + 1;
      if (p > 0 && p + 1 == schedule_.passes.size()) LookAhead(next);
      EmitRowPass(schedule_.passes[p], number, count);
      ahead_.clear();
      for (const Pass::Stage& stage : schedule_.passes[p].stages) staged_in_[stage.value] = stage.output;
      EmitUniform(Level::row, number);
      EmitUniform(Level::element, number);
    }
    for (std::size_t o = 0; o < outputs_.size(); ++o) {
      const std::uint16_t value = kernel_.outputs[o].value;
      if (LevelOf(value) == Level::row) StoreScalar(outputs_[o], scalars_[value]);
    }
  });
}

void CpuEmitter::LookAhead(const Values& next) {
  llvm::Value* near = b_.CreateICmpSLE(sizes_.back(), I64(kLongRow));
  const auto add = [&](const Cursor& here, std::uint16_t access, std::uint16_t slot) {
    ahead_.push_back(MakeCursor(access, here.dtype, here.lane, next, pointers_[slot]));
    ahead_.back().base = b_.CreateSelect(near, ahead_.back().base, here.base);
  };
  for (std::size_t k = 0; k < inputs_.size(); ++k) {
    const Input& input = kernel_.inputs[k];
    if (Streams(input)) add(inputs_[k], input.access, input.slot);
  }
  // Stores wait for their lines, too.
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const Output& output = kernel_.outputs[k];
    if (LevelOf(output.value) == Level::element && output.lane_stride == Stride::one)
      add(outputs_[k], output.access, output.slot);
  }
}

void CpuEmitter::EmitRowPass(const Pass& pass, int, llvm::Value* count) {
  if (pass.reductions.empty()) {
    EmitLaneLoop(pass, count);
    return;
  }
  Values empty;
  {
    LaneScope scalar(b_, 1, target_);
    for (std::uint16_t v : pass.reductions) {
      empty.push_back(reduction_empty(InstructionOf(v).op, accumulator_dtype(kernel_.dtype(v))));
    }
  }
  llvm::Value* chunks = b_.CreateLShr(b_.CreateAdd(count, I64(kReductionChunk - 1)), 12);
  const Values results = emit_pairwise(
      b_, chunks, empty,
      [&](llvm::Value* c) {
        llvm::Value* begin = b_.CreateShl(c, 12);
        llvm::Value* size =
            b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateSub(count, begin), I64(kReductionChunk));
        return EmitChunk(pass, begin, size);
      },
      [&](const Values& a, const Values& b) { return JoinAll(pass, a, b, 1); });
  for (std::size_t r = 0; r < results.size(); ++r) {
    LaneScope scalar(b_, 1, target_);
    SetUniform(pass.reductions[r], FinishReduction(pass.reductions[r], results[r]));
  }
}

llvm::Value* CpuEmitter::JoinLanes(ir::Op op, DType accumulator, Values vectors) {
  for (std::size_t half = vectors.size() / 2; half > 0; half /= 2) {
    for (std::size_t k = 0; k < half; ++k)
      vectors[k] = emit_join(op, accumulator, vectors[k], vectors[k + half]);
  }
  llvm::Value* v = vectors[0];
  for (int half = lanes_ / 2; half > 0; half /= 2) {
    LaneScope scope(b_, half, target_);
    if (half == 1) {
      return emit_join(op, accumulator, b_.CreateExtractElement(v, std::uint64_t{0}),
                       b_.CreateExtractElement(v, std::uint64_t{1}));
    }
    std::vector<int> low, high;
    for (int l = 0; l < half; ++l) low.push_back(l), high.push_back(half + l);
    v = emit_join(op, accumulator, b_.CreateShuffleVector(v, low), b_.CreateShuffleVector(v, high));
  }
  return v;
}

Values CpuEmitter::EmitChunk(const Pass& pass, llvm::Value* begin, llvm::Value* size) {
  const std::size_t count = pass.reductions.size();
  const int vectors = static_cast<int>(kReductionLanes) / lanes_;
  std::vector<std::uint16_t> roots = StoreRoots(pass);
  struct Reduce {
    ir::Op op;
    std::uint16_t operand;
    DType dtype, accumulator;
    llvm::Value* start;
    llvm::Value* memory;  // the 64 lanes
    llvm::Type* type;     // of one vector of them
  };
  std::vector<Reduce> reduces;
  for (std::uint16_t v : pass.reductions) {
    const std::uint16_t operand = InstructionOf(v).operands[0];
    roots.push_back(operand);
    Reduce r{InstructionOf(v).op,
             operand,
             kernel_.dtype(v),
             accumulator_dtype(kernel_.dtype(v)),
             nullptr,
             nullptr,
             nullptr};
    r.start = reduction_start(r.op, r.accumulator);
    r.type = r.start->getType();
    r.memory = entry_alloca(b_, llvm::ArrayType::get(r.type, static_cast<unsigned>(vectors)), "lanes");
    reduces.push_back(r);
  }
  const auto vector_at = [&](const Reduce& r, llvm::Value* index) {
    return b_.CreateGEP(r.type, r.memory, index);
  };
  const auto operand_in = [&](const Reduce& r, const Memo& memo) {
    llvm::Value* x = ValueIn(memo, r.operand);
    return r.dtype == r.accumulator ? x : emit_convert(ir::Op::convert, r.dtype, r.accumulator, x);
  };

  llvm::Value* at = I64(0);
  const bool light = CostOf(roots) <= kLightBody && static_cast<int>(count) * vectors <= kAccumulatorVectors;
  Values accumulators;  // [vector][reduction]
  for (int q = 0; q < vectors; ++q) {
    for (const Reduce& r : reduces) accumulators.push_back(r.start);
  }
  if (light) {
    llvm::Value* main = b_.CreateAnd(size, I64(-kReductionLanes));
    accumulators = emit_loop(b_, at, main, kReductionLanes, accumulators, [&](llvm::Value* i, Values a) {
      std::vector<Step> steps;
      std::vector<Memo> memos(static_cast<std::size_t>(vectors), Memo(kernel_.value_count()));
      llvm::Value* first = b_.CreateAdd(begin, i);
      for (int q = 0; q < vectors; ++q) {
        steps.push_back(MakeStep(b_.CreateAdd(first, I64(std::int64_t{q} * lanes_)), nullptr, nullptr));
        EmitLoads(steps.back(), roots, memos[static_cast<std::size_t>(q)]);
      }
      for (std::size_t q = 0; q < steps.size(); ++q) {
        EmitValues(steps[q], roots, memos[q]);
        for (std::size_t r = 0; r < count; ++r) {
          llvm::Value*& sum = a[q * count + r];
          sum = emit_join(reduces[r].op, reduces[r].accumulator, sum, operand_in(reduces[r], memos[q]));
        }
      }
      for (std::size_t q = 0; q < steps.size(); ++q) EmitStores(steps[q], pass.stores, pass.stages, memos[q]);
      return a;
    });
    at = main;
  }
  const auto rest = [&] {
    for (int q = 0; q < vectors; ++q) {
      for (std::size_t r = 0; r < count; ++r) {
        b_.CreateStore(accumulators[static_cast<std::size_t>(q) * count + r], vector_at(reduces[r], I64(q)));
      }
    }
    llvm::Value* from = at;
    if (!light && vectors > 1 && CostOf(roots) <= kPairBody) {
      llvm::Value* pairs = b_.CreateAnd(size, I64(-2 * lanes_));
      emit_loop(b_, at, pairs, 2 * lanes_, {}, [&](llvm::Value* i, Values) {
        llvm::Value* first = b_.CreateAdd(begin, i);
        llvm::Value* vector = b_.CreateUDiv(b_.CreateAnd(i, I64(kReductionLanes - 1)), I64(lanes_));
        std::vector<Step> steps;
        std::vector<Memo> memos(2, Memo(kernel_.value_count()));
        for (std::size_t u = 0; u < 2; ++u) {
          llvm::Value* lane = u == 0 ? first : b_.CreateAdd(first, I64(lanes_));
          steps.push_back(MakeStep(lane, nullptr, nullptr));
          EmitLoads(steps[u], roots, memos[u]);
        }
        for (std::size_t u = 0; u < 2; ++u) EmitValues(steps[u], roots, memos[u]);
        for (std::size_t u = 0; u < 2; ++u) {
          for (const Reduce& r : reduces) {
            llvm::Value* address = vector_at(r, b_.CreateAdd(vector, I64(static_cast<std::int64_t>(u))));
            llvm::Value* x = operand_in(r, memos[u]);
            b_.CreateStore(emit_join(r.op, r.accumulator, b_.CreateLoad(r.type, address), x), address);
          }
        }
        for (std::size_t u = 0; u < 2; ++u) EmitStores(steps[u], pass.stores, pass.stages, memos[u]);
        return Values();
      });
      from = pairs;
    }
    emit_loop(b_, from, size, lanes_, {}, [&](llvm::Value* i, Values) {
      Step step = MakeStep(b_.CreateAdd(begin, i), nullptr, b_.CreateSub(size, i));
      Memo memo(kernel_.value_count());
      EmitLoads(step, roots, memo);
      EmitValues(step, roots, memo);
      llvm::Value* vector = b_.CreateUDiv(b_.CreateAnd(i, I64(kReductionLanes - 1)), I64(lanes_));
      for (const Reduce& r : reduces) {
        llvm::Value* address = vector_at(r, vector);
        llvm::Value* x = operand_in(r, memo);
        x = emit_if(
            b_, step.full, [&] { return Values{x}; },
            [&] { return Values{b_.CreateSelect(Active(step), x, r.start)}; })[0];
        b_.CreateStore(emit_join(r.op, r.accumulator, b_.CreateLoad(r.type, address), x), address);
      }
      EmitStores(step, pass.stores, pass.stages, memo);
      return Values();
    });
    Values all;
    for (int q = 0; q < vectors; ++q) {
      for (const Reduce& r : reduces) all.push_back(b_.CreateLoad(r.type, vector_at(r, I64(q))));
    }
    return all;
  };
  accumulators = light ? emit_if(b_, b_.CreateICmpSLT(at, size), rest, [&] { return accumulators; }) : rest();

  Values results;
  for (std::size_t r = 0; r < count; ++r) {
    Values lanes;
    for (std::size_t q = 0; q < static_cast<std::size_t>(vectors); ++q)
      lanes.push_back(accumulators[q * count + r]);
    results.push_back(JoinLanes(reduces[r].op, reduces[r].accumulator, lanes));
  }
  return results;
}

}  // namespace leat::compiler::codegen
