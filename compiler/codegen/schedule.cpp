#include "compiler/codegen/schedule.h"

#include <algorithm>

namespace leat::compiler::codegen {
namespace {

using ir::Kernel;
using Level = Kernel::Level;

bool is_reduction(const Kernel& kernel, std::uint16_t value) {
  return value >= kernel.inputs.size() &&
         ir::op_info(kernel.body[value - kernel.inputs.size()].op).family == ir::Family::reduce;
}

class Scheduler {
 public:
  explicit Scheduler(const Kernel& kernel) : kernel_(kernel) {}

  Schedule Run() {
    FindReady();
    // An element value that is ready after pass p can be computed in pass p + 1, which is passes[p].
    int last = 0;
    for (const Kernel::Output& output : kernel_.outputs) {
      if (kernel_.level(output.value) == Level::element) last = std::max(last, ready_[output.value] + 1);
    }
    for (std::uint16_t v = 0; v < kernel_.value_count(); ++v) {
      if (is_reduction(kernel_, v)) last = std::max(last, ready_[v]);
    }
    passes_.resize(static_cast<std::size_t>(last));
    for (std::uint16_t v = 0; v < kernel_.value_count(); ++v) {
      if (is_reduction(kernel_, v)) passes_[static_cast<std::size_t>(ready_[v] - 1)].reductions.push_back(v);
    }
    for (std::uint16_t o = 0; o < kernel_.outputs.size(); ++o) {
      if (kernel_.level(kernel_.outputs[o].value) == Level::element) passes_.back().stores.push_back(o);
    }
    StoreEarly();
    StageExpensive();
    KeepFaults();
    return {std::move(passes_), std::move(ready_)};
  }

 private:
  void FindReady() {
    for (std::uint16_t v = 0; v < kernel_.value_count(); ++v) {
      int ready = 0;
      if (v >= kernel_.inputs.size()) {
        const auto& instruction = kernel_.body[v - kernel_.inputs.size()];
        for (int k = 0; k < instruction.operand_count; ++k) {
          ready = std::max(ready, ready_[instruction.operands[k]]);
        }
        if (is_reduction(kernel_, v)) ++ready;
      }
      ready_.push_back(ready);
    }
  }

  std::vector<std::uint16_t> Roots(const Pass& pass) const {
    std::vector<std::uint16_t> roots;
    for (std::uint16_t v : pass.reductions)
      roots.push_back(kernel_.body[v - kernel_.inputs.size()].operands[0]);
    for (std::uint16_t o : pass.stores) roots.push_back(kernel_.outputs[o].value);
    for (const Pass::Stage& stage : pass.stages) roots.push_back(stage.value);
    for (std::uint16_t v : pass.checks) roots.push_back(v);
    return roots;
  }

  /// Values that pass p need not compute: those of the row level, and staged ones of earlier passes.
  std::vector<bool> Known(std::size_t p) const {
    std::vector<bool> known(kernel_.value_count());
    for (std::uint16_t v = 0; v < kernel_.value_count(); ++v) known[v] = kernel_.level(v) == Level::row;
    for (std::size_t q = 0; q < p; ++q) {
      for (const Pass::Stage& stage : passes_[q].stages) known[stage.value] = true;
    }
    return known;
  }

  /// Whether `output` may be written in pass p: no later pass reads what may be the same memory. (Outputs may
  /// be an input's elements at the same indices, so an input of another width is another memory.)
  bool SafeAfter(std::size_t p, std::uint16_t output) const {
    const std::size_t width = byte_size(kernel_.dtype(kernel_.outputs[output].value));
    for (std::size_t q = p + 1; q < passes_.size(); ++q) {
      const std::vector<bool> needed = needed_by(kernel_, Roots(passes_[q]), Known(q));
      for (std::uint16_t v = 0; v < kernel_.inputs.size(); ++v) {
        const Kernel::Input& input = kernel_.inputs[v];
        if (needed[v] && input.kind == Kernel::Input::Kind::memory && input.level == Level::element &&
            byte_size(input.dtype) == width) {
          return false;
        }
      }
    }
    return true;
  }

  /// Moves a store to a pass that computes its value anyway.
  void StoreEarly() {
    const std::vector<std::uint16_t> stores =
        passes_.empty() ? std::vector<std::uint16_t>() : passes_.back().stores;
    for (std::uint16_t o : stores) {
      const std::uint16_t value = kernel_.outputs[o].value;
      for (std::size_t p = static_cast<std::size_t>(ready_[value]); p + 1 < passes_.size(); ++p) {
        if (!needed_by(kernel_, Roots(passes_[p]), Known(p))[value]) continue;
        std::vector<std::uint16_t>& last = passes_.back().stores;
        last.erase(std::find(last.begin(), last.end(), o));
        passes_[p].stores.push_back(o);
        if (SafeAfter(p, o)) {
          if (value >= kernel_.inputs.size()) passes_[p].stages.push_back({value, o});
          break;
        }
        passes_[p].stores.pop_back();
        last.push_back(o);
      }
    }
    for (Pass& pass : passes_) std::sort(pass.stores.begin(), pass.stores.end());
    while (!passes_.empty() && passes_.back().stores.empty() && passes_.back().reductions.empty()) {
      passes_.pop_back();
    }
  }

  void StageExpensive() {
    for (std::uint16_t v = static_cast<std::uint16_t>(kernel_.inputs.size()); v < kernel_.value_count();
         ++v) {
      if (kernel_.level(v) != Level::element || cost_of(kernel_, v) < 8) continue;
      std::vector<std::size_t> users;
      for (std::size_t p = 0; p < passes_.size(); ++p) {
        if (needed_by(kernel_, Roots(passes_[p]), Known(p))[v] && !Known(p)[v]) users.push_back(p);
      }
      if (users.size() < 2) continue;
      for (std::uint16_t o : std::vector<std::uint16_t>(passes_.back().stores)) {
        if (kernel_.dtype(kernel_.outputs[o].value) != kernel_.dtype(v) || Taken(o)) continue;
        passes_[users[0]].stages.push_back({v, o});
        if (SafeAfter(users[0], o)) break;
        passes_[users[0]].stages.pop_back();
      }
    }
  }

  void KeepFaults() {
    for (auto v = static_cast<std::uint16_t>(kernel_.inputs.size()); v < kernel_.value_count(); ++v) {
      if (kernel_.level(v) != Level::element || kernel_.body[v - kernel_.inputs.size()].fault == 0) continue;
      bool computed = false;
      for (std::size_t p = 0; p < passes_.size(); ++p)
        computed |= needed_by(kernel_, Roots(passes_[p]), Known(p))[v];
      if (computed) continue;
      const auto pass = static_cast<std::size_t>(ready_[v]);
      if (passes_.size() <= pass) passes_.resize(pass + 1);
      passes_[pass].checks.push_back(v);
    }
  }

  bool Taken(std::uint16_t output) const {
    for (const Pass& pass : passes_) {
      for (const Pass::Stage& stage : pass.stages) {
        if (stage.output == output) return true;
      }
    }
    return false;
  }

  const Kernel& kernel_;
  std::vector<Pass> passes_;
  std::vector<int> ready_;
};

}  // namespace

Schedule make_schedule(const Kernel& kernel) { return Scheduler(kernel).Run(); }

int cost_of(const Kernel& kernel, std::uint16_t value) {
  if (value < kernel.inputs.size()) return kernel.inputs[value].lane_stride == Kernel::Stride::any ? 4 : 1;
  const Kernel::Instruction& instruction = kernel.body[value - kernel.inputs.size()];
  const DType operand = kernel.dtype(instruction.operands[0]);
  int cost = 1;
  if (ir::op_info(instruction.op).is(ir::kTranscendental)) {
    cost = 16;
  } else if (instruction.op == ir::Op::random_bits) {
    cost = 32;
  } else if (instruction.op == ir::Op::rem) {
    cost = 24;
  } else if (instruction.op == ir::Op::div) {
    cost = is_float(operand) ? 4 : 24;
  } else if (instruction.op == ir::Op::sqrt || instruction.op == ir::Op::rsqrt) {
    cost = 4;
  }
  if (operand == DType::f64 || operand == DType::f16 || operand == DType::bf16) cost *= 2;
  return cost;
}

std::vector<bool> needed_by(const Kernel& kernel, const std::vector<std::uint16_t>& roots,
                            const std::vector<bool>& known) {
  std::vector<bool> needed(kernel.value_count());
  for (std::uint16_t v : roots) needed[v] = true;
  for (std::uint16_t v = kernel.value_count(); v-- > kernel.inputs.size();) {
    if (!needed[v] || (!known.empty() && known[v])) continue;
    const Kernel::Instruction& instruction = kernel.body[v - kernel.inputs.size()];
    for (int k = 0; k < instruction.operand_count; ++k) needed[instruction.operands[k]] = true;
  }
  return needed;
}

}  // namespace leat::compiler::codegen
