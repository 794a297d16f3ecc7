// oneDNN behind one adapter: onednn.cpp is the only file that includes it.
//
// Debian's oneDNN is an OpenMP build. Each primitive is created and executed under one OpenMP thread (the
// caller's setting is read before and restored after); the parallelism is our panels. Plans hold the
// primitives; scratchpads belong to the calling thread. Any number of threads execute one plan at once.
#pragma once

#include <optional>

#include "runtime/cpu/contraction.h"
#include "runtime/cpu/micro_kernel.h"

namespace leat::runtime::cpu {

/// Nothing where oneDNN has no primitive for the descriptor (a dtype, strides).
std::optional<ContractionPlan> plan_onednn_matmul(const MatmulDescriptor& descriptor, Isa isa);
std::optional<ContractionPlan> plan_onednn_convolution(const ConvolutionDescriptor& descriptor, Isa isa);
/// What its kernels work on. `wanted` is left to the caller, who knows the other engines.
ConvolutionLayouts onednn_convolution_layouts(const ConvolutionDescriptor& descriptor, Isa isa);

}  // namespace leat::runtime::cpu
