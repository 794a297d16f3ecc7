// Convolutions on the micro-kernel: per image and group, weights [o, k] times the patches [k, positions].
//
// k runs over (channel in the group, kernel position) as the weights do, and absent positions are skipped,
// so the bits are the interpreter's. Patches are built strip by strip in cache, never as a whole.
#include <algorithm>
#include <new>

#include "ir/extents.h"
#include "runtime/cpu/exact_engine.h"
#include "runtime/cpu/packed_constant.h"

namespace leat::runtime::cpu {
namespace {

Patches patches_of(const ConvolutionDescriptor& d) {
  Patches p;
  const std::size_t rank = d.input.size();
  for (std::size_t i = 0; i < 3; ++i) {
    const bool there = i + rank >= 3;
    const std::size_t s = there ? i + rank - 3 : 0;
    p.input[i] = there ? d.input[s] : 1;
    p.kernel[i] = there ? d.kernel[s] : 1;
    p.output[i] = there ? d.output[s] : 1;
    p.strides[i] = there ? d.strides[s] : 1;
    p.low[i] = there ? d.low[s] : 0;
    p.input_dilation[i] = there ? d.input_dilation[s] : 1;
    p.dilation[i] = there ? d.dilation[s] : 1;
    const std::int64_t greatest =
        (p.output[i] - 1) * p.strides[i] + (p.kernel[i] - 1) * p.dilation[i] - p.low[i];
    p.padded |= p.low[i] > 0 || p.input_dilation[i] > 1 || greatest >= p.input[i];
  }
  return p;
}

/// The panels: `blocks` are the products, one per image and group.
struct ConvolutionGrid {
  std::int64_t blocks_per_unit = 1;            // whole products, where there are enough of them;
  std::int64_t row_parts = 1, rows = 0;        // else parts of one product:
  std::int64_t column_parts = 1, columns = 0;  // rows and columns of a part
  std::int64_t units = 1;
};

ConvolutionGrid split_convolution(std::int64_t blocks, std::int64_t m, std::int64_t n, std::int64_t k,
                                  const MicroKernel& kernel) {
  // As split_panels; a part of the rows builds all patches, so it has more rows.
  constexpr double kPanelMultiplications = 5e5;
  constexpr std::int64_t kMostPanels = 64, kManyPanels = 16, kLeastRows = 96;
  const double work = static_cast<double>(blocks * m) * static_cast<double>(n) * static_cast<double>(k);
  const std::int64_t wanted = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(std::min(work / kPanelMultiplications, 1.0 * kMostPanels)));
  ConvolutionGrid grid;
  grid.rows = m;
  grid.columns = n;
  if (blocks >= kManyPanels || blocks >= wanted || work == 0) {
    grid.blocks_per_unit = std::max<std::int64_t>(1, ir::ceil_div(blocks, wanted));
    grid.units = std::max<std::int64_t>(1, ir::ceil_div(blocks, grid.blocks_per_unit));
    return grid;
  }
  const std::int64_t parts = ir::ceil_div(wanted, std::max<std::int64_t>(1, blocks));
  const std::int64_t strips = ir::ceil_div(n, kernel.tile_columns);
  const std::int64_t strips_per_part =
      ir::ceil_div(strips, std::min(parts, std::max<std::int64_t>(1, strips / 2)));
  grid.columns = strips_per_part * kernel.tile_columns;
  grid.column_parts = ir::ceil_div(n, grid.columns);
  const std::int64_t row_parts = std::clamp<std::int64_t>(
      std::min(kManyPanels / (grid.column_parts * blocks), m / kLeastRows), 1, kMostPanels);
  grid.rows = ir::ceil_div(ir::ceil_div(m, row_parts), kernel.tile_rows) * kernel.tile_rows;
  grid.row_parts = ir::ceil_div(m, grid.rows);
  grid.units = blocks * grid.row_parts * grid.column_parts;
  return grid;
}

class ExactConvolution final : public StepBody {
 public:
  ExactConvolution(const ConvolutionDescriptor& d, const MicroKernel& kernel, Isa isa)
      : d_(d), patches_(patches_of(d)), kernel_(kernel), isa_(isa) {
    m_ = d.out_channels / d.groups;
    n_ = ir::product(d.output);
    channels_ = d.channels / d.groups;
    k_ = channels_ * ir::product(d.kernel);
    input_size_ = ir::product(d.input);
    blocks_ = d.batch * d.groups;
    grid_ = split_convolution(blocks_, m_, n_, k_, kernel);
    packed_rows_ = ir::ceil_div(m_, kernel.tile_rows) * kernel.tile_rows;
    packed_bytes_ = ir::ceil_div(kernel.packed_x_bytes(m_, k_), 64) * 64;
    element_ = static_cast<std::int64_t>(byte_size(d.dtype));
  }

  const ConvolutionGrid& grid() const { return grid_; }

  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    try {
      const PackedConstant::Use packed =
          d_.w_is_constant && k_ > 0 ? Packed(context.pointers[1]) : PackedConstant::Use();
      for (std::int64_t u = begin; u < end; ++u) {
        if (context.stopping()) return Status(Code::cancelled, "the run was stopped during a convolution");
        const std::int64_t parts = grid_.row_parts * grid_.column_parts;
        const std::int64_t first = u / parts * grid_.blocks_per_unit;
        for (std::int64_t b = first; b < std::min(first + grid_.blocks_per_unit, blocks_); ++b) {
          Part(context, packed.data(), b, u % parts / grid_.column_parts, u % grid_.column_parts);
        }
      }
    } catch (const std::bad_alloc&) {
      return Status(Code::resource_exhausted, "no memory for the patches of a convolution");
    }
    return {};
  }

  std::string_view kind() const override { return "convolution"; }

  std::string ToString() const override {
    return "convolution " + std::string(name(d_.dtype)) + " batch=" + std::to_string(d_.batch) +
           " groups=" + std::to_string(d_.groups) + " m=" + std::to_string(m_) + " n=" + std::to_string(n_) +
           " k=" + std::to_string(k_) + " micro_kernel(" + std::string(name(isa_)) + ")";
  }

 private:
  void Part(StepContext& context, const std::byte* packed, std::int64_t b, std::int64_t row_part,
            std::int64_t column_part) const {
    const std::int64_t image = b / d_.groups, group = b % d_.groups;
    const std::int64_t row = row_part * grid_.rows, column = column_part * grid_.columns;
    Block block = WeightBlock(context.pointers[1], group);
    block.m = std::min(grid_.rows, m_ - row);
    block.n = std::min(grid_.columns, n_ - column);
    block.y = static_cast<const std::byte*>(context.pointers[0]) +
              (image * d_.channels + group * channels_) * input_size_ * element_;
    block.patches = &patches_;
    block.first_column = column;
    block.out = static_cast<std::byte*>(context.pointers[2]) + ((b * m_ + row) * n_ + column) * element_;
    block.out_stride = n_;
    block.x = static_cast<const std::byte*>(block.x) + row * k_ * element_;
    if (packed != nullptr) {
      block.packed_x = packed + group * packed_bytes_;
      block.packed_x_first_row = row;
      block.packed_x_rows = packed_rows_;
      block.x_magnitudes = reinterpret_cast<const Magnitudes*>(packed + d_.groups * packed_bytes_)[group];
    } else {
      if (patches_.padded) block.x_magnitudes = kernel_.scan_x(block);
    }
    kernel_.multiply(block);
  }

  Block WeightBlock(const void* w, std::int64_t group) const {
    Block block;
    block.m = m_;
    block.k = k_;
    block.x = static_cast<const std::byte*>(w) + group * m_ * k_ * element_;
    block.x_m_stride = k_;
    return block;
  }

  PackedConstant::Use Packed(const void* w) const {
    const std::int64_t magnitudes = d_.groups * static_cast<std::int64_t>(sizeof(Magnitudes));
    return constant_.Get(
        d_.groups * packed_bytes_ + magnitudes, w, m_ * d_.groups * k_ * element_, [&](std::byte* to) {
          for (std::int64_t g = 0; g < d_.groups; ++g) {
            const Block block = WeightBlock(w, g);
            kernel_.pack_x(block, 0, k_, to + g * packed_bytes_);
            new (to + d_.groups * packed_bytes_ + g * static_cast<std::int64_t>(sizeof(Magnitudes)))
                Magnitudes(kernel_.scan_x(block));
          }
        });
  }

  const ConvolutionDescriptor d_;
  const Patches patches_;
  const MicroKernel& kernel_;
  const Isa isa_;
  ConvolutionGrid grid_;
  std::int64_t m_, n_, k_, channels_, input_size_, blocks_, packed_rows_, packed_bytes_, element_;
  PackedConstant constant_;
};

}  // namespace

ContractionPlan plan_exact_convolution(const ConvolutionDescriptor& d, Isa isa) {
  auto body = std::make_shared<ExactConvolution>(d, micro_kernel(d.dtype, isa), isa);
  const ConvolutionGrid& grid = body->grid();
  ContractionPlan plan;
  plan.units = grid.units;
  plan.engine = "micro_kernel";
  if (grid.row_parts * grid.column_parts == 1)
    plan.rows_per_unit = grid.blocks_per_unit * d.out_channels / d.groups;
  const double outputs =
      static_cast<double>(d.batch * d.out_channels) * static_cast<double>(ir::product(d.output));
  const double k = static_cast<double>(d.channels / d.groups) * static_cast<double>(ir::product(d.kernel));
  // Building the patches costs about as much as 16 rows of tiles.
  const double rows = static_cast<double>(d.out_channels / d.groups);
  plan.cost_ns = exact_cost_ns(outputs * k * (1 + 16 / std::max(1.0, rows)),
                               outputs * static_cast<double>(byte_size(d.dtype)), d.dtype, isa);
  plan.body = std::move(body);
  return plan;
}

}  // namespace leat::runtime::cpu
