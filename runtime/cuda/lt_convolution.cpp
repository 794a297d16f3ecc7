#include "runtime/cuda/lt_convolution.h"

#include <algorithm>
#include <numeric>

#include "ir/extents.h"
#include "runtime/cuda/gpu.h"
#include "runtime/cuda/op_plan.h"

namespace leat::runtime::cuda {
namespace {

Status not_by_library(std::string why) { return Status(Code::unimplemented, std::move(why)); }

bool each_is(const std::vector<std::int64_t>& numbers, std::int64_t value) {
  return std::all_of(numbers.begin(), numbers.end(), [&](std::int64_t n) { return n == value; });
}

/// What all multiples of `bytes` are aligned to.
std::uint32_t alignment_of_steps(std::int64_t bytes) {
  return static_cast<std::uint32_t>(std::gcd(bytes, std::int64_t{LtMatmul::kAlignment}));
}

}  // namespace

StatusOr<std::shared_ptr<const LtConvolution>> LtConvolution::Plan(const Gpu& gpu,
                                                                   const cpu::ConvolutionDescriptor& d,
                                                                   bool tf32,
                                                                   std::int64_t most_column_bytes) {
  const auto element = static_cast<std::int64_t>(byte_size(d.dtype));
  const std::int64_t taps = ir::product(d.kernel), positions = ir::product(d.output);
  cpu::MatmulDescriptor m;
  m.dtype = d.dtype;
  m.m = d.out_channels / d.groups;
  m.k = d.channels / d.groups * taps;
  m.n = positions;
  m.x_m_stride = m.k;
  m.y_k_stride = positions;
  m.y_batch_stride = m.k * positions;
  if (!each_is(d.input_dilation, 1)) return not_by_library("most columns of a dilated input are zeros");
  if (m.m == 1) return not_by_library("groups of one output channel are products of one row");
  std::shared_ptr<LtConvolution> plan(new LtConvolution);
  plan->batch_ = d.batch;
  plan->x_image_bytes_ = d.channels * ir::product(d.input) * element;
  plan->out_image_bytes_ = d.out_channels * positions * element;
  plan->column_image_bytes_ = d.channels * taps * positions * element;
  plan->per_image_ = d.groups > 1;
  const bool as_it_is = taps == 1 && each_is(d.strides, 1) && each_is(d.low, 0) && each_is(d.high, 0);
  plan->images_ = d.batch;
  if (!as_it_is) {
    if (plan->column_image_bytes_ > most_column_bytes) {
      return not_by_library("the columns of one image are " + std::to_string(plan->column_image_bytes_) +
                            " bytes, more than " + std::to_string(most_column_bytes));
    }
    plan->images_ = std::min(d.batch, most_column_bytes / plan->column_image_bytes_);
    // Then each time begins at an address that is aligned as the first.
    if (plan->images_ < d.batch && plan->images_ > 16) plan->images_ &= ~std::int64_t{15};
    constexpr std::int64_t kMask = LtMatmul::kWorkspaceAlignment - 1;
    plan->column_bytes_ = (plan->images_ * plan->column_image_bytes_ + kMask) & ~kMask;
  }
  // Where a product of one image begins, or of one tile.
  const std::int64_t steps = plan->per_image_ ? 1 : plan->images_;
  LtRequest request;
  request.tf32 = tf32;
  request.y_alignment =
      plan->per_image_ ? alignment_of_steps(plan->column_image_bytes_) : std::uint32_t{LtMatmul::kAlignment};
  request.out_alignment = d.batch == steps ? std::uint32_t{LtMatmul::kAlignment}
                                           : alignment_of_steps(steps * plan->out_image_bytes_);
  const auto product_of = [&](std::int64_t images) {
    m.batch = plan->per_image_ ? d.groups : images;
    m.x_batch_stride = plan->per_image_ ? m.m * m.k : 0;
    return LtMatmul::Plan(gpu, m, request);
  };
  const std::int64_t rest = d.batch % plan->images_;
  auto product = product_of(plan->images_);
  if (!product.ok()) return product.status();
  plan->product_ = plan->last_product_ = *std::move(product);
  if (rest > 0 && !plan->per_image_) {
    auto last = product_of(rest);
    if (!last.ok()) return last.status();
    plan->last_product_ = *std::move(last);
  }
  plan->workspace_bytes_ = static_cast<std::int64_t>(
      std::max(plan->product_->workspace_bytes(), plan->last_product_->workspace_bytes()));
  plan->text_ = plan->product_->ToString();
  if (as_it_is) return std::shared_ptr<const LtConvolution>(std::move(plan));
  cpu::ConvolutionDescriptor some = d;
  some.batch = plan->images_;
  plan->columns_ = plan_im2col(some, gpu.description());
  some.batch = rest > 0 ? rest : plan->images_;
  plan->last_columns_ = plan_im2col(some, gpu.description());
  plan->text_ += " over im2col of " + std::to_string(plan->images_) + " of " + std::to_string(d.batch) +
                 " images " + std::to_string(plan->column_bytes_) + "B";
  return std::shared_ptr<const LtConvolution>(std::move(plan));
}

const OpLaunch* LtConvolution::columns(std::int64_t count) const {
  const OpPlan& plan = count == images_ ? columns_ : last_columns_;
  return plan.launches.empty() ? nullptr : &plan.launches[0];
}

Status LtConvolution::Run(Gpu& gpu, CuStream stream, const Memory& memory, std::int64_t first,
                          std::int64_t count) const {
  const LtMatmul& product = count == images_ ? *product_ : *last_product_;
  for (std::int64_t i = 0; i < (per_image_ ? count : 1); ++i) {
    LtMatmul::Memory one;
    one.x = memory.w;
    one.y = static_cast<const std::byte*>(memory.columns) + i * column_image_bytes_;
    one.out = static_cast<std::byte*>(memory.out) + (first + i) * out_image_bytes_;
    one.workspace = memory.workspace;
    if (Status s = product.Run(gpu, stream, one); !s.ok()) return s;
  }
  return {};
}

}  // namespace leat::runtime::cuda
