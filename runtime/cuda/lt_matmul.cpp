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

std::string LtEpilogue::ToString() const {
  std::string text = residual ? "residual" : "";
  const auto add = [&](const char* part) { text += (text.empty() ? "" : "+") + std::string(part); };
  if (bias) add("bias");
  if (activation != Activation::none) add(activation == Activation::relu ? "relu" : "gelu");
  return text;
}

LtMatmul::~LtMatmul() {
  for (LtLayout layout : {a_, b_, d_}) {
    if (layout != nullptr) give_back([&] { return library_->MatrixLayoutDestroy(layout); });
  }
  if (desc_ != nullptr) give_back([&] { return library_->MatmulDescDestroy(desc_); });
}

Status LtMatmul::Describe(const cpu::MatmulDescriptor& d) {
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
  compute_ = wide_                                    ? kLtCompute64F
             : request_.tf32 && d.dtype == DType::f32 ? kLtCompute32FFastTf32
                                                      : kLtCompute32F;
  transpose_a_ = a->transposed;
  transpose_b_ = b->transposed;
  // Of the address of a bias the heuristic takes the alignment alone.
  if (Status s = MakeDesc(&desc_, reinterpret_cast<const void*>(std::uintptr_t{kAlignment})); !s.ok())
    return s;
  const CublasLt& lt = *library_;
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

Status LtMatmul::MakeDesc(LtMatmulDesc* desc, const void* bias) const {
  const CublasLt& lt = *library_;
  Status status =
      lt.Check(lt.MatmulDescCreate(desc, compute_, wide_ ? kLtF64 : kLtF32), "cublasLtMatmulDescCreate");
  if (!status.ok()) {
    *desc = nullptr;
    return status;
  }
  const auto set = [&](LtMatmulDescAttribute which, const auto& value) {
    if (!status.ok()) return;
    status = lt.Check(lt.MatmulDescSetAttribute(*desc, which, &value, sizeof value),
                      "cublasLtMatmulDescSetAttribute");
  };
  set(kLtTransposeA, transpose_a_ ? kLtTransposed : kLtNotTransposed);
  set(kLtTransposeB, transpose_b_ ? kLtTransposed : kLtNotTransposed);
  const std::uint32_t after =
      (request_.epilogue.bias ? kLtEpilogueBias : 0) |
      (request_.epilogue.activation == LtEpilogue::Activation::relu   ? kLtEpilogueRelu
       : request_.epilogue.activation == LtEpilogue::Activation::gelu ? kLtEpilogueGelu
                                                                      : 0);
  if (after != 0) set(kLtEpilogue, after);
  if (request_.epilogue.bias) set(kLtBiasPointer, bias);
  return status;
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
  const std::pair<LtPreferenceAttribute, std::uint32_t> alignments[] = {
      {kLtAlignmentA, request_.y_alignment},
      {kLtAlignmentB, kAlignment},
      {kLtAlignmentC, request_.out_alignment},
      {kLtAlignmentD, request_.out_alignment}};
  for (const auto& [which, alignment] : alignments) {
    if (status.ok()) status = prefer(which, alignment);
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
                                                         LtRequest request) {
  const StatusOr<Gpu::Lt> lt = gpu.Contractions();
  if (!lt.ok()) return lt.status();
  const Gpu::Current current(gpu);
  if (!current.status().ok()) return current.status();
  std::shared_ptr<LtMatmul> plan(new LtMatmul);
  plan->library_ = lt->library;
  plan->request_ = request;
  Status status = plan->Describe(d);
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
      "cuBLASLt " + std::string(name(d.dtype)) + (request.tf32 && d.dtype == DType::f32 ? " as tf32 " : " ") +
      (d.batch == 1 ? "" : std::to_string(d.batch) + " x ") + extents(d.m, d.k) + extents(d.k, d.n) +
      (request.epilogue.any() ? " with " + request.epilogue.ToString() : "") + " algorithm " +
      std::to_string(id) + " workspace " + std::to_string(plan->workspace_bytes_) + "B";
  return std::shared_ptr<const LtMatmul>(std::move(plan));
}

Status LtMatmul::Run(Gpu& gpu, CuStream stream, const Memory& memory) const {
  const StatusOr<Gpu::Lt> lt = gpu.Contractions();
  if (!lt.ok()) return lt.status();
  // The address of a bias stands in the descriptor: each run has its own.
  LtMatmulDesc own = nullptr;
  Status status = request_.epilogue.bias ? MakeDesc(&own, memory.bias) : Status();
  if (status.ok()) {
    static constexpr float kOne = 1, kZero = 0;
    static constexpr double kWideOne = 1, kWideZero = 0;
    const auto factor = [&](bool one) -> const void* {
      return wide_ ? static_cast<const void*>(one ? &kWideOne : &kWideZero) : one ? &kOne : &kZero;
    };
    const void* const c = request_.epilogue.residual ? memory.residual : memory.out;
    status =
        library_->Check(library_->Matmul(lt->handle, own != nullptr ? own : desc_, factor(true), memory.y, a_,
                                         memory.x, b_, factor(request_.epilogue.residual), c, d_, memory.out,
                                         d_, &algorithm_, memory.workspace, workspace_bytes_, stream),
                        "cublasLtMatmul");
  }
  if (own != nullptr) give_back([&] { return library_->MatmulDescDestroy(own); });
  return status.ok() ? status : gpu.ContractionFailed(status);
}

}  // namespace leat::runtime::cuda
