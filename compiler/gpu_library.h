// The library of contractions of a GPU, as plans ask it.
#pragma once

#include <memory>

#include "compiler/compile.h"
#include "runtime/cpu/contraction.h"
#include "runtime/cuda/lt_convolution.h"

namespace leat::compiler {

/// cuBLASLt's plan of a product on a GPU. not_found or unimplemented where our own kernel does it, and why:
/// exact contractions were asked for, the library is not there or does not do this one. Any other error is
/// one of the device. REQUIRES: the result has elements.
StatusOr<std::shared_ptr<const runtime::cuda::LtMatmul>> plan_lt_matmul(
    const CompileOptions& options, runtime::DeviceId device, const runtime::cpu::MatmulDescriptor& matmul,
    runtime::cuda::LtEpilogue epilogue = {});
/// The same of a convolution.
StatusOr<std::shared_ptr<const runtime::cuda::LtConvolution>> plan_lt_convolution(
    const CompileOptions& options, runtime::DeviceId device,
    const runtime::cpu::ConvolutionDescriptor& convolution);

}  // namespace leat::compiler
