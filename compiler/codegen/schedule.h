// Which passes over the reduced dimension a kernel needs, and what each computes.
//
// A reduction that depends on another one needs a pass after it; what only the outputs need comes in the
// last. Element values are computed anew in each pass, from the inputs, but for staged ones: an expensive
// value that a later pass needs again is kept in the memory of an output (softmax: exp(x - m) in the output
// row), where no later pass reads an input that might be the same memory.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/kernel.h"

namespace leat::compiler::codegen {

struct Pass {
  std::vector<std::uint16_t> reductions;  // values
  std::vector<std::uint16_t> stores;      // outputs written in this pass
  struct Stage {
    std::uint16_t value;
    std::uint16_t output;  // whose memory holds it until the last pass
  };
  std::vector<Stage> stages;          // written in this pass; later passes load them
  std::vector<std::uint16_t> checks;  // values that nothing needs, computed for their faults
};

struct Schedule {
  std::vector<Pass> passes;
  /// Per value: the pass after which it can be known (row values), or after which it can be computed; 0: at
  /// once.
  std::vector<int> ready;
};

Schedule make_schedule(const ir::Kernel& kernel);

/// What computing `value` costs, in multiplications or so, its operands not counted.
int cost_of(const ir::Kernel& kernel, std::uint16_t value);

/// The values that `roots` need, themselves included, marked; does not look behind those that `known` marks.
std::vector<bool> needed_by(const ir::Kernel& kernel, const std::vector<std::uint16_t>& roots,
                            const std::vector<bool>& known);

}  // namespace leat::compiler::codegen
