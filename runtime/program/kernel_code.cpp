#include "runtime/program/kernel_code.h"

#include <algorithm>
#include <string>

#include "absl/container/inlined_vector.h"
#include "runtime/cpu/tile.h"

namespace leat::runtime {

namespace {

/// Of the units that are left, so many that take the tile tier about a millisecond: so soon machine code
/// takes over.
std::int64_t tile_piece(const ir::Kernel& kernel, const ir::KernelLaunch& launch, std::int64_t units_left) {
  constexpr double kPieceNs = 1e6;
  constexpr double kFewElements = 4096;  // not worth an estimate
  const double reduced = kernel.has_reduced() ? static_cast<double>(launch.sizes[kernel.parallel_rank]) : 1;
  if (static_cast<double>(units_left) * reduced <= kFewElements) return units_left;
  const double unit_ns = cpu::tile_cost_per_element(kernel) * std::max(reduced, 1.0);
  constexpr std::int64_t kWhole = 64;  // cache lines, and transposed tiles
  const auto units = static_cast<std::int64_t>(std::min(kPieceNs / std::max(unit_ns, 1e-3), 1e9));
  if (kernel.pattern == ir::Kernel::Pattern::row_reduce) return std::max<std::int64_t>(units, 1);
  return std::max(units / kWhole, std::int64_t{1}) * kWhole;
}

}  // namespace

void KernelCode::Run(const ir::KernelLaunch& launch, std::int64_t begin, std::int64_t end) const {
  for (std::int64_t piece = 0; begin < end; begin += piece) {
    if (const ir::KernelFunction compiled = function()) return compiled(&launch, begin, end);
    if (piece == 0) piece = tile_piece(kernel_, launch, end - begin);
    piece = std::min(piece, end - begin);
    cpu::run_tiles(kernel_, launch, begin, begin + piece);
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
