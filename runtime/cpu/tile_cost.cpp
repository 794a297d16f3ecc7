#include <algorithm>

#include "runtime/cpu/tile.h"
#include "runtime/cpu/tile_loops.h"

namespace leat::runtime::cpu {
namespace {

/// ns per element of one instruction with AVX2 on a Zen 3 core at 2.4 GHz, tiles in L1 (f32; other dtypes in
/// proportion to their width). The baseline is three times slower, transcendentals ten times.
double instruction_cost(const ir::Kernel::Instruction& instruction, bool baseline) {
  const bool integer = !is_float(instruction.dtype);
  const bool half = instruction.dtype == DType::f16 || instruction.dtype == DType::bf16;
  const double width =
      half ? 1.5 : std::max<double>(1, static_cast<double>(byte_size(instruction.dtype)) / 4);
  const ir::OpInfo& info = ir::op_info(instruction.op);
  if (instruction.op == ir::Op::random_bits) return 3.0 * width;
  if (integer && (instruction.op == ir::Op::div || instruction.op == ir::Op::rem)) return 2.0;
  if (info.is(ir::kTranscendental)) return (baseline ? 10.0 : 1.0) * width;
  return (baseline ? 0.3 : 0.1) * width;
}

}  // namespace

double tile_cost_per_element(const ir::Kernel& kernel) {
  const bool baseline = &host_tile_loops() == &baseline_tile_loops();
  double cost = 0.05 * static_cast<double>(kernel.outputs.size());
  for (const ir::Kernel::Input& input : kernel.inputs) {
    if (input.level == ir::Kernel::Level::element && input.kind == ir::Kernel::Input::Kind::memory) {
      cost += input.lane_stride == ir::Kernel::Stride::any ? 0.6 : 0.05;
    }
  }
  for (const ir::Kernel::Instruction& instruction : kernel.body) {
    const bool reduction = ir::op_info(instruction.op).family == ir::Family::reduce;
    if (reduction || instruction.level == ir::Kernel::Level::element) {
      cost += instruction_cost(instruction, baseline);
    }
  }
  return cost;
}

}  // namespace leat::runtime::cpu
