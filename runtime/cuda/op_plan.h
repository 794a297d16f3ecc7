// From an op to its launches on a GPU: which kernels, how large, over what scratch memory.
//
// Pure functions of the op, its types and the device; no GPU and no code generation. What a plan computes has
// the interpreter's bits (ir/interpreter.h), in whatever order its threads run.
//
//   StatusOr<OpPlan> plan = plan_op(node, operand_types, *gpu_description("sm_90"));
#pragma once

#include "ir/graph.h"
#include "leat/status.h"
#include "runtime/cpu/contraction.h"
#include "runtime/cuda/gpu_description.h"
#include "runtime/cuda/op_kernel.h"

namespace leat::runtime::cuda {

/// out[b,m,n] = sum over k of x[b,m,k] * y[b,k,n], exactly; uses: x, y, out. The descriptor's strides are
/// taken as they are; `exact` and `y_is_constant` say nothing here.
OpPlan plan_exact_matmul(const cpu::MatmulDescriptor& descriptor, const GpuDescription& gpu);

/// out[b, c, taps..., positions...] = what the tap reads of x[b, c] for the position, 0 beside x; uses: x,
/// out. REQUIRES: no input dilation, dense arrays, an x with elements.
OpPlan plan_im2col(const cpu::ConvolutionDescriptor& descriptor, const GpuDescription& gpu);

/// unimplemented, with a reason, where the op has no device code: control ops, blocked layouts, and lines or
/// updates of 2^32 elements and more. REQUIRES: static types, as inference gives them; not an op that fuses
/// into loop kernels.
StatusOr<OpPlan> plan_op(const ir::Node& node, std::span<const ir::Type> operands, const GpuDescription& gpu);

}  // namespace leat::runtime::cuda
