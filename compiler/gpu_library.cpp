#include "compiler/gpu_library.h"

namespace leat::compiler {
namespace {

/// Why the library is not asked, or ok.
Status ask_library(const DeviceDescription& device, bool exact, DType dtype, bool nothing) {
  if (exact) return Status(Code::unimplemented, "asked for");
  if (!is_float(dtype)) return Status(Code::unimplemented, "products of integers always are");
  if (nothing) return Status(Code::unimplemented, "products of nothing always are");
  if (device.opened == nullptr)
    return Status(Code::not_found, device.name + " is not here to be asked for cuBLASLt");
  return {};
}

}  // namespace

StatusOr<std::shared_ptr<const runtime::cuda::LtMatmul>> plan_lt_matmul(
    const CompileOptions& options, runtime::DeviceId device, const runtime::cpu::MatmulDescriptor& matmul,
    runtime::cuda::LtEpilogue epilogue) {
  const DeviceDescription& on = options.devices[device];
  if (Status s = ask_library(on, matmul.exact, matmul.dtype, matmul.k == 0); !s.ok()) return s;
  return runtime::cuda::LtMatmul::Plan(*on.opened, matmul, {.tf32 = options.tf32, .epilogue = epilogue});
}

StatusOr<std::shared_ptr<const runtime::cuda::LtConvolution>> plan_lt_convolution(
    const CompileOptions& options, runtime::DeviceId device,
    const runtime::cpu::ConvolutionDescriptor& convolution) {
  const DeviceDescription& on = options.devices[device];
  bool nothing = convolution.channels == 0;
  for (const auto* extents : {&convolution.input, &convolution.kernel}) {
    for (const std::int64_t extent : *extents) nothing = nothing || extent == 0;
  }
  if (Status s = ask_library(on, convolution.exact, convolution.dtype, nothing); !s.ok()) return s;
  return runtime::cuda::LtConvolution::Plan(*on.opened, convolution, options.tf32, options.most_column_bytes);
}

}  // namespace leat::compiler
