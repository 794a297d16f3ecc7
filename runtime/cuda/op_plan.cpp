#include "runtime/cuda/op_plan.h"

#include <algorithm>

#include "runtime/cuda/op_planner.h"

namespace leat::runtime::cuda {

OpPointer OpPlanner::Scratch(std::int64_t bytes) {
  const OpPointer pointer{OpPointer::kScratch, plan_.scratch_bytes};
  plan_.scratch_bytes += (bytes + kOpAlignment - 1) / kOpAlignment * kOpAlignment;
  return pointer;
}

std::int64_t OpPlanner::WordElements(std::initializer_list<std::int64_t> counts) const {
  std::int64_t word = 16 / element_bytes();
  for (std::int64_t count : counts) {
    while (count % word != 0) word /= 2;
  }
  return word;
}

OpKernel OpPlanner::MoveKernel(Code code, std::int64_t word_elements) const {
  // Bytes are bytes: one code for all elements of a size.
  OpKernel kernel;
  kernel.code = code;
  kernel.dtype = DType::u8;
  kernel.second = DType::i64;
  kernel.word = static_cast<std::uint8_t>(word_elements * element_bytes());
  return kernel;
}

void OpPlanner::Launch(OpKernel kernel, Numbers numbers, std::vector<OpPointer> pointers, std::int64_t work,
                       std::int64_t shared) {
  const int threads = threads_of(kernel);
  LaunchBlocks(kernel, std::move(numbers), std::move(pointers), (work + threads - 1) / threads, shared);
}

void OpPlanner::LaunchBlocks(OpKernel kernel, Numbers numbers, std::vector<OpPointer> pointers,
                             std::int64_t blocks, std::int64_t shared) {
  if (blocks == 0) return;
  kernel.numbers = static_cast<std::uint16_t>(numbers.size());
  kernel.pointers = static_cast<std::uint16_t>(pointers.size());
  const int threads = threads_of(kernel);
  LaunchGeometry geometry;
  geometry.threads = static_cast<std::uint32_t>(threads);
  geometry.shared_bytes = static_cast<std::uint32_t>(shared);
  geometry.blocks = blocks_of_grid(blocks, threads, shared, gpu_);
  plan_.launches.push_back({kernel, geometry, std::move(numbers), std::move(pointers)});
}

StatusOr<OpPlan> OpPlanner::Plan() {
  using ir::Op;
  const ir::OpInfo& info = ir::op_info(node_.op);
  plan_.faults = info.is(ir::kFaults);
  const auto missing = [&](const char* what) {
    return Status(leat::Code::unimplemented,
                  std::string(ir::name(node_.op)) + what + " has no code for a GPU");
  };
  // Whatever the results are, it has to happen.
  if (info.family == ir::Family::control || info.is(ir::kEffect)) return missing("");
  if (std::all_of(node_.results.begin(), node_.results.end(),
                  [](const ir::Type& type) { return type.shape.num_elements() == 0; })) {
    return std::move(plan_);
  }
  if (node_.op == Op::dynamic_slice || node_.op == Op::dynamic_update_slice) {
    for (std::size_t i = operands_.size() - shape(0).size(); i < operands_.size(); ++i) {
      if (operands_[i].dtype != operands_.back().dtype) return missing(" with starts of several dtypes");
    }
  }
  const bool sorts =
      info.family == ir::Family::sorting || node_.op == Op::scatter_elements || node_.op == Op::scatter_nd;
  for (const ir::Type& type : operands_) {
    // Sorted indices have 32 bits.
    if (sorts && type.shape.num_elements() >= std::int64_t{1} << 32)
      return missing(" of 2^32 elements or more");
  }
  switch (node_.op) {
    case Op::gather: PlanGather(); break;
    case Op::gather_elements: PlanGatherElements(); break;
    case Op::gather_nd: PlanGatherNd(); break;
    case Op::pad: PlanPad(); break;
    case Op::concat: PlanConcat(); break;
    case Op::dynamic_slice: PlanDynamicSlice(); break;
    case Op::dynamic_update_slice: PlanDynamicUpdateSlice(); break;
    case Op::reduce_window: PlanWindow(); break;
    case Op::cumulative_sum:
    case Op::cumulative_prod:
    case Op::cumulative_max:
    case Op::cumulative_min: PlanCumulative(); break;
    case Op::arg_max:
    case Op::arg_min: PlanArgReduce(); break;
    case Op::sort: PlanSort(); break;
    case Op::top_k: PlanTopK(); break;
    case Op::scatter_elements:
    case Op::scatter_nd: PlanScatter(); break;
    case Op::dot_general:
      if (Status s = PlanDot(); !s.ok()) return s;
      break;
    case Op::convolution:
      if (Status s = PlanConvolution(); !s.ok()) return s;
      break;
    case Op::attention: PlanAttention(); break;
    default: return missing("");
  }
  return std::move(plan_);
}

StatusOr<OpPlan> plan_op(const ir::Node& node, std::span<const ir::Type> operands,
                         const GpuDescription& gpu) {
  return OpPlanner(node, operands, gpu).Plan();
}

}  // namespace leat::runtime::cuda
