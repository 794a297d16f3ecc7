// Estimates of what work costs on one worker, in ns. They order and split work; they never change a bit.
#pragma once

#include <string>

#include "compiler/build_kernel.h"

namespace leat::compiler {

struct KernelCost {
  double compute_ns = 0;  // in registers
  double memory_ns = 0;   // reading and writing
  double total() const { return compute_ns > memory_ns ? compute_ns : memory_ns; }
};
KernelCost estimate_kernel(const BuiltKernel& kernel);
/// Of one element of an op of a kernel, in registers.
double element_ns(ir::Op op, DType dtype);

/// The smallest range worth a task of its own: about 20 us, which is 100 times what taking a task costs
/// (measured 0.1-0.2 us by the caller, 5 us when a worker must wake).
std::int64_t grain_for(std::int64_t units, double cost_ns);

/// "950 ns", "12.5 us", "1.20 ms".
std::string time_text(double ns);

/// What compiling a kernel costs (measured 5-8 ms with LLVM 19 on Zen 4 for kernels of 8-30 ops).
inline constexpr double kCompileNs = 6e6;

}  // namespace leat::compiler
