// Matrix products on oneDNN: panels over whole batches, or over rows or columns of one product.
//
// Measured on oneDNN 2.6.3, the f32 bits change with panels of columns on AVX-512 and with panels of rows on
// AVX2, and are those of the whole product the other way round: so rows are cut on AVX-512, columns on AVX2.
// (They also change with the row stride of the result, which the panels keep.)
#include <algorithm>

#include "ir/extents.h"
#include "runtime/cpu/exact_engine.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/onednn_pipeline.h"

namespace leat::runtime::cpu {
namespace {

/// How the work is cut: a panel is `batches` whole products, or (batches == 0) one part of one product.
struct MatmulCut {
  std::int64_t batches = 0;
  bool by_rows = true;
  std::int64_t part = 1, parts = 1;
};

MatmulCut cut_matmul(const MatmulDescriptor& d, Isa isa) {
  constexpr std::int64_t kMostPanels = 64, kEnoughBatches = 16;
  constexpr std::int64_t kLeastPart = 96;  // rows (columns): below, packing the other operand shows
  constexpr double kPanelMultiplications = 1e6;
  MatmulCut cut;
  const double one = static_cast<double>(d.m) * static_cast<double>(d.n) * static_cast<double>(d.k);
  if (d.batch >= kEnoughBatches || (d.batch > 1 && one < kPanelMultiplications)) {
    cut.batches = std::max(ir::ceil_div(d.batch, kMostPanels),
                           static_cast<std::int64_t>(std::min(kPanelMultiplications / one, 1e9)));
    cut.batches = std::min(cut.batches, d.batch);
    return cut;
  }
  cut.by_rows = isa == Isa::avx512;
  const std::int64_t extent = cut.by_rows ? d.m : d.n;
  const double wanted =
      std::min(one / kPanelMultiplications, 1.0 * kMostPanels / static_cast<double>(d.batch));
  const std::int64_t parts = std::clamp<std::int64_t>(
      extent / kLeastPart, 1, std::max<std::int64_t>(1, static_cast<std::int64_t>(wanted)));
  cut.part = std::min(extent, ir::ceil_div(ir::ceil_div(extent, parts), 16) * 16);
  cut.parts = ir::ceil_div(extent, cut.part);
  return cut;
}

/// A matrix that oneDNN takes where it stands: one of the strides is 1 and the other is no less than a row.
bool plain(std::int64_t rows, std::int64_t row_stride, std::int64_t columns, std::int64_t column_stride) {
  return (column_stride == 1 && row_stride >= columns) || (row_stride == 1 && column_stride >= rows);
}

bool supported(const MatmulDescriptor& d) {
  if (d.batch <= 0 || d.m <= 0 || d.n <= 0 || d.k <= 0) return false;
  if (d.batch > 1 && (d.x_batch_stride <= 0 || d.y_batch_stride < 0)) return false;
  return plain(d.m, d.x_m_stride, d.k, d.x_k_stride) && plain(d.k, d.y_k_stride, d.n, d.y_n_stride);
}

/// The product of `batches` matrices (0: one), m x n of them. Throws dnnl::error.
std::optional<Pipeline> make_pipeline(const MatmulDescriptor& d, dnnl::memory::data_type type,
                                      std::int64_t batches, std::int64_t m, std::int64_t n,
                                      bool any_weights) {
  using Extents = dnnl::memory::dims;
  const auto desc_of = [&](std::int64_t batch_stride, std::int64_t rows, std::int64_t row_stride,
                           std::int64_t columns, std::int64_t column_stride) {
    if (batches == 0) {
      return dnnl::memory::desc(Extents{rows, columns}, type, Extents{row_stride, column_stride});
    }
    return dnnl::memory::desc(Extents{batches, rows, columns}, type,
                              Extents{batch_stride, row_stride, column_stride});
  };
  const auto x = desc_of(d.x_batch_stride, m, d.x_m_stride, d.k, d.x_k_stride);
  const auto y = desc_of(d.y_batch_stride, d.k, d.y_k_stride, n, d.y_n_stride);
  const auto out = desc_of(d.m * d.n, m, d.n, n, 1);
  const dnnl::matmul::desc desc(
      x, any_weights ? dnnl::memory::desc(Extents{d.k, n}, type, dnnl::memory::format_tag::any) : y, out);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::matmul::primitive_desc primitive(desc, attributes, onednn_engine());
  return Pipeline::Make(primitive, {x, y, out}, dnnl::matmul(primitive));
}

class OneDnnMatmul final : public MatmulStep {
 public:
  /// pipelines: the panel, and its tail where there is one.
  OneDnnMatmul(const MatmulDescriptor& d, const MatmulCut& cut, std::vector<Pipeline> pipelines, bool packs)
      : MatmulStep(d), cut_(cut), pool_(std::move(pipelines)), packs_(packs) {
    element_ = static_cast<std::int64_t>(byte_size(d.dtype));
    all_ = cut.batches > 0 ? d.batch : cut.by_rows ? d.m : d.n;
    extent_ = cut.batches > 0 ? cut.batches : cut.part;
    units_a_product_ = cut.batches > 0 ? ir::ceil_div(d.batch, cut.batches) : cut.parts;
  }

  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    return with_sessions(pool_, "matmul", [&](SessionPool::Sessions& sessions) -> Status {
      const auto pack = [&](std::byte* to) { pool_[0].PackWeights(sessions[0], context.pointers[1], to); };
      const PackedConstant::Use constant =
          packs_ ? constant_.Get(pool_[0].packed_bytes(), context.pointers[1], d_.k * d_.n * element_, pack)
                 : PackedConstant::Use();
      const std::byte* const packed = constant.data();
      for (std::int64_t u = begin; u < end; ++u) {
        if (context.stopping()) return Status(Code::cancelled, "the run was stopped during a matmul");
        const std::int64_t product = u / units_a_product_, first = u % units_a_product_ * extent_;
        std::int64_t x = product * d_.x_batch_stride, y = product * d_.y_batch_stride,
                     out = product * d_.m * d_.n;
        if (cut_.batches > 0) {
          x = first * d_.x_batch_stride;
          y = first * d_.y_batch_stride;
          out = first * d_.m * d_.n;
        } else if (cut_.by_rows) {
          x += first * d_.x_m_stride;
          out += first * d_.n;
        } else {
          y += first * d_.y_n_stride;
          out += first;
        }
        const std::size_t i = all_ - first < extent_ ? pool_.size() - 1 : 0;
        pool_[i].Run(sessions[i], At(context.pointers[0], x),
                     packed != nullptr ? packed : At(context.pointers[1], y), packed != nullptr,
                     const_cast<std::byte*>(At(context.pointers[2], out)));
      }
      return {};
    });
  }

  std::string_view kind() const override { return "matmul"; }
  std::string ToString() const override {
    return "matmul " + std::string(name(d_.dtype)) + " batch=" + std::to_string(d_.batch) +
           " m=" + std::to_string(d_.m) + " n=" + std::to_string(d_.n) + " k=" + std::to_string(d_.k) +
           " onednn(" + pool_[0].implementation() + ") " +
           (cut_.batches > 0 ? "batches="
            : cut_.by_rows   ? "rows="
                             : "columns=") +
           std::to_string(extent_) + (packs_ ? " packed" : "");
  }

 private:
  const std::byte* At(const void* base, std::int64_t elements) const {
    return static_cast<const std::byte*>(base) + elements * element_;
  }

  const MatmulCut cut_;
  const SessionPool pool_;
  const bool packs_;
  std::int64_t element_, all_, extent_, units_a_product_;
  PackedConstant constant_;
};

}  // namespace

std::optional<ContractionPlan> plan_onednn_matmul(const MatmulDescriptor& descriptor, Isa isa) {
  MatmulDescriptor d = descriptor;
  if (d.batch > 1 && d.y_batch_stride == 0 && d.x_batch_stride == d.m * d.x_m_stride) {
    d.m *= d.batch;  // batches that share y and follow each other are one tall product
    d.batch = 1;
  }
  const auto type = onednn_type(d.dtype);
  if (!type || !supported(d) || (d.dtype == DType::bf16 && isa != Isa::avx512)) return std::nullopt;
  const OneOpenMpThread one;
  const MatmulCut cut = cut_matmul(d, isa);
  if (cut.batches > 0 && d.y_batch_stride == 0) return std::nullopt;
  // A layout of the library's choice, where all panels of the one y share it.
  const bool packs = d.y_is_constant && d.batch == 1 && (cut.by_rows || cut.parts == 1);
  std::vector<Pipeline> pipelines;
  const std::int64_t all = cut.batches > 0 ? d.batch : cut.by_rows ? d.m : d.n;
  const std::int64_t extent = cut.batches > 0 ? cut.batches : cut.part;
  try {
    for (const std::int64_t e : {extent, all % extent}) {
      if (e == 0) continue;
      const std::int64_t m = cut.batches == 0 && cut.by_rows ? e : d.m;
      const std::int64_t n = cut.batches == 0 && !cut.by_rows ? e : d.n;
      std::optional<Pipeline> p = make_pipeline(d, *type, cut.batches > 0 ? e : 0, m, n, packs);
      if (!p) return std::nullopt;
      pipelines.push_back(std::move(*p));
    }
  } catch (const std::exception&) {  // not only the library's: it has no memory for code of extreme shapes
    return std::nullopt;             // no implementation for these shapes
  }
  if (packs && pipelines.size() > 1 && !pipelines[0].SameWeights(pipelines[1])) return std::nullopt;
  const bool reorders = packs && pipelines[0].packs_weights();
  ContractionPlan plan;
  plan.body = std::make_shared<OneDnnMatmul>(d, cut, std::move(pipelines), reorders);
  plan.units = ir::ceil_div(all, extent) * (cut.batches > 0 ? 1 : d.batch);
  plan.engine = "onednn";
  if (cut.batches > 0) {
    plan.rows_per_unit = cut.batches * d.m;
  } else if (cut.parts == 1) {
    plan.rows_per_unit = d.m;
  } else if (cut.by_rows && (d.batch == 1 || d.m % cut.part == 0)) {
    plan.rows_per_unit = cut.part;
  }
  const double rows = static_cast<double>(d.batch * d.m), n = static_cast<double>(d.n),
               k = static_cast<double>(d.k);
  plan.cost_ns = 600.0 * static_cast<double>(plan.units) +
                 exact_cost_ns(rows * n * k,
                               static_cast<double>(byte_size(d.dtype)) *
                                   (rows * k + rows * n + n * k * static_cast<double>(d.batch)),
                               DType::f32, isa);
  return plan;
}

}  // namespace leat::runtime::cpu
