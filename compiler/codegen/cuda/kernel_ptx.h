// A kernel as PTX or LLVM IR for a GPU: what a launcher needs is this text, runtime::cuda::kEntryName, the
// LaunchGeometry (gpu_plan.h) and the parameter block (runtime/cuda/kernel_parameters.h).
//
// Pure functions, each in an LLVM context of its own; any number at once; no GPU is needed. `arch` is one of
// runtime::cuda::gpu_architectures(); another one, or a malformed kernel, is an invalid_argument Status. The
// PTX rounds as IEEE 754 says: no approximate instruction, no flushing of subnormals, and only the explicit
// fused multiply-adds, which a test of every op reads off the text.
//
//   StatusOr<std::string> ptx = kernel_ptx(kernel, "sm_90");
#pragma once

#include <string>
#include <string_view>

#include "compiler/codegen/target.h"
#include "ir/kernel.h"
#include "leat/status.h"
#include "runtime/cuda/op_kernel.h"

namespace leat::compiler::codegen {

StatusOr<std::string> kernel_ptx(const ir::Kernel& kernel, std::string_view arch);
/// The optimised IR that the PTX is generated from.
StatusOr<std::string> kernel_gpu_llvm_text(const ir::Kernel& kernel, std::string_view arch);

/// The same of the kernels of ops that are not loop kernels.
StatusOr<std::string> kernel_ptx(const runtime::cuda::OpKernel& kernel, std::string_view arch);
StatusOr<std::string> kernel_gpu_llvm_text(const runtime::cuda::OpKernel& kernel, std::string_view arch);

/// The kernel that ends a reduction whose reduced dimension was split (compiler/split_reduction.h): partials
/// [chunks, rows] of the accumulator dtype to `dtype` [rows]. Its domain is rows x chunks, its launch
/// pairwise_geometry. As an ir::Kernel it has the parameters, not the order, of what runs: `pairwise` below.
/// REQUIRES: `op` reduces `dtype`.
ir::Kernel pairwise_kernel(ir::Op op, DType dtype);
StatusOr<std::string> pairwise_ptx(ir::Op op, DType dtype, std::string_view arch);
StatusOr<std::string> pairwise_gpu_llvm_text(ir::Op op, DType dtype, std::string_view arch);

/// The target of an architecture.
StatusOr<CodeTarget> gpu_target(std::string_view arch);

}  // namespace leat::compiler::codegen
