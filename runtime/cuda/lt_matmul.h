// A product by cuBLASLt: its descriptors and the algorithm that is used for it, chosen once.
//
// The library's heuristic chooses by types, shape, strides and device; nothing is measured, so that a plan
// made anew has the same bits. Partial sums are kept in the accumulator's type and joined in a fixed order.
// An LtMatmul is immutable and holds no memory of the device: any thread may run it, on any stream.
//
//   StatusOr<std::shared_ptr<const LtMatmul>> plan = LtMatmul::Plan(gpu, descriptor, /*tf32=*/false);
//   Status s = (*plan)->Run(gpu, stream, x, y, out, workspace);   // (*plan)->workspace_bytes() of the device
#pragma once

#include <memory>
#include <string>

#include "runtime/cpu/contraction.h"
#include "runtime/cuda/cublas_lt_abi.h"

namespace leat::runtime::cuda {

class CublasLt;
class Gpu;

class LtMatmul {
 public:
  /// What the library wants of addresses: that of operands and results, and that of the workspace.
  static constexpr std::uint32_t kAlignment = 16;
  static constexpr std::size_t kWorkspaceAlignment = 256;

  /// out[b,m,n] = sum over k of x[b,m,k] * y[b,k,n] in f32, f64, f16 or bf16; products of f16 and bf16 are
  /// summed in f32. `tf32`: operands in f32 may be rounded to 10 bits of mantissa.
  /// not_found where the device has no cuBLASLt, unimplemented where the library does not do it, both with
  /// the reason. REQUIRES: no extent is 0.
  static StatusOr<std::shared_ptr<const LtMatmul>> Plan(const Gpu& gpu,
                                                        const cpu::MatmulDescriptor& descriptor, bool tf32);
  ~LtMatmul();
  LtMatmul(const LtMatmul&) = delete;
  LtMatmul& operator=(const LtMatmul&) = delete;

  std::size_t workspace_bytes() const { return workspace_bytes_; }
  /// Queues it. REQUIRES: a Gpu::Current of the device of the plan.
  Status Run(Gpu& gpu, CuStream stream, const void* x, const void* y, void* out, void* workspace) const;
  /// "cuBLASLt f32 2x[128,64]x[64,32] algorithm 24 workspace 4096B"
  const std::string& ToString() const { return text_; }

 private:
  LtMatmul() = default;
  Status Describe(const cpu::MatmulDescriptor& descriptor, bool tf32);
  Status Choose(LtHandle handle, std::size_t most_workspace_bytes);

  std::shared_ptr<const CublasLt> library_;
  LtMatmulDesc desc_ = nullptr;
  LtLayout a_ = nullptr, b_ = nullptr, d_ = nullptr;  // columns first: a is y, b is x
  bool wide_ = false;                                 // scalars are f64
  LtAlgorithm algorithm_;
  std::size_t workspace_bytes_ = 0;
  std::string text_;
};

}  // namespace leat::runtime::cuda
