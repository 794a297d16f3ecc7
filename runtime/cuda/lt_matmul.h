// A product by cuBLASLt: its descriptors and the algorithm that is used for it, chosen once.
//
// The library's heuristic chooses by types, shape, strides and device; nothing is measured, so that a plan
// made anew has the same bits. Partial sums are kept in the accumulator's type and joined in a fixed order.
// An LtMatmul is immutable and holds no memory of the device: any thread may run it, on any stream.
//
//   StatusOr<std::shared_ptr<const LtMatmul>> plan = LtMatmul::Plan(gpu, descriptor, {.tf32 = true});
//   Status s = (*plan)->Run(gpu, stream, {.x = x, .y = y, .out = out, .workspace = workspace});
#pragma once

#include <memory>
#include <string>

#include "runtime/cpu/contraction.h"
#include "runtime/cuda/cublas_lt_abi.h"

namespace leat::runtime::cuda {

class CublasLt;
class Gpu;

/// What the library does with a sum before it rounds it to the dtype, in this order: + residual[b,m,n],
/// + bias[n], the activation. Both have the dtype of the result and are dense.
struct LtEpilogue {
  enum class Activation : std::uint8_t { none, relu, gelu };  // gelu by tanh
  bool residual = false, bias = false;
  Activation activation = Activation::none;
  bool any() const { return residual || bias || activation != Activation::none; }
  std::string ToString() const;  // "residual+bias+gelu"
};

/// How a product may be done, and where its operands may lie.
struct LtRequest {
  bool tf32 = false;  // operands in f32 may be rounded to 10 bits of mantissa
  LtEpilogue epilogue{};
  /// Powers of two, at most LtMatmul::kAlignment: what the addresses of y, and of out and the residual, are
  /// multiples of. x and a bias are aligned to kAlignment.
  std::uint32_t y_alignment = 16, out_alignment = 16;
};

class LtMatmul {
 public:
  /// What the library wants of addresses: that of operands and results, and that of the workspace.
  static constexpr std::uint32_t kAlignment = 16;
  static constexpr std::size_t kWorkspaceAlignment = 256;

  /// out[b,m,n] = sum over k of x[b,m,k] * y[b,k,n] in f32, f64, f16 or bf16; products of f16 and bf16 are
  /// summed in f32. With an epilogue the library may choose another algorithm, so that the sums have other
  /// bits. not_found where the device has no cuBLASLt, unimplemented where the library does not do it, both
  /// with the reason. REQUIRES: no extent is 0.
  static StatusOr<std::shared_ptr<const LtMatmul>> Plan(const Gpu& gpu,
                                                        const cpu::MatmulDescriptor& descriptor,
                                                        LtRequest request = {});
  ~LtMatmul();
  LtMatmul(const LtMatmul&) = delete;
  LtMatmul& operator=(const LtMatmul&) = delete;

  std::size_t workspace_bytes() const { return workspace_bytes_; }
  const LtEpilogue& epilogue() const { return request_.epilogue; }
  /// Addresses on the device; bias and residual where the epilogue has them.
  struct Memory {
    const void *x = nullptr, *y = nullptr, *bias = nullptr, *residual = nullptr;
    void *out = nullptr, *workspace = nullptr;
  };
  /// Queues it. REQUIRES: a Gpu::Current of the device of the plan.
  Status Run(Gpu& gpu, CuStream stream, const Memory& memory) const;
  /// "cuBLASLt f32 2 x [128,64][64,32] with bias+relu algorithm 24 workspace 4096B"
  const std::string& ToString() const { return text_; }

 private:
  LtMatmul() = default;
  Status Describe(const cpu::MatmulDescriptor& descriptor);
  Status MakeDesc(LtMatmulDesc* desc, const void* bias) const;
  Status Choose(LtHandle handle, std::size_t most_workspace_bytes);

  std::shared_ptr<const CublasLt> library_;
  LtMatmulDesc desc_ = nullptr;
  LtLayout a_ = nullptr, b_ = nullptr, d_ = nullptr;  // columns first: a is y, b is x
  LtComputeType compute_ = kLtCompute32F;
  bool transpose_a_ = false, transpose_b_ = false;
  bool wide_ = false;  // scalars are f64
  LtRequest request_;
  LtAlgorithm algorithm_;
  std::size_t workspace_bytes_ = 0;
  std::string text_;
};

}  // namespace leat::runtime::cuda
