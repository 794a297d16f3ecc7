// From a fused body to the steps that run it: one kernel, or chunks and a pairwise join where few rows are
// reduced, or op by op where no single kernel can do it.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "compiler/build_kernel.h"
#include "compiler/compile.h"
#include "runtime/cpu/contraction.h"
#include "runtime/cuda/op_kernel.h"
#include "runtime/program/kernel_code.h"
#include "runtime/program/program.h"

namespace leat::runtime::cuda {
class LtMatmul;  // runtime/cuda/lt_matmul.h
}
namespace leat::compiler {

class KernelLowering {
 public:
  KernelLowering(runtime::Program& program, const ir::Graph& origin, const CompileOptions& options,
                 CodeCache& code)
      : program_(program), origin_(origin), options_(options), code_(code) {}

  /// Appends steps that compute `body` from the buffers `inputs` (of its parameters) into `outputs`.
  Status Lower(const ir::Graph& body, std::span<const std::uint32_t> inputs,
               std::span<const std::uint32_t> outputs);

  /// From now on steps are on this device.
  void SetDevice(runtime::DeviceId device) { device_ = device; }
  bool on_gpu(runtime::DeviceId device) const {
    return device < options_.devices.size() && options_.devices[device].gpu.has_value();
  }
  /// A step that copies a buffer to one on another device, one of which is a GPU.
  void AddGpuCopy(std::uint32_t from, std::uint32_t to, std::uint32_t source);

  /// The buffer, or a copy of it, on a device, where one of the two is a GPU.
  std::uint32_t Here(std::uint32_t buffer, runtime::DeviceId device, std::uint32_t source);
  /// Appends the step of an op with code of its own on the GPU at hand.
  Status AddGpuOp(const ir::Node& node, runtime::cuda::OpPlan plan, std::span<const std::uint32_t> operands,
                  std::span<const std::uint32_t> results, std::uint32_t source);
  /// Appends the step of a product on the GPU at hand: by cuBLASLt where that does it, else by our own
  /// kernel, which says why.
  Status AddGpuMatmul(const ir::Node& node, const runtime::cpu::MatmulDescriptor& matmul,
                      std::span<const std::uint32_t> operands, std::uint32_t result, std::uint32_t source);
  /// Appends the step of a product by cuBLASLt. `operands`: x, y, and the bias and the residual that it has;
  /// `sources`: of the product, and of what else it does.
  void AddLtMatmul(const ir::Node& node, std::shared_ptr<const runtime::cuda::LtMatmul> plan,
                   std::span<const std::uint32_t> operands, std::uint32_t result,
                   std::vector<std::uint32_t> sources);

  /// The same of a convolution. REQUIRES: `node` is one of the graph.
  Status AddGpuConvolution(const ir::Node& node, std::span<const std::uint32_t> operands,
                           std::uint32_t result, std::uint32_t source);

  /// Asks for machine code, as the tier says, for the kernels of the steps that are still there: some have
  /// become a part of others.
  Status RequestMachineCode();

  /// A source for a node; `graph` holds the types of its operands.
  std::uint32_t AddSource(const ir::Graph& graph, const ir::Node& node);
  std::uint32_t AddTemporary(const ir::Type& type);

 private:
  /// A step on the GPU at hand, without its body.
  runtime::Step GpuStep(const ir::Node& node, std::span<const std::uint32_t> operands,
                        std::span<const std::uint32_t> results, std::uint32_t source,
                        std::int64_t scratch_bytes);
  Status LowerOpByOp(const ir::Graph& body, std::span<const std::uint32_t> inputs,
                     std::span<const std::uint32_t> outputs);
  std::uint32_t AddOn(runtime::DeviceId device, const ir::Type& type);
  void LowerOp(const ir::Graph& body, const ir::Node& node, std::span<const std::uint32_t> operands,
               std::uint32_t result);
  Status AddKernel(const BuiltKernel& built, const ir::Graph& body, const std::string& name,
                   const std::vector<std::uint32_t>& memory_inputs,
                   const std::vector<std::uint32_t>& outputs);
  Status AddSplit(const struct SplitReduction& split, const BuiltKernel& built, const ir::Graph& body,
                  const std::string& name, const std::vector<std::uint32_t>& memory_inputs,
                  std::span<const std::uint32_t> outputs);

  runtime::Program& program_;
  const ir::Graph& origin_;  // has the locations
  const CompileOptions& options_;
  CodeCache& code_;
  struct Request {
    std::weak_ptr<const runtime::KernelStep> step;
    double cost_ns;
  };
  std::vector<Request> requests_;
  ir::Type last_type_;  // of a signature, and how it is printed
  std::string last_type_text_;
  runtime::DeviceId device_ = 0;
  std::map<std::pair<std::uint32_t, runtime::DeviceId>, std::uint32_t> copies_;
};

}  // namespace leat::compiler
