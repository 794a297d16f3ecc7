// Which engine a contraction gets, and the checks before it.
#include "runtime/cpu/contraction.h"

#include <initializer_list>

#include "runtime/cpu/engine_table.h"
#include "runtime/cpu/exact_engine.h"
#include "runtime/cpu/onednn.h"

namespace leat::runtime::cpu {
namespace {

bool product_fits(std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (const std::int64_t f : factors) {
    if (f == 0) return true;
  }
  for (const std::int64_t f : factors) {
    if (__builtin_mul_overflow(product, f, &product)) return false;
  }
  return product < (std::int64_t{1} << 58);
}

Status check(const MatmulDescriptor& d) {
  if (d.dtype == DType::bool_)
    return Status(Code::invalid_argument, "matmul of bool: it needs a numeric dtype");
  if (d.batch < 0 || d.m < 0 || d.n < 0 || d.k < 0) {
    return Status(Code::invalid_argument, "matmul with a negative extent: batch " + std::to_string(d.batch) +
                                              ", m " + std::to_string(d.m) + ", n " + std::to_string(d.n) +
                                              ", k " + std::to_string(d.k));
  }
  if (!product_fits({d.batch, d.m, d.n}) || !product_fits({d.batch, d.m, d.k}) ||
      !product_fits({d.batch, d.k, d.n})) {
    return Status(Code::invalid_argument, "matmul of more elements than can be addressed");
  }
  return {};
}

Status bad_convolution(std::string_view what) {
  return Status(Code::invalid_argument, "convolution: " + std::string(what));
}

Status check(const ConvolutionDescriptor& d) {
  const std::size_t rank = d.input.size();
  if (d.dtype == DType::bool_) return bad_convolution("a numeric dtype is needed, not bool");
  if (rank < 1 || rank > 3) return bad_convolution("1 to 3 spatial dimensions are needed");
  for (const auto* list :
       {&d.kernel, &d.output, &d.strides, &d.low, &d.high, &d.input_dilation, &d.dilation}) {
    if (list->size() != rank) return bad_convolution("every attribute needs one entry a spatial dimension");
  }
  if (d.groups < 1 || d.channels % d.groups != 0 || d.out_channels % d.groups != 0) {
    return bad_convolution("the groups must divide the channels");
  }
  std::int64_t in = 1, out = 1, kernel = 1;
  constexpr std::int64_t kMost = std::int64_t{1} << 58;
  bool fits = d.batch >= 0 && d.channels >= 0 && d.out_channels >= 0;
  for (std::size_t i = 0; i < rank; ++i) {
    fits = fits && d.input[i] >= 0 && d.kernel[i] >= 0 && d.output[i] >= 0 &&
           product_fits({in, d.input[i]}) && product_fits({out, d.output[i]}) &&
           product_fits({kernel, d.kernel[i]}) && d.strides[i] >= 1 && d.input_dilation[i] >= 1 &&
           d.dilation[i] >= 1 && d.low[i] > -kMost && d.low[i] < kMost &&
           product_fits({d.output[i], d.strides[i]}) && product_fits({d.kernel[i], d.dilation[i]});
    if (!fits) break;
    in *= d.input[i];
    out *= d.output[i];
    kernel *= d.kernel[i];
  }
  if (!fits || !product_fits({d.batch, d.channels, in}) || !product_fits({d.batch, d.out_channels, out}) ||
      !product_fits({d.out_channels, d.channels / d.groups, kernel})) {
    return bad_convolution("an extent is negative, or there are more elements than can be addressed");
  }
  if (d.x_block < 0 || d.out_block < 0) return bad_convolution("blocks have at least one channel");
  return {};
}

bool library_is_faster(const ConvolutionDescriptor& d, Isa isa) {
  std::int64_t taps = 1;
  double outputs = static_cast<double>(d.batch) * static_cast<double>(d.out_channels);
  for (const std::int64_t e : d.kernel) taps *= e;
  for (const std::int64_t e : d.output) outputs *= static_cast<double>(e);
  const double work = outputs * static_cast<double>(d.channels / d.groups * taps);
  return prefers_onednn(Contraction::convolution, d.dtype, isa, d.out_channels / d.groups, taps, work);
}

}  // namespace

StatusOr<ContractionPlan> plan_matmul(const MatmulDescriptor& descriptor) {
  if (Status status = check(descriptor); !status.ok()) return status;
  const Isa isa = host_isa();
  const double rows = static_cast<double>(descriptor.batch) * static_cast<double>(descriptor.m);
  const double work = rows * static_cast<double>(descriptor.n) * static_cast<double>(descriptor.k);
  if (!descriptor.exact &&
      prefers_onednn(Contraction::matmul, descriptor.dtype, isa, descriptor.batch * descriptor.m, 0, work)) {
    if (auto plan = plan_onednn_matmul(descriptor, isa)) return *std::move(plan);
  }
  return plan_exact_matmul(descriptor, isa);
}

StatusOr<ContractionPlan> plan_convolution(const ConvolutionDescriptor& descriptor) {
  if (Status status = check(descriptor); !status.ok()) return status;
  const Isa isa = host_isa();
  const bool blocked = descriptor.x_block > 0 || descriptor.out_block > 0;
  if (!descriptor.exact && blocked) {
    if (auto plan = plan_blocked_convolution(descriptor, isa)) return *std::move(plan);
  }
  if (!descriptor.exact && (blocked || library_is_faster(descriptor, isa))) {
    if (auto plan = plan_onednn_convolution(descriptor, isa)) return *std::move(plan);
  }
  if (blocked) return Status(Code::unimplemented, "convolution: no engine takes these arrays in blocks");
  return plan_exact_convolution(descriptor, isa);
}

ConvolutionLayouts preferred_layouts(const ConvolutionDescriptor& descriptor) {
  if (!check(descriptor).ok() || descriptor.exact) return {};
  const Isa isa = host_isa();
  ConvolutionLayouts layouts = onednn_convolution_layouts(descriptor, isa);
  layouts.wanted = layouts.block > 0 && library_is_faster(descriptor, isa);
  return layouts;
}

}  // namespace leat::runtime::cpu
