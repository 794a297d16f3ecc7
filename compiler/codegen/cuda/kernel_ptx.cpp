#include "compiler/codegen/cuda/kernel_ptx.h"

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/raw_ostream.h>

#include <memory>

#include "compiler/codegen/cuda/gpu_emitter.h"
#include "compiler/codegen/cuda/op_emitter.h"
#include "compiler/codegen/fatal_error.h"
#include "compiler/codegen/jit.h"
#include "runtime/cuda/gpu_description.h"

namespace leat::compiler::codegen {
namespace {

// The oldest PTX that knows the architecture, so that the oldest driver that knows it takes the text.
const char* ptx_version(int sm) {
  return sm >= 89 ? "+ptx78" : sm >= 86 ? "+ptx71" : sm >= 80 ? "+ptx70" : "+ptx63";
}

enum class Result { ptx, llvm_text };

/// emit(target, module) adds the kernel.
template <class Emit>
StatusOr<std::string> generate(std::string_view arch, Result result, Emit emit) {
  const StatusOr<CodeTarget> target = gpu_target(arch);
  if (!target.ok()) return target.status();
  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = std::make_unique<llvm::Module>("kernel", *context);
  try {
    if (Status status = set_target(*module, *target); !status.ok()) return status;
    emit(*target, *module);
    if (Status status = optimize_module(*module, *target); !status.ok()) return status;
    if (result == Result::ptx) return compile_assembly(*module, *target);
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream, nullptr);
    return stream.str();
  } catch (const FatalError& error) {
    (void)module.release();
    (void)context.release();
    return Status(Code::internal, error.what());
  }
}

StatusOr<std::string> generate(const ir::Kernel& kernel, bool pairwise, std::string_view arch,
                               Result result) {
  if (const std::string complaint = ir::check(kernel); !complaint.empty()) {
    return Status(Code::invalid_argument, "malformed kernel: " + complaint);
  }
  return generate(arch, result, [&](const CodeTarget& target, llvm::Module& module) {
    pairwise ? emit_pairwise_kernel(kernel, target, module) : emit_gpu_kernel(kernel, target, module);
  });
}

StatusOr<std::string> generate(const runtime::cuda::OpKernel& kernel, std::string_view arch, Result result) {
  return generate(arch, result, [&](const CodeTarget& target, llvm::Module& module) {
    emit_op_kernel(kernel, target, module);
  });
}

}  // namespace

StatusOr<CodeTarget> gpu_target(std::string_view arch) {
  const StatusOr<runtime::cuda::GpuDescription> gpu = runtime::cuda::gpu_description(arch);
  if (!gpu.ok()) return gpu.status();
  CodeTarget target;
  target.triple = "nvptx64-nvidia-cuda";
  target.cpu = gpu->arch;
  target.features = gpu->arch == "sm_90a" ? "+ptx80" : ptx_version(gpu->sm);
  target.hardware_f16 = true;
  return target;
}

StatusOr<std::string> kernel_ptx(const ir::Kernel& kernel, std::string_view arch) {
  return generate(kernel, false, arch, Result::ptx);
}

StatusOr<std::string> kernel_gpu_llvm_text(const ir::Kernel& kernel, std::string_view arch) {
  return generate(kernel, false, arch, Result::llvm_text);
}

StatusOr<std::string> kernel_ptx(const runtime::cuda::OpKernel& kernel, std::string_view arch) {
  return generate(kernel, arch, Result::ptx);
}

StatusOr<std::string> kernel_gpu_llvm_text(const runtime::cuda::OpKernel& kernel, std::string_view arch) {
  return generate(kernel, arch, Result::llvm_text);
}

ir::Kernel pairwise_kernel(ir::Op op, DType dtype) {
  using Level = ir::Kernel::Level;
  const DType accumulator = accumulator_dtype(dtype);
  ir::Kernel kernel;
  kernel.pattern = ir::Kernel::Pattern::column_reduce;
  kernel.inputs.push_back({.kind = ir::Kernel::Input::Kind::memory,
                           .dtype = accumulator,
                           .lane_stride = ir::Kernel::Stride::one,
                           .level = Level::element,
                           .slot = 0,
                           .access = 0});
  kernel.body.push_back({op, accumulator, Level::row, 1, {0, 0, 0}, 0});
  if (dtype != accumulator) kernel.body.push_back({ir::Op::convert, dtype, Level::row, 1, {1, 0, 0}, 0});
  kernel.outputs.push_back({.value = static_cast<std::uint16_t>(kernel.value_count() - 1),
                            .lane_stride = ir::Kernel::Stride::one,
                            .slot = 1,
                            .access = 1});
  kernel.pointer_count = kernel.access_count = 2;
  return kernel;
}

StatusOr<std::string> pairwise_ptx(ir::Op op, DType dtype, std::string_view arch) {
  return generate(pairwise_kernel(op, dtype), true, arch, Result::ptx);
}

StatusOr<std::string> pairwise_gpu_llvm_text(ir::Op op, DType dtype, std::string_view arch) {
  return generate(pairwise_kernel(op, dtype), true, arch, Result::llvm_text);
}

}  // namespace leat::compiler::codegen
