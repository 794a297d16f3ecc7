#include "compiler/compile.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/attach_epilogues.h"
#include "compiler/lower_graph.h"
#include "compiler/pipeline.h"
#include "compiler/plan_memory.h"
#include "ir/verifier.h"
#include "runtime/cuda/gpu_steps.h"
#include "runtime/program/kernel_code.h"

namespace leat::compiler {

DeviceDescription describe_gpu_device(int number, const runtime::cuda::GpuDescription& gpu) {
  DeviceDescription device;
  device.name = "gpu:" + std::to_string(number);
  device.workers = gpu.multiprocessors;
  // One GFLOP/s is one operation in a ns.
  device.flops_per_ns = static_cast<double>(gpu.f32_gflops) / std::max(1, gpu.multiprocessors);
  device.most_bytes_per_ns = static_cast<double>(gpu.memory_gb_per_s);
  device.bytes_per_ns = device.most_bytes_per_ns / std::max(1, gpu.multiprocessors);
  device.launch_ns = 4000;
  // A worker fills and empties pinned blocks beside the transfers (runtime/cuda/gpu_copy_step.cpp).
  device.copy_bytes_per_ns = std::min(static_cast<double>(gpu.copy_gb_per_s), device.copy_bytes_per_ns);
  device.copy_latency_ns = 10'000;
  device.gpu = gpu;
  return device;
}

namespace {

// More than any address space; sums of sizes and estimates, scratch included, stay far from overflow.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 60;

Status check_bytes(const ir::Graph& graph) {
  std::int64_t left = kMostBytes;
  for (const ir::Node& node : graph.nodes) {
    for (const ir::Type& type : node.results) {
      left -= std::min(left, byte_size(type));
    }
  }
  if (left > 0) return {};
  return Status(Code::resource_exhausted,
                absl::StrCat("the values of @", graph.name, " have more than 2^60 bytes"));
}

}  // namespace

StatusOr<std::shared_ptr<const runtime::Program>> compile(const ir::Graph& graph,
                                                          const CompileOptions& options, CodeCache& code) {
  if (graph.has_symbols()) {
    return Status(Code::failed_precondition,
                  absl::StrCat("graph @", graph.name, " has symbolic dimensions; bind them first"));
  }
  if (Status s = ir::verify(graph); !s.ok()) return s;
  if (Status s = check_bytes(graph); !s.ok()) return s;
  const StatusOr<ir::Graph> fused = run_pipeline(graph, options);
  if (!fused.ok()) return fused.status();
  StatusOr<runtime::Program> program = lower_graph(*fused, options, code);
  if (!program.ok()) return program.status();
  MemoryOptions memory;
  memory.workers = options.devices.empty() ? 1 : options.devices[0].workers;
  memory.reuse = options.reuse_memory;
  memory.reuse_from_bytes = options.reuse_from_bytes;
  plan_memory(*program, memory);
  if (options.device_graphs) runtime::cuda::plan_graphs(*program);
  runtime::cuda::plan_streams(*program);
  if (Status s = program->Finish(); !s.ok()) return s;
  return std::shared_ptr<const runtime::Program>(std::make_shared<runtime::Program>(*std::move(program)));
}

void request_machine_code(const runtime::Program& program, CodeCache& code) {
  for (const runtime::Step& step : program.steps) {
    if (!step.body) continue;
    const runtime::StepBody* const epilogue = epilogue_of(*step.body);
    const runtime::StepBody& body = epilogue != nullptr ? *epilogue : *step.body;
    if (body.kind() != "kernel") continue;
    const auto& kernel = static_cast<const runtime::KernelStep&>(body);
    if (!kernel.code()->compiled()) code.Compile(kernel.code());
  }
}

}  // namespace leat::compiler
