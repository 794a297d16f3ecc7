// The values of a kernel's body: uniform ones as scalars, the others for steps of lanes.
#include <algorithm>

#include "compiler/codegen/divide_by.h"
#include "compiler/codegen/emitter.h"

namespace leat::compiler::codegen {

using Pattern = ir::Kernel::Pattern;

namespace {

bool is_wide_float(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }

llvm::Value* emit_reciprocal(DType dtype, llvm::Value* y) {
  return dtype == DType::f32 ? reciprocal_for(Num<float>(y)).v : reciprocal_for(Num<double>(y)).v;
}

llvm::Value* emit_divide_by(DType dtype, llvm::Value* x, llvm::Value* y, llvm::Value* reciprocal) {
  return dtype == DType::f32 ? divide_by(Num<float>(x), Num<float>(y), Num<float>(reciprocal)).v
                             : divide_by(Num<double>(x), Num<double>(y), Num<double>(reciprocal)).v;
}

}  // namespace

void KernelEmitter::FindUniform() {
  const bool rows = kernel_.pattern == Pattern::row_reduce,
             columns = kernel_.pattern == Pattern::column_reduce;
  for (std::uint16_t v = 0; v < kernel_.value_count(); ++v) {
    const bool row_level = LevelOf(v) == Level::row;
    if (IsInput(v)) {
      const Input& input = kernel_.inputs[v];
      const bool still = input.lane_stride == Stride::zero && (!columns || row_level);
      uniform_.push_back(input.kind == Input::Kind::scalar || still || (rows && row_level));
      continue;
    }
    const ir::Kernel::Instruction& instruction = InstructionOf(v);
    bool uniform = rows || !row_level || instruction.fault == 0;
    if (ir::op_info(instruction.op).family == ir::Family::reduce) {
      uniform = rows;
    } else {
      for (int k = 0; k < instruction.operand_count; ++k) uniform &= uniform_[instruction.operands[k]];
      // Over no elements at all an element op must not fault.
      if (kernel_.has_reduced() && !row_level && instruction.fault != 0) uniform = false;
    }
    uniform_.push_back(uniform);
  }
  if (lanes_ == 1 || !target_.hardware_fma) return;
  for (auto v = static_cast<std::uint16_t>(kernel_.inputs.size()); v < kernel_.value_count(); ++v) {
    const ir::Kernel::Instruction& instruction = InstructionOf(v);
    if (instruction.op != ir::Op::div || !is_wide_float(instruction.dtype) || uniform_[v]) continue;
    if (uniform_[instruction.operands[1]]) divides_[instruction.operands[1]] = true;
  }
}

void KernelEmitter::SetUniform(std::uint16_t value, llvm::Value* scalar) {
  scalars_[value] = scalar;
  splats_[value] = Splat(scalar);
  if (divides_[value]) {
    LaneScope scope(b_, 1, target_);
    reciprocals_[value] = Splat(emit_reciprocal(kernel_.dtype(value), scalar));
  }
}

void KernelEmitter::LoadUniformInput(std::uint16_t value) {
  const Input& input = kernel_.inputs[value];
  Cursor cursor = inputs_[value];
  cursor.lane = Stride::zero;
  switch (input.kind) {
    case Input::Kind::index: SetUniform(value, cursor.base); return;
    case Input::Kind::scalar: {
      llvm::Value* word = scalars_in_[input.slot];
      llvm::Type* type = value_type(input.dtype, context_);
      if (input.dtype == DType::bool_) {
        SetUniform(value, b_.CreateICmpNE(b_.CreateTrunc(word, b_.getInt8Ty()), b_.getInt8(0)));
        return;
      }
      llvm::Value* bits =
          b_.CreateTrunc(word, b_.getIntNTy(8 * static_cast<unsigned>(byte_size(input.dtype))));
      SetUniform(value, b_.CreateBitCast(bits, type));
      return;
    }
    case Input::Kind::memory:
      if (kernel_.has_reduced() && input.level == Level::element) {
        // An empty reduced dimension may come with a buffer of no bytes.
        llvm::Value* none = llvm::Constant::getNullValue(value_type(input.dtype, context_));
        SetUniform(value, emit_if(
                              b_, b_.CreateICmpSGT(sizes_.back(), I64(0)),
                              [&] { return Values{LoadScalar(cursor, nullptr, nullptr)}; },
                              [&] { return Values{none}; })[0]);
        return;
      }
      SetUniform(value, LoadScalar(cursor, nullptr, nullptr));
      return;
  }
}

llvm::Value* KernelEmitter::EmitInstruction(std::uint16_t value,
                                            const std::function<llvm::Value*(std::uint16_t)>& operand,
                                            const Step* step) {
  const ir::Kernel::Instruction& instruction = InstructionOf(value);
  llvm::Value* operands[3] = {};
  for (int k = 0; k < instruction.operand_count; ++k) operands[k] = operand(instruction.operands[k]);
  if (instruction.op == ir::Op::random_bits) {
    return emit_random_bits(instruction.dtype, operands[0], operands[1], operands[2]);
  }
  if (instruction.op == ir::Op::div && !uniform_[value] && divides_[instruction.operands[1]]) {
    return emit_divide_by(instruction.dtype, operands[0], operands[1], reciprocals_[instruction.operands[1]]);
  }
  llvm::Value* fault = nullptr;
  const DType from = kernel_.dtype(instruction.operands[instruction.operand_count - 1]);
  llvm::Value* result = emit_elementwise(instruction.op, from, instruction.dtype, operands,
                                         instruction.fault != 0 ? &fault : nullptr);
  if (fault != nullptr) {
    if (step != nullptr && step->remaining != nullptr) fault = b_.CreateAnd(fault, Active(*step));
    emit_if(
        b_, any_lane(fault),
        [&] {
          llvm::Value* flag = b_.CreateConstGEP1_64(b_.getInt32Ty(), faults_, instruction.fault - 1u);
          // Ranges of one launch run at once: several may set a flag.
          b_.CreateAlignedStore(b_.getInt32(1), flag, llvm::Align(4))
              ->setAtomic(llvm::AtomicOrdering::Monotonic);
          return Values();
        },
        [] { return Values(); });
  }
  return result;
}

void KernelEmitter::EmitUniform(Level level, int ready) {
  LaneScope scope(b_, 1, target_);
  for (std::uint16_t v = 0; v < kernel_.value_count(); ++v) {
    if (!uniform_[v] || LevelOf(v) != level || schedule_.ready[v] != ready) continue;
    if (IsInput(v)) {
      LoadUniformInput(v);
    } else if (ir::op_info(InstructionOf(v).op).family != ir::Family::reduce) {
      SetUniform(v, EmitInstruction(
                        v, [&](std::uint16_t operand) { return scalars_[operand]; }, nullptr));
    }
  }
}

void KernelEmitter::EmitLoads(Step& step, const std::vector<std::uint16_t>& roots, Memo& memo) {
  std::vector<bool> known(kernel_.value_count());
  for (std::uint16_t v = 0; v < known.size(); ++v)
    known[v] = ValueIn(memo, v) != nullptr || staged_in_[v] >= 0;
  const std::vector<bool> needed = needed_by(kernel_, roots, known);
  struct Load {
    std::uint16_t value;
    const Cursor* cursor;
  };
  std::vector<Load> loads;
  for (std::uint16_t v = 0; v < kernel_.value_count(); ++v) {
    if (!needed[v] || ValueIn(memo, v) != nullptr) continue;
    if (staged_in_[v] >= 0) {
      loads.push_back({v, &outputs_[static_cast<std::size_t>(staged_in_[v])]});
    } else if (IsInput(v) && kernel_.inputs[v].kind == Input::Kind::memory) {
      loads.push_back({v, &inputs_[v]});
    } else if (IsInput(v)) {
      memo[v] = IndexLanes(inputs_[v], step);
    }
  }
  const auto load_all = [&](auto load) {
    Values values;
    for (const Load& l : loads) {
      Step at = step;
      if (LevelOf(l.value) == Level::row) at.row = nullptr;
      values.push_back((this->*load)(*l.cursor, at));
    }
    return values;
  };
  const Values values = step.full == nullptr || loads.empty()
                            ? load_all(&KernelEmitter::LoadFull)
                            : emit_if(
                                  b_, step.full, [&] { return load_all(&KernelEmitter::LoadFull); },
                                  [&] { return load_all(&KernelEmitter::LoadPartial); });
  for (std::size_t k = 0; k < loads.size(); ++k) memo[loads[k].value] = values[k];
}

void KernelEmitter::EmitValues(const Step& step, const std::vector<std::uint16_t>& roots, Memo& memo) {
  std::vector<bool> known(kernel_.value_count());
  for (std::uint16_t v = 0; v < known.size(); ++v) known[v] = ValueIn(memo, v) != nullptr;
  const std::vector<bool> needed = needed_by(kernel_, roots, known);
  for (auto v = static_cast<std::uint16_t>(kernel_.inputs.size()); v < kernel_.value_count(); ++v) {
    if (!needed[v] || known[v]) continue;
    memo[v] = EmitInstruction(
        v, [&](std::uint16_t operand) { return ValueIn(memo, operand); }, &step);
  }
}

void KernelEmitter::EmitStores(const Step& step, const std::vector<std::uint16_t>& outputs,
                               const std::vector<Pass::Stage>& stages, const Memo& memo) {
  const auto store_all = [&](auto store) {
    for (std::uint16_t o : outputs)
      (this->*store)(outputs_[o], step, ValueIn(memo, kernel_.outputs[o].value));
    for (const Pass::Stage& stage : stages) {
      if (std::find(outputs.begin(), outputs.end(), stage.output) != outputs.end()) continue;
      (this->*store)(outputs_[stage.output], step, ValueIn(memo, stage.value));
    }
    return Values();
  };
  if (outputs.empty() && stages.empty()) return;
  if (step.full == nullptr) {
    store_all(&KernelEmitter::StoreFull);
  } else {
    emit_if(
        b_, step.full, [&] { return store_all(&KernelEmitter::StoreFull); },
        [&] { return store_all(&KernelEmitter::StorePartial); });
  }
}

std::vector<std::uint16_t> KernelEmitter::StoreRoots(const Pass& pass) const {
  std::vector<std::uint16_t> roots;
  for (std::uint16_t o : pass.stores) roots.push_back(kernel_.outputs[o].value);
  for (const Pass::Stage& stage : pass.stages) roots.push_back(stage.value);
  for (std::uint16_t v : pass.checks) roots.push_back(v);
  return roots;
}

int KernelEmitter::CostOf(const std::vector<std::uint16_t>& roots) {
  std::vector<bool> known(kernel_.value_count());
  for (std::uint16_t v = 0; v < known.size(); ++v) known[v] = splats_[v] != nullptr || staged_in_[v] >= 0;
  const std::vector<bool> needed = needed_by(kernel_, roots, known);
  int cost = 0;
  for (std::uint16_t v = 0; v < kernel_.value_count(); ++v)
    cost += needed[v] && !known[v] ? cost_of(kernel_, v) : 0;
  return cost;
}

llvm::Value* KernelEmitter::FinishReduction(std::uint16_t value, llvm::Value* accumulated) {
  const DType dtype = kernel_.dtype(value), accumulator = accumulator_dtype(dtype);
  return dtype == accumulator ? accumulated : emit_convert(ir::Op::convert, accumulator, dtype, accumulated);
}

Values KernelEmitter::JoinAll(const Pass& pass, const Values& a, const Values& b, int lanes) {
  LaneScope scope(b_, lanes, target_);
  const std::size_t count = pass.reductions.size();
  Values joined;
  for (std::size_t k = 0; k < a.size(); ++k) {  // position by position: reductions cycle fastest
    const std::uint16_t v = pass.reductions[k % count];
    joined.push_back(emit_join(InstructionOf(v).op, accumulator_dtype(kernel_.dtype(v)), a[k], b[k]));
  }
  return joined;
}

}  // namespace leat::compiler::codegen
