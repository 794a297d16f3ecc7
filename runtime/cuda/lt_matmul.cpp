#include "runtime/cuda/lt_matmul.h"

#include <limits>
#include <optional>

#include "runtime/cuda/cublas_lt.h"
#include "runtime/cuda/gpu.h"

namespace leat::runtime::cuda {
namespace {

// What NVIDIA's own frameworks grant: more is needed by the algorithms of Hopper only.
constexpr std::size_t kMostWorkspace = std::size_t{4} << 20, kMostWorkspaceOfHopper = std::size_t{32} << 20;

Status unsupported(std::string why) { return Status(Code::unimplemented, std::move(why)); }

std::optional<LtDataType> data_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return kLtF32;
    case DType::f64: return kLtF64;
    case DType::f16: return kLtF16;
    case DType::bf16: return kLtBf16;
    default: return std::nullopt;
  }
}

/// A matrix as the library stores one: by columns, `leading` elements apart, perhaps transposed.
struct Form {
  bool transposed = false;
  std::int64_t rows = 0, columns = 0, leading = 0;  // as stored
};

std::optional<Form> form(std::int64_t rows, std::int64_t row_stride, std::int64_t columns,
                         std::int64_t column_stride) {
  // The stride of an extent of 1 is never taken.
  const auto stored = [](std::int64_t inner, std::int64_t inner_stride, std::int64_t outer,
                         std::int64_t outer_stride) -> std::optional<std::int64_t> {
    if (inner != 1 && inner_stride != 1) return std::nullopt;
    if (outer == 1) return inner;
    return outer_stride >= inner ? std::optional(outer_stride) : std::nullopt;
  };
  if (const auto leading = stored(rows, row_stride, columns, column_stride))
    return Form{false, rows, columns, *leading};
  if (const auto leading = stored(columns, column_stride, rows, row_stride))
    return Form{true, columns, rows, *leading};
  return std::nullopt;
}

}  // namespace

LtMatmul::~LtMatmul() {
  for (LtLayout layout : {a_, b_, d_}) {
    if (layout != nullptr) give_back([&] { return library_->MatrixLayoutDestroy(layout); });
  }
  if (desc_ != nullptr) give_back([&] { return library_->MatmulDescDestroy(desc_); });
}

Status LtMatmul::Describe(const cpu::MatmulDescriptor& d, bool tf32) {
  const std::optional<LtDataType> type = data_type(d.dtype);
  if (!type) return unsupported("cuBLASLt is not asked for products of " + std::string(name(d.dtype)));
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  if (d.batch > kMost || d.m > kMost || d.n > kMost || d.k > kMost)
    return unsupported("cuBLASLt takes extents below 2^31");
  // Row by row, out is the transposed product y^T x^T column by column.
  const std::optional<Form> a = form(d.n, d.y_n_stride, d.k, d.y_k_stride);
  const std::optional<Form> b = form(d.k, d.x_k_stride, d.m, d.x_m_stride);
  if (!a || !b) return unsupported("cuBLASLt takes no operand with such strides");
  wide_ = d.dtype == DType::f64;
  const CublasLt& lt = *library_;
  const LtComputeType compute = wide_                           ? kLtCompute64F
                                : tf32 && d.dtype == DType::f32 ? kLtCompute32FFastTf32
                                                                : kLtCompute32F;
  if (Status s =
          lt.Check(lt.MatmulDescCreate(&desc_, compute, wide_ ? kLtF64 : kLtF32), "cublasLtMatmulDescCreate");
      !s.ok()) {
    desc_ = nullptr;
    return s;
  }
  const auto transpose = [&](LtMatmulDescAttribute which, bool transposed) {
    const std::int32_t value = transposed ? kLtTransposed : kLtNotTransposed;
    return lt.Check(lt.MatmulDescSetAttribute(desc_, which, &value, sizeof value),
                    "cublasLtMatmulDescSetAttribute");
  };
  if (Status s = transpose(kLtTransposeA, a->transposed); !s.ok()) return s;
  if (Status s = transpose(kLtTransposeB, b->transposed); !s.ok()) return s;
  const auto lay_out = [&](LtLayout& layout, const Form& form, std::int64_t batch_stride) {
    Status s = lt.Check(lt.MatrixLayoutCreate(&layout, *type, static_cast<std::uint64_t>(form.rows),
                                              static_cast<std::uint64_t>(form.columns), form.leading),
                        "cublasLtMatrixLayoutCreate");
    if (!s.ok()) layout = nullptr;
    if (!s.ok() || d.batch == 1) return s;
    const auto batch = static_cast<std::int32_t>(d.batch);
    s = lt.Check(lt.MatrixLayoutSetAttribute(layout, kLtLayoutBatchCount, &batch, sizeof batch),
                 "cublasLtMatrixLayoutSetAttribute");
    if (!s.ok()) return s;
    return lt.Check(
        lt.MatrixLayoutSetAttribute(layout, kLtLayoutBatchStride, &batch_stride, sizeof batch_stride),
        "cublasLtMatrixLayoutSetAttribute");
  };
  if (Status s = lay_out(a_, *a, d.y_batch_stride); !s.ok()) return s;
  if (Status s = lay_out(b_, *b, d.x_batch_stride); !s.ok()) return s;
  return lay_out(d_, {false, d.n, d.m, d.n}, d.m * d.n);
}

Status LtMatmul::Choose(LtHandle handle, std::size_t most_workspace_bytes) {
  const CublasLt& lt = *library_;
  LtPreference preference = nullptr;
  if (Status s = lt.Check(lt.MatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate"); !s.ok())
    return s;
  const auto prefer = [&](LtPreferenceAttribute which, const auto& value) {
    return lt.Check(lt.MatmulPreferenceSetAttribute(preference, which, &value, sizeof value),
                    "cublasLtMatmulPreferenceSetAttribute");
  };
  const auto bytes = static_cast<std::uint64_t>(most_workspace_bytes);
  Status status = prefer(kLtMaxWorkspaceBytes, bytes);
  // Partial sums in 16 bits would lose what the accumulator holds.
  if (status.ok()) status = prefer(kLtReductionSchemes, kLtReduceInComputeType);
  for (LtPreferenceAttribute which : {kLtAlignmentA, kLtAlignmentB, kLtAlignmentC, kLtAlignmentD}) {
    if (status.ok()) status = prefer(which, kAlignment);
  }
  LtHeuristic best;
  int found = 0;
  if (status.ok()) {
    status = lt.Check(lt.MatmulAlgoGetHeuristic(handle, desc_, a_, b_, d_, d_, preference, 1, &best, &found),
                      "cublasLtMatmulAlgoGetHeuristic");
  }
  give_back([&] { return lt.MatmulPreferenceDestroy(preference); });
  if (!status.ok()) return status;
  if (found < 1) return unsupported("cuBLASLt has no algorithm for it");
  if (Status s = lt.Check(best.state, "cublasLtMatmulAlgoGetHeuristic"); !s.ok()) return s;
  algorithm_ = best.algorithm;
  workspace_bytes_ = best.workspace_bytes;
  return {};
}

StatusOr<std::shared_ptr<const LtMatmul>> LtMatmul::Plan(const Gpu& gpu, const cpu::MatmulDescriptor& d,
                                                         bool tf32) {
  const StatusOr<Gpu::Lt> lt = gpu.Contractions();
  if (!lt.ok()) return lt.status();
  const Gpu::Current current(gpu);
  if (!current.status().ok()) return current.status();
  std::shared_ptr<LtMatmul> plan(new LtMatmul);
  plan->library_ = lt->library;
  Status status = plan->Describe(d, tf32);
  if (status.ok())
    status = plan->Choose(lt->handle, gpu.description().sm >= 90 ? kMostWorkspaceOfHopper : kMostWorkspace);
  if (!status.ok()) return Status(status.code(), gpu.name() + ": " + status.message());
  std::int32_t id = -1;
  std::size_t written = 0;
  lt->library->MatmulAlgoConfigGetAttribute(&plan->algorithm_, kLtAlgorithmId, &id, sizeof id, &written);
  const auto extents = [](std::int64_t a, std::int64_t b) {
    return "[" + std::to_string(a) + "," + std::to_string(b) + "]";
  };
  plan->text_ =
      "cuBLASLt " + std::string(name(d.dtype)) + (tf32 && d.dtype == DType::f32 ? " as tf32 " : " ") +
      (d.batch == 1 ? "" : std::to_string(d.batch) + " x ") + extents(d.m, d.k) + extents(d.k, d.n) +
      " algorithm " + std::to_string(id) + " workspace " + std::to_string(plan->workspace_bytes_) + "B";
  return std::shared_ptr<const LtMatmul>(std::move(plan));
}

Status LtMatmul::Run(Gpu& gpu, CuStream stream, const void* x, const void* y, void* out,
                     void* workspace) const {
  const StatusOr<Gpu::Lt> lt = gpu.Contractions();
  if (!lt.ok()) return lt.status();
  static constexpr float kOne = 1, kZero = 0;
  static constexpr double kWideOne = 1, kWideZero = 0;
  const void* const alpha = wide_ ? static_cast<const void*>(&kWideOne) : &kOne;
  const void* const beta = wide_ ? static_cast<const void*>(&kWideZero) : &kZero;
  const LtStatus status = lt->library->Matmul(lt->handle, desc_, alpha, y, a_, x, b_, beta, out, d_, out, d_,
                                              &algorithm_, workspace, workspace_bytes_, stream);
  if (status == LtStatus::success) [[likely]]
    return {};
  return gpu.ContractionFailed(lt->library->Check(status, "cublasLtMatmul"));
}

}  // namespace leat::runtime::cuda
