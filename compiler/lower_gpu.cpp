// The steps of a GPU: copies, ops with code of their own, and products by its library.
#include "absl/strings/str_cat.h"
#include "compiler/device_cost.h"
#include "compiler/gpu_library.h"
#include "compiler/lower_kernel.h"
#include "compiler/passes/convolution_form.h"
#include "runtime/cuda/gpu_steps.h"
#include "runtime/cuda/op_plan.h"

namespace leat::compiler {

using ir::Value;
using runtime::BufferInfo;
using runtime::Step;

void KernelLowering::AddGpuCopy(std::uint32_t from, std::uint32_t to, std::uint32_t source) {
  const runtime::DeviceId a = program_.buffers[from].device, b = program_.buffers[to].device;
  runtime::cuda::CopyCost copy =
      runtime::cuda::make_gpu_copy_step(a, on_gpu(a), b, on_gpu(b), program_.buffers[from].bytes);
  Step step;
  step.name = "copy";
  step.device = runtime::cuda::device_of_copy(*copy.body);
  step.body = std::move(copy.body);
  step.cost_ns = copy.cost_ns;
  step.sources = {source};
  step.uses = {{from, false}, {to, true}};
  program_.steps.push_back(std::move(step));
}

std::uint32_t KernelLowering::Here(std::uint32_t buffer, runtime::DeviceId device, std::uint32_t source) {
  const BufferInfo& info = program_.buffers[buffer];
  if (info.device == device || (!on_gpu(info.device) && !on_gpu(device))) return buffer;
  const auto [known, first] = copies_.emplace(std::pair(buffer, device), 0);
  if (first) {
    known->second = AddOn(device, ir::Type(info.type));
    AddGpuCopy(buffer, known->second, source);
  }
  return known->second;
}

Step KernelLowering::GpuStep(const ir::Node& node, std::span<const std::uint32_t> operands,
                             std::span<const std::uint32_t> results, std::uint32_t source,
                             std::int64_t scratch_bytes) {
  Step step;
  step.name = std::string(name(node.op));
  step.device = device_;
  step.sources = {source};
  for (std::uint32_t b : operands) step.uses.push_back({Here(b, device_, source), false});
  for (std::uint32_t b : results) step.uses.push_back({b, true});
  double bytes = 0;
  for (const runtime::Use& use : step.uses) bytes += static_cast<double>(program_.buffers[use.buffer].bytes);
  step.cost_ns = memory_ns(bytes, options_.devices[device_]);
  if (scratch_bytes > 0) step.uses.push_back({AddTemporary({DType::u8, Shape{scratch_bytes}}), true});
  return step;
}

Status KernelLowering::AddGpuOp(const ir::Node& node, runtime::cuda::OpPlan plan,
                                std::span<const std::uint32_t> operands,
                                std::span<const std::uint32_t> results, std::uint32_t source) {
  std::vector<std::shared_ptr<const runtime::cuda::GpuCode>> codes;
  for (const runtime::cuda::OpLaunch& launch : plan.launches) {
    auto code = code_.GetGpuOp(launch.kernel, *options_.devices[device_].gpu);
    if (!code.ok()) return code.status().WithNote("for " + options_.devices[device_].name);
    codes.push_back(*std::move(code));
  }
  Step step = GpuStep(node, operands, results, source, plan.scratch_bytes);
  step.cost_ns += options_.devices[device_].launch_ns * static_cast<double>(plan.launches.size());
  Status fault(Code::out_of_range, absl::StrCat(step.name, ": an index is out of range"));
  step.body = runtime::cuda::make_op_launch_step(device_, std::move(plan), std::move(codes), operands.size(),
                                                 results.size(), std::move(fault));
  program_.steps.push_back(std::move(step));
  return {};
}

Status KernelLowering::AddGpuMatmul(const ir::Node& node, const runtime::cpu::MatmulDescriptor& d,
                                    std::span<const std::uint32_t> operands, std::uint32_t result,
                                    std::uint32_t source) {
  auto plan = plan_lt_matmul(options_, device_, d);
  if (plan.ok()) {
    AddLtMatmul(node, *std::move(plan), operands, result, {source});
    return {};
  }
  if (plan.status().code() != Code::not_found && plan.status().code() != Code::unimplemented)
    return plan.status();
  runtime::cuda::OpPlan exact = runtime::cuda::plan_exact_matmul(d, *options_.devices[device_].gpu);
  exact.note = "exact: " + plan.status().message();
  return AddGpuOp(node, std::move(exact), operands, {&result, 1}, source);
}

void KernelLowering::AddLtMatmul(const ir::Node& node, std::shared_ptr<const runtime::cuda::LtMatmul> plan,
                                 std::span<const std::uint32_t> operands, std::uint32_t result,
                                 std::vector<std::uint32_t> sources) {
  const std::string epilogue = plan->epilogue().ToString();
  runtime::cuda::LtStepPlan made = runtime::cuda::make_lt_matmul_step(device_, std::move(plan));
  Step step = GpuStep(node, operands, {&result, 1}, sources[0], made.scratch_bytes);
  if (!epilogue.empty()) step.name += "+" + epilogue;
  step.sources = std::move(sources);
  step.body = std::move(made.body);
  step.cost_ns += options_.devices[device_].launch_ns;
  program_.steps.push_back(std::move(step));
}

Status KernelLowering::AddGpuConvolution(const ir::Node& node, std::span<const std::uint32_t> operands,
                                         std::uint32_t result, std::uint32_t source) {
  const DeviceDescription& device = options_.devices[device_];
  runtime::cpu::ConvolutionDescriptor d = describe_convolution(origin_, node);
  d.exact = options_.exact_contractions;
  auto plan = plan_lt_convolution(options_, device_, d);
  if (plan.ok()) {
    std::shared_ptr<const runtime::cuda::GpuCode> code;
    const double column_bytes = static_cast<double>((*plan)->column_bytes());
    if (const runtime::cuda::OpLaunch* launch = (*plan)->columns((*plan)->images())) {
      auto made = code_.GetGpuOp(launch->kernel, *device.gpu);
      if (!made.ok()) return made.status().WithNote("for " + device.name);
      code = *std::move(made);
    }
    const auto times = static_cast<double>((d.batch + (*plan)->images() - 1) / (*plan)->images());
    runtime::cuda::LtStepPlan made =
        runtime::cuda::make_lt_convolution_step(device_, *std::move(plan), std::move(code));
    Step step = GpuStep(node, operands, {&result, 1}, source, made.scratch_bytes);
    step.body = std::move(made.body);
    step.cost_ns += times * (2 * device.launch_ns + 2 * memory_ns(column_bytes, device));
    program_.steps.push_back(std::move(step));
    return {};
  }
  if (plan.status().code() != Code::not_found && plan.status().code() != Code::unimplemented)
    return plan.status();
  std::vector<ir::Type> types;
  for (Value v : node.inputs) types.push_back(origin_.type(v));
  auto exact = runtime::cuda::plan_op(node, types, *device.gpu);
  if (!exact.ok()) return exact.status();
  exact->note = "exact: " + plan.status().message();
  return AddGpuOp(node, *std::move(exact), operands, {&result, 1}, source);
}

}  // namespace leat::compiler
