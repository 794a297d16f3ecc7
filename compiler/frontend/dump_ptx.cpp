#include "compiler/frontend/dump_ptx.h"

#include <map>
#include <set>

#include "compiler/attach_epilogues.h"
#include "compiler/codegen/cuda/gpu_plan.h"
#include "compiler/codegen/cuda/kernel_ptx.h"
#include "runtime/cpu/node_step.h"
#include "runtime/cuda/gpu_steps.h"
#include "runtime/cuda/op_plan.h"
#include "runtime/program/kernel_code.h"

namespace leat::frontend {
namespace {

using compiler::codegen::kernel_ptx;
using runtime::cuda::GpuDescription;
using runtime::cuda::LaunchGeometry;
using runtime::cuda::OpPlan;
using runtime::cuda::ParameterLayout;

std::string describe_launch(const LaunchGeometry& launch, std::int64_t parameter_bytes,
                            const GpuDescription& gpu) {
  std::string text = "// launch on " + gpu.arch + " with " + std::to_string(gpu.multiprocessors) +
                     " multiprocessors: " + std::to_string(launch.blocks) + " blocks of " +
                     std::to_string(launch.threads) + " threads, " + std::to_string(launch.shared_bytes) +
                     " bytes of shared memory; parameters: " + std::to_string(parameter_bytes) + " bytes ";
  return text + (parameter_bytes <= ParameterLayout::kLargestByValue ? "by value" : "in device memory") +
         "\n";
}

std::string describe_launch(const LaunchGeometry& launch, const ir::Kernel& kernel,
                            const GpuDescription& gpu) {
  return describe_launch(launch, ParameterLayout(kernel).bytes(), gpu);
}

/// The PTX of a step's code, which may have been made machine code of.
StatusOr<std::string> ptx_of_code(const runtime::cuda::GpuCode& code, std::string_view arch) {
  constexpr std::string_view kCubin = "\x7f\x45LF";
  if (!code.image().starts_with(kCubin)) return code.image();
  const ir::Kernel& kernel = code.kernel();
  switch (code.order()) {
    case runtime::cuda::GpuCode::Order::kernel: return kernel_ptx(kernel, arch);
    case runtime::cuda::GpuCode::Order::op: return kernel_ptx(code.op(), arch);
    case runtime::cuda::GpuCode::Order::pairwise: break;
  }
  return compiler::codegen::pairwise_ptx(kernel.body[0].op, kernel.dtype(kernel.outputs[0].value), arch);
}

/// The plan of an op that is not a loop kernel.
StatusOr<OpPlan> plan_of(const runtime::StepBody& body, const GpuDescription& gpu) {
  if (const auto* op = dynamic_cast<const runtime::cpu::NodeStep*>(&body))
    return runtime::cuda::plan_op(op->node(), op->operand_types(), gpu);
  if (const auto* matmul = dynamic_cast<const runtime::cpu::MatmulStep*>(&body))
    return runtime::cuda::plan_exact_matmul(matmul->descriptor(), gpu);
  return Status(Code::unimplemented, std::string(body.kind()));
}

/// Its launches one after another; `printed` has the kernels whose code stands further up.
StatusOr<std::string> launches_text(const OpPlan& plan, const GpuDescription& gpu,
                                    std::set<std::string>& printed) {
  std::string text;
  if (plan.scratch_bytes > 0)
    text += "// " + std::to_string(plan.scratch_bytes) + " bytes of scratch memory\n";
  for (const runtime::cuda::OpLaunch& launch : plan.launches) {
    const std::string name = runtime::cuda::print(launch.kernel);
    text += "// " + name + "\n" + describe_launch(launch.geometry, 8 * launch.kernel.words(), gpu);
    if (!printed.insert(name).second) continue;
    const StatusOr<std::string> ptx = kernel_ptx(launch.kernel, gpu.arch);
    if (!ptx.ok()) return ptx.status();
    text += *ptx;
  }
  return text;
}

/// What a step on a GPU launches, for the architecture of that GPU.
std::string launched_text(const runtime::StepBody& body,
                          std::map<const runtime::cuda::GpuCode*, std::string>& printed,
                          const std::string& name, std::string_view arch) {
  std::string text = "// " + body.ToString() + "\n";
  for (const auto& code : runtime::cuda::launched_codes(body)) {
    const auto [known, first] = printed.emplace(code.get(), name);
    if (first) {
      const StatusOr<std::string> ptx = ptx_of_code(*code, arch);
      text += ptx.ok() ? *ptx : "// none: " + ptx.status().message() + "\n";
    } else if (known->second != name) {
      text += "// the kernel of " + known->second + "\n";
    }
  }
  return text;
}

/// The last step of a split reduction; its op and sizes are those of its buffers.
StatusOr<std::string> pairwise_text(const NamedStep& named, const GpuDescription& gpu) {
  const runtime::Step& step = *named.step;
  const ir::Type& partials = named.program->buffers[step.uses[0].buffer].type;
  const DType dtype = named.program->buffers[step.uses[1].buffer].type.dtype;
  const std::optional<ir::Op> op = ir::find_op(step.name);
  if (!op || partials.shape.rank() != 2) return Status(Code::internal, "a pairwise step of no reduction");
  StatusOr<std::string> ptx = compiler::codegen::pairwise_ptx(*op, dtype, gpu.arch);
  if (!ptx.ok()) return ptx.status();
  const Shape& shape = partials.shape;
  const LaunchGeometry launch = compiler::codegen::pairwise_geometry(shape[0], shape[1], gpu);
  return describe_launch(launch, compiler::codegen::pairwise_kernel(*op, dtype), gpu) + *ptx;
}

}  // namespace

StatusOr<std::vector<CodeText>> ptx_of(const std::vector<NamedStep>& steps, std::string_view arch) {
  const StatusOr<GpuDescription> gpu = runtime::cuda::gpu_description(arch);
  if (!gpu.ok()) return gpu.status();
  std::vector<CodeText> parts;
  std::map<const runtime::KernelCode*, std::string> printed;
  std::map<const runtime::cuda::GpuCode*, std::string> printed_launches;
  std::set<std::string> printed_ops;
  for (const NamedStep& named : steps) {
    CodeText part{named.name, ""};
    const auto* kernel_step = dynamic_cast<const runtime::KernelStep*>(named.body);
    if (kernel_step != nullptr) {
      const ir::Kernel& kernel = kernel_step->code()->kernel();
      const LaunchGeometry launch =
          compiler::codegen::launch_geometry(kernel, kernel_step->arguments().sizes, *gpu);
      part.text = describe_launch(launch, kernel, *gpu);
      const auto [known, first] = printed.emplace(kernel_step->code().get(), named.name);
      if (first) {
        const StatusOr<std::string> ptx = kernel_ptx(kernel, arch);
        if (!ptx.ok()) return ptx.status();
        part.text += *ptx;
      } else {
        part.text += "// the kernel of " + known->second + "\n";
      }
    } else if (!runtime::cuda::launched_codes(*named.body).empty()) {
      part.text = launched_text(*named.body, printed_launches, named.name, arch);
    } else if (named.body->kind() == "pairwise") {
      StatusOr<std::string> text = pairwise_text(named, *gpu);
      if (!text.ok()) return text.status();
      part.text = *std::move(text);
    } else {
      const StatusOr<OpPlan> plan = plan_of(compiler::contraction_of(*named.body), *gpu);
      if (plan.ok()) {
        StatusOr<std::string> text = launches_text(*plan, *gpu, printed_ops);
        if (!text.ok()) return text.status();
        part.text = *std::move(text);
      } else {
        part.text = "// no PTX: " + plan.status().message() + "\n";
      }
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace leat::frontend
