#include "compiler/cost_model.h"

#include <algorithm>
#include <cstdio>

namespace leat::compiler {

double element_ns(ir::Op op, DType dtype) {
  const ir::OpInfo& info = ir::op_info(op);
  if (info.is(ir::kFaults) && is_int(dtype)) return 2.0;  // integer division is scalar
  // Measured with 8 lanes (notes/numerics.md): arithmetic about 0.1 ns an element, exp 0.3, erf 0.7, sin 0.6.
  return info.is(ir::kTranscendental) ? 0.6 : op == ir::Op::random_bits ? 2.0 : 0.1;
}

KernelCost estimate_kernel(const BuiltKernel& built) {
  const ir::Kernel& kernel = built.kernel;
  const auto elements = static_cast<double>(built.elements());
  const auto rows = static_cast<double>(built.parallel_elements());
  KernelCost cost;
  for (const ir::Kernel::Instruction& instruction : kernel.body) {
    cost.compute_ns += element_ns(instruction.op, instruction.dtype) *
                       (instruction.level == ir::Kernel::Level::element ? elements : rows);
  }
  double bytes = 0;
  auto touch = [&](DType dtype, ir::Kernel::Level level, ir::Kernel::Stride stride) {
    const double n = level == ir::Kernel::Level::row && kernel.has_reduced() ? rows : elements;
    // A strided access fetches whole cache lines, of which neighbours in other rows use some.
    const double waste = stride == ir::Kernel::Stride::any ? 4 : stride == ir::Kernel::Stride::zero ? 0 : 1;
    bytes += n * waste * static_cast<double>(byte_size(dtype));
  };
  for (const ir::Kernel::Input& input : kernel.inputs) {
    if (input.kind == ir::Kernel::Input::Kind::memory) touch(input.dtype, input.level, input.lane_stride);
  }
  for (const ir::Kernel::Output& output : kernel.outputs) {
    touch(kernel.dtype(output.value), kernel.level(output.value), output.lane_stride);
  }
  cost.memory_ns = bytes / 10.0;  // 10 GB/s a worker from memory, the slow case
  return cost;
}

std::int64_t grain_for(std::int64_t units, double cost_ns) {
  if (units <= 1 || cost_ns <= 0) return std::max<std::int64_t>(units, 1);
  constexpr double kTaskNs = 20e3;
  const double grain = kTaskNs * static_cast<double>(units) / cost_ns;
  if (grain >= static_cast<double>(units)) return units;
  return std::max<std::int64_t>(static_cast<std::int64_t>(grain), 1);
}

std::string time_text(double ns) {
  static constexpr const char* kUnits[] = {"ns", "us", "ms", "s"};
  std::size_t u = 0;
  for (; ns >= 999.5 && u + 1 < std::size(kUnits); ++u) ns /= 1000;
  char text[32];
  std::snprintf(text, sizeof text,
                ns >= 99.95 || u == 0 ? "%.0f %s"
                : ns >= 9.995         ? "%.1f %s"
                                      : "%.2f %s",
                ns, kUnits[u]);
  return text;
}

}  // namespace leat::compiler
