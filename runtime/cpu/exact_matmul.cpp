// Matrix products on the micro-kernel: panels, and the packed constant y.
#include <algorithm>
#include <atomic>
#include <cstdio>

#include "ir/extents.h"
#include "runtime/cpu/exact_engine.h"
#include "runtime/cpu/packed_constant.h"

namespace leat::runtime::cpu {
namespace {

/// A run that was cancelled is noticed at least this often (25 ms at 80 GFLOP/s).
constexpr double kMultiplicationsBetweenLooks = 1e9;
/// So many rows use y that packing it for good, in the first run, pays for the memory.
constexpr std::int64_t kRowsToPackConstant = 16;
/// With fewer rows, a y of that many bytes, more than a second-level cache has, is packed from the second run
/// on: a panel is one stream then, and a piece of each row when read in place. GPT-2's step of 500 MB on two
/// threads of Zen 3, medians of four turns: 32 to 36 ms in place, 21 to 26 packed; packing takes 300 ms.
constexpr std::int64_t kBytesToPackConstant = 1 << 20;

bool has_one_y(const MatmulDescriptor& d) { return d.batch == 1 || d.y_batch_stride == 0; }
/// Batches that share y and follow each other in x are one tall matrix.
bool is_one_matrix(const MatmulDescriptor& d) {
  return d.batch == 1 || (has_one_y(d) && d.x_batch_stride == d.m * d.x_m_stride);
}

enum class Packs { never, from_the_first_run, from_the_second };

Packs packs_constant(const MatmulDescriptor& d, const MicroKernel& kernel) {
  if (!d.y_is_constant || d.k == 0) return Packs::never;
  // A y that stands on its side cannot be read in place: 1 x 768 x 50257, packed in every run, takes twice as
  // long as reading it.
  if ((has_one_y(d) ? d.batch * d.m : d.m) >= kRowsToPackConstant || (d.y_n_stride != 1 && d.n > 1))
    return Packs::from_the_first_run;
  // Of narrower types the packed copy would be the wider one to read.
  const auto bytes = static_cast<std::int64_t>(byte_size(d.dtype));
  return bytes == kernel.compute_bytes && d.k * d.n * bytes >= kBytesToPackConstant ? Packs::from_the_second
                                                                                    : Packs::never;
}

std::int64_t multiple_above(std::int64_t a, std::int64_t b) { return ir::ceil_div(a, b) * b; }

/// The k that a unit of the packing step takes (16 KB to 1 MB of an operand worth sharing).
constexpr std::int64_t kPackRows = 32;
/// Of an element; Zen 3: 0.14 (256 squared) to 0.5 (2048 squared, f32; 1000 squared, f64).
constexpr double kPackNs = 0.25;

/// Packs an operand, the first use, into the second, for all panels of a product.
class PackOperand final : public StepBody {
 public:
  PackOperand(const MatmulDescriptor& d, const MicroKernel& kernel, bool of_x)
      : d_(d), kernel_(kernel), of_x_(of_x) {}
  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    Block block;
    block.m = d_.batch * d_.m;
    block.n = d_.n;
    block.k = d_.k;
    block.x = block.y = context.pointers[0];
    block.x_m_stride = d_.x_m_stride;
    block.x_k_stride = d_.x_k_stride;
    block.y_k_stride = d_.y_k_stride;
    block.y_n_stride = d_.y_n_stride;
    const auto pack = of_x_ ? kernel_.pack_x : kernel_.pack_y;
    pack(block, begin * kPackRows, std::min(end * kPackRows, d_.k), context.pointers[1]);
    return {};
  }
  std::string_view kind() const override { return "pack"; }
  std::string ToString() const override {
    char text[120];
    std::snprintf(
        text, sizeof text, of_x_ ? "pack %s m=%lld k=%lld rows=%d" : "pack %s k=%lld n=%lld columns=%d",
        std::string(name(d_.dtype)).c_str(), static_cast<long long>(of_x_ ? d_.batch * d_.m : d_.k),
        static_cast<long long>(of_x_ ? d_.k : d_.n), of_x_ ? kernel_.tile_rows : kernel_.tile_columns);
    return text;
  }

 private:
  const MatmulDescriptor d_;
  const MicroKernel& kernel_;
  const bool of_x_;
};

/// The split of rows (batch * m) x columns into panels: blocks of whole rows, or of whole columns.
struct PanelGrid {
  bool by_rows = true;
  std::int64_t extent = 1;  // rows (or columns) of a panel
  std::int64_t units = 1;
  enum class Shared : std::uint8_t { none, x, y } shared = Shared::none;  // a step packs it for all panels
};

PanelGrid split_panels(const MatmulDescriptor& d, const MicroKernel& kernel) {
  // A panel is worth about 10 us (half a million multiplications at 40 G a second, or, where few rows read y
  // at the speed of memory, 128 KB of it), and 64 of them keep any machine at hand busy; a worker that gets
  // several runs them as one block.
  constexpr double kPanelMultiplications = 5e5, kPanelBytes = 128 << 10;
  constexpr std::int64_t kMostPanels = 64, kLeastColumns = 64, kManyPanels = 16, kLargeY = 1 << 18;
  // Sharing is a step more, about 1 us; packing runs at 1 to 5 G elements a second.
  constexpr std::int64_t kShareable = 1 << 15, kLeastSharing = 4;
  const std::int64_t rows = d.batch * d.m, columns = d.n, k = d.k;
  PanelGrid grid;
  const double work = static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(k);
  const double y_bytes = static_cast<double>(columns) * static_cast<double>(k) * kernel.compute_bytes *
                         static_cast<double>(has_one_y(d) ? 1 : d.batch);
  const auto wanted = static_cast<std::int64_t>(
      std::min(std::max(work / kPanelMultiplications, y_bytes / kPanelBytes), 1.0 * kMostPanels));
  // Each panel of rows packs all of y: it should have a few tiles, or all rows that share a y. Beyond the
  // second-level cache packing costs as much as dozens of rows: 1000 cubed on two cores of Zen 3, panels of
  // at least 24 and 64 rows: f32 17.5 and 15.7 ms, f64 35 and 28.6 ms.
  if (has_one_y(d) && !d.y_is_constant && columns * k >= kShareable) {
    const std::int64_t shared = std::min(wanted, rows / (2 * kernel.tile_rows));
    if (shared >= kManyPanels || (shared >= kLeastSharing && shared >= columns / kLeastColumns)) {
      // Rather more panels than wanted: 256 rows in 15 panels leave one of two threads a fifteenth short.
      grid.extent =
          std::max(2 * std::int64_t{kernel.tile_rows}, rows / shared / kernel.tile_rows * kernel.tile_rows);
      grid.units = ir::ceil_div(rows, grid.extent);
      grid.shared = PanelGrid::Shared::y;
      return grid;
    }
  }
  const std::int64_t few = (columns * k >= kLargeY ? 10 : 4) * kernel.tile_rows;
  const std::int64_t least_rows = d.batch > 1 ? std::min(d.m, few) : few;
  const std::int64_t by_rows = std::min(wanted, rows / std::max<std::int64_t>(1, least_rows));
  // Each range of panels of columns packs all of x, unless a step before does: BERT's 128 x 768 x 768 took 8
  // % more CPU time on two threads than on one with panels of 64.
  const bool packs_x = rows > 2 * kernel.tile_rows;
  const bool shares_x = packs_x && is_one_matrix(d) && rows * k >= kShareable;
  const bool wide = packs_x && !shares_x && columns >= 8 * kLeastColumns;
  const std::int64_t by_columns = std::min(wanted, columns / (wide ? 2 * kLeastColumns : kLeastColumns));
  if (std::max(by_rows, by_columns) <= 1) {
    grid.extent = std::max<std::int64_t>(1, rows);
  } else if (by_rows >= kManyPanels || by_rows >= by_columns) {
    const std::int64_t extent = ir::ceil_div(rows, by_rows);
    grid.extent =
        d.batch > 1 && extent >= d.m ? multiple_above(extent, d.m) : multiple_above(extent, kernel.tile_rows);
    grid.units = ir::ceil_div(rows, grid.extent);
  } else {
    grid.by_rows = false;
    if (shares_x) grid.shared = PanelGrid::Shared::x;
    grid.extent = multiple_above(ir::ceil_div(columns, by_columns), kernel.tile_columns);
    grid.units = ir::ceil_div(columns, grid.extent);
  }
  return grid;
}

class ExactMatmul final : public MatmulStep {
 public:
  ExactMatmul(const MatmulDescriptor& d, const MicroKernel& kernel, const PanelGrid& grid, Isa isa)
      : MatmulStep(d), kernel_(kernel), grid_(grid), isa_(isa) {
    packed_columns_ = multiple_above(d.n, kernel.tile_columns);
    shared_y_ = has_one_y(d);
    packs_ = packs_constant(d, kernel);
    packed_bytes_ = multiple_above(kernel.packed_y_bytes(d.n, d.k), 64);
  }

  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    try {
      const PackedConstant::Use constant =
          IsPackedNow(begin, context.pointers[1]) ? Packed(context.pointers[1]) : PackedConstant::Use();
      const std::byte* const packed = grid_.shared == PanelGrid::Shared::y
                                          ? static_cast<const std::byte*>(context.pointers[3])
                                          : constant.data();
      const std::int64_t step = PanelsAtOnce();
      for (std::int64_t u = begin; u < end; u += step) {
        if (context.stopping()) return Status(Code::cancelled, "the run was stopped during a matmul");
        const std::int64_t first = u * grid_.extent, last = std::min(u + step, end) * grid_.extent;
        if (grid_.by_rows) {
          Rows(context, packed, first, std::min(last, d_.batch * d_.m), 0, d_.n);
        } else {
          Rows(context, packed, 0, d_.batch * d_.m, first, std::min(last, d_.n));
        }
      }
    } catch (const std::bad_alloc&) {
      return Status(Code::resource_exhausted, "no memory to pack the operands of a matmul");
    }
    return {};
  }

  std::string_view kind() const override { return "matmul"; }
  /// A y that is packed, or widened.
  bool ReadsUnaligned(std::size_t read) const override {
    return read == 1 &&
           (packs_ != Packs::never || kernel_.compute_bytes != static_cast<int>(byte_size(d_.dtype)));
  }

  std::string ToString() const override {
    char text[200];
    std::snprintf(text, sizeof text,
                  "matmul %s batch=%lld m=%lld n=%lld k=%lld micro_kernel(%s %dx%d) %s=%lld",
                  std::string(name(d_.dtype)).c_str(), static_cast<long long>(d_.batch),
                  static_cast<long long>(d_.m), static_cast<long long>(d_.n), static_cast<long long>(d_.k),
                  std::string(name(isa_)).c_str(), kernel_.tile_rows, kernel_.tile_columns,
                  grid_.by_rows ? "rows" : "columns", static_cast<long long>(grid_.extent));
    return std::string(text) +
           (grid_.shared == PanelGrid::Shared::y ? " shared"
            : packs_ != Packs::never             ? " packed"
                                                 : "") +
           (grid_.shared == PanelGrid::Shared::x ? " shared x" : "");
  }

 private:
  std::int64_t PanelsAtOnce() const {
    const double all = static_cast<double>(d_.batch) * static_cast<double>(d_.m) * static_cast<double>(d_.n) *
                       static_cast<double>(d_.k);
    const double panel = all / static_cast<double>(grid_.units);
    return std::max<std::int64_t>(
        1, static_cast<std::int64_t>(kMultiplicationsBetweenLooks / std::max(1.0, panel)));
  }

  /// Panels of a later run that come before its first are still those of the run before: no bits depend on
  /// it.
  bool IsPackedNow(std::int64_t begin, const void* y) const {
    if (packs_ != Packs::from_the_second) return packs_ == Packs::from_the_first_run;
    if (!ir::is_aligned(y, d_.dtype)) return true;  // no reading in place
    if (begin == 0 && runs_.load(std::memory_order_relaxed) < 2)
      runs_.fetch_add(1, std::memory_order_relaxed);
    return runs_.load(std::memory_order_relaxed) >= 2;
  }

  PackedConstant::Use Packed(const void* y) const {
    const std::int64_t count = shared_y_ ? 1 : d_.batch;
    const std::int64_t source =
        (count - 1) * d_.y_batch_stride + (d_.k - 1) * d_.y_k_stride + (d_.n - 1) * d_.y_n_stride + 1;
    return constant_.Get(packed_bytes_ * count, y, source * static_cast<std::int64_t>(byte_size(d_.dtype)),
                         [&](std::byte* to) {
                           for (std::int64_t b = 0; b < count; ++b) {
                             Block block;
                             block.n = d_.n;
                             block.k = d_.k;
                             block.y = At(y, b * d_.y_batch_stride);
                             block.y_k_stride = d_.y_k_stride;
                             block.y_n_stride = d_.y_n_stride;
                             kernel_.pack_y(block, 0, d_.k, to + b * packed_bytes_);
                           }
                         });
  }

  /// Rows [begin, end) of batch * m, columns [first, last).
  void Rows(StepContext& context, const std::byte* packed, std::int64_t begin, std::int64_t end,
            std::int64_t first, std::int64_t last) const {
    const std::int64_t rows_at_once = is_one_matrix(d_) ? d_.batch * d_.m : d_.m;
    Block block;
    block.n = last - first;
    block.k = d_.k;
    block.x_m_stride = d_.x_m_stride;
    block.x_k_stride = d_.x_k_stride;
    block.y_k_stride = d_.y_k_stride;
    block.y_n_stride = d_.y_n_stride;
    block.out_stride = d_.n;
    block.first_column = first;
    block.packed_columns = packed_columns_;
    if (grid_.shared == PanelGrid::Shared::x) {
      block.packed_x = context.pointers[3];
      block.packed_x_rows = multiple_above(d_.batch * d_.m, kernel_.tile_rows);
    }
    while (begin < end) {
      const std::int64_t batch = begin / rows_at_once, row = begin % rows_at_once;
      block.m = std::min(end - begin, rows_at_once - row);
      block.x = At(context.pointers[0], batch * d_.x_batch_stride + row * d_.x_m_stride);
      block.y = At(context.pointers[1], batch * d_.y_batch_stride + first * d_.y_n_stride);
      block.out = const_cast<void*>(At(context.pointers[2], begin * d_.n + first));
      block.packed_y = packed == nullptr ? nullptr : packed + (shared_y_ ? 0 : batch) * packed_bytes_;
      kernel_.multiply(block);
      begin += block.m;
    }
  }

  const void* At(const void* base, std::int64_t elements) const {
    return static_cast<const std::byte*>(base) + elements * static_cast<std::int64_t>(byte_size(d_.dtype));
  }

  const MicroKernel& kernel_;
  const PanelGrid grid_;
  const Isa isa_;
  std::int64_t packed_columns_ = 0, packed_bytes_ = 0;
  bool shared_y_ = false;
  Packs packs_ = Packs::never;
  mutable std::atomic<int> runs_{0};  // begun; beyond 2 nobody counts
  PackedConstant constant_;
};

}  // namespace

double exact_cost_ns(double multiplications, double bytes, DType dtype, Isa isa) {
  // Zen 3, AVX2, one core, squares of 256: f32 45, f64 20, u32 16, u64 4 G multiplications a second; memory
  // 12 GB/s. AVX-512 about twice that; the baseline calls a library for each fma.
  double per_ns = byte_size(dtype) == 8 ? 20 : 45;
  if (!is_float(dtype)) per_ns = byte_size(dtype) == 8 ? 4 : 16;
  if (isa == Isa::avx512) per_ns *= 1.8;
  if (isa == Isa::baseline) per_ns = is_float(dtype) ? 0.05 : 1;
  return 40 + std::max(multiplications / per_ns, bytes / 12);
}

ContractionPlan plan_exact_matmul(const MatmulDescriptor& d, Isa isa) {
  const MicroKernel& kernel = micro_kernel(d.dtype, isa);
  const PanelGrid grid = split_panels(d, kernel);
  ContractionPlan plan;
  if (grid.shared != PanelGrid::Shared::none) {
    const bool of_x = grid.shared == PanelGrid::Shared::x;
    const std::int64_t across = of_x ? d.batch * d.m : d.n;
    plan.pack = std::make_shared<PackOperand>(d, kernel, of_x);
    plan.pack_operand = of_x ? 0 : 1;
    plan.pack_units = ir::ceil_div(d.k, kPackRows);
    plan.packed_bytes = of_x ? kernel.packed_x_bytes(across, d.k) : kernel.packed_y_bytes(across, d.k);
    plan.pack_cost_ns = static_cast<double>(across) * static_cast<double>(d.k) * kPackNs;
  }
  plan.body = std::make_shared<ExactMatmul>(d, kernel, grid, isa);
  plan.units = grid.units;
  plan.engine = "micro_kernel";
  plan.rows_per_unit = grid.by_rows ? grid.extent : 0;
  const double rows = static_cast<double>(d.batch) * static_cast<double>(d.m);
  const double n = static_cast<double>(d.n), k = static_cast<double>(d.k);
  const double y_count = d.y_batch_stride == 0 ? 1 : static_cast<double>(d.batch);
  plan.cost_ns = exact_cost_ns(
      rows * n * k, (rows * k + y_count * n * k + rows * n) * static_cast<double>(byte_size(d.dtype)),
      d.dtype, isa);
  return plan;
}

}  // namespace leat::runtime::cpu
