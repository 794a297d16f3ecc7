#include "runtime/program/kernel_code.h"

#include <string>

#include "absl/container/inlined_vector.h"
#include "runtime/cpu/tile.h"

namespace leat::runtime {

void KernelCode::Run(const ir::KernelLaunch& launch, std::int64_t begin, std::int64_t end) const {
  if (const ir::KernelFunction compiled = function()) {
    compiled(&launch, begin, end);
  } else {
    cpu::run_tiles(kernel_, launch, begin, end);
  }
}

void KernelCode::Publish(ir::KernelFunction function, std::shared_ptr<const void> owner) {
  owner_ = std::move(owner);
  function_.store(function, std::memory_order_release);
}

Status KernelStep::Execute(StepContext& context, std::int64_t begin, std::int64_t end) const {
  // Inline room for more flags than the fusion's cap on ops lets a kernel have.
  absl::InlinedVector<std::uint32_t, 64> flags(arguments_.faults.size(), 0);
  const ir::KernelLaunch launch{.sizes = arguments_.sizes.data(),
                                .accesses = arguments_.accesses.data(),
                                .pointers = context.pointers,
                                .scalars = arguments_.scalars.data(),
                                .faults = flags.data()};
  code_->Run(launch, begin, end);
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] == 0) continue;
    const Fault& fault = arguments_.faults[i];
    for (std::uint32_t use : fault.uses) context.Poison(use, fault.status, fault.source);
  }
  return {};
}

bool KernelStep::Depends(std::size_t write, std::size_t read) const {
  return ir::reads(code_->kernel(), write, read);
}

std::string KernelStep::ToString() const {
  const ir::Kernel& kernel = code_->kernel();
  std::string text = kernel.pattern == ir::Kernel::Pattern::map          ? "map"
                     : kernel.pattern == ir::Kernel::Pattern::row_reduce ? "row_reduce"
                                                                         : "column_reduce";
  text += " [";
  for (int d = 0; d < kernel.rank(); ++d) {
    if (d > 0) text += d == kernel.parallel_rank ? " x " : ",";
    text += std::to_string(arguments_.sizes[static_cast<std::size_t>(d)]);
  }
  text += "]";
  for (const ir::Kernel::Instruction& instruction : kernel.body) {
    text += ' ';
    text += ir::name(instruction.op);
  }
  return text;
}

}  // namespace leat::runtime
