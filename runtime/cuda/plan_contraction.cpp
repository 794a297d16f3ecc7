#include <algorithm>
#include <bit>

#include "ir/extents.h"
#include "runtime/cuda/op_planner.h"

namespace leat::runtime::cuda {

using ir::Attr;
using ir::product;
using ir::Strides;

namespace {

/// Scores of attention that stand in scratch memory at once, at most, but for one query's.
constexpr std::int64_t kMostScoreBytes = std::int64_t{256} << 20;

/// The largest tile that still gives every multiprocessor one; larger tiles read less.
int tile_of(std::int64_t batch, std::int64_t m, std::int64_t n, DType accumulator,
            const GpuDescription& gpu) {
  // 8 x 8 sums of 8 bytes are more registers than a thread has.
  int tile = byte_size(accumulator) == 8 ? 64 : 128;
  while (tile > 32 && batch * ir::ceil_div(m, tile) * ir::ceil_div(n, tile) < gpu.multiprocessors) tile /= 2;
  return tile;
}

struct Tiled {
  OpKernel kernel;
  std::int64_t blocks = 0, shared = 0;
};

Tiled tile_contraction(OpKernel::Code code, DType x, DType y, DType result, std::int64_t batch,
                       std::int64_t m, std::int64_t n, const GpuDescription& gpu) {
  Tiled tiled;
  tiled.kernel.code = code;
  tiled.kernel.dtype = x;
  tiled.kernel.second = y;
  tiled.kernel.result = result;
  const DType accumulator = contraction_accumulator(x);
  const std::int64_t tile = tile_of(batch, m, n, accumulator, gpu);
  tiled.kernel.rank = static_cast<std::uint8_t>(tile);
  tiled.blocks = batch * ir::ceil_div(m, tile) * ir::ceil_div(n, tile);
  tiled.shared = 2 * 16 * (tile + 4) * static_cast<std::int64_t>(byte_size(accumulator));
  return tiled;
}

OpLaunch matmul_launch(const cpu::MatmulDescriptor& d, DType x, DType y, DType result,
                       const GpuDescription& gpu) {
  Tiled tiled = tile_contraction(OpKernel::Code::matmul, x, y, result, d.batch, d.m, d.n, gpu);
  if (d.x_k_stride == 1) tiled.kernel.variant |= kXAlongDepth;
  if (d.y_k_stride == 1 && d.y_n_stride != 1) tiled.kernel.variant |= kYAlongDepth;
  OpLaunch launch;
  launch.kernel = tiled.kernel;
  launch.geometry.threads = static_cast<std::uint32_t>(threads_of(tiled.kernel));
  launch.geometry.shared_bytes = static_cast<std::uint32_t>(tiled.shared);
  launch.geometry.blocks = blocks_of_grid(tiled.blocks, threads_of(tiled.kernel), tiled.shared, gpu);
  launch.numbers = {d.batch,          d.m,          d.n,          d.k,
                    d.x_batch_stride, d.x_m_stride, d.x_k_stride, d.y_batch_stride,
                    d.y_k_stride,     d.y_n_stride};
  launch.pointers = {{0, 0}, {1, 0}, {2, 0}};
  launch.kernel.numbers = static_cast<std::uint16_t>(launch.numbers.size());
  launch.kernel.pointers = static_cast<std::uint16_t>(launch.pointers.size());
  return launch;
}

/// One stride for several dimensions in row-major order, or nothing where they do not run on.
bool collapse(const Shape& shape, const Strides& strides, const std::vector<std::int64_t>& dims,
              std::int64_t& count, std::int64_t& stride) {
  count = 1;
  stride = 0;
  for (std::size_t i = dims.size(); i-- > 0;) {
    const auto d = static_cast<std::size_t>(dims[i]);
    if (shape[d] == 1) continue;
    if (count == 1) {
      stride = strides[d];
    } else if (strides[d] != stride * count) {
      return false;
    }
    count *= shape[d];
  }
  return true;
}

std::vector<std::int64_t> free_dims(const Shape& shape, const std::vector<std::int64_t>& batch,
                                    const std::vector<std::int64_t>& contract) {
  std::vector<std::int64_t> dims;
  for (std::int64_t d = 0; d < shape.rank(); ++d) {
    if (std::count(batch.begin(), batch.end(), d) + std::count(contract.begin(), contract.end(), d) == 0)
      dims.push_back(d);
  }
  return dims;
}

}  // namespace

OpPlan plan_exact_matmul(const cpu::MatmulDescriptor& d, const GpuDescription& gpu) {
  OpPlan plan;
  if (d.batch * d.m * d.n > 0) plan.launches.push_back(matmul_launch(d, d.dtype, d.dtype, d.dtype, gpu));
  return plan;
}

Status OpPlanner::PlanDot() {
  const auto &batch_x = attrs().integers(Attr::batch_x), &contract_x = attrs().integers(Attr::contract_x);
  const auto &batch_y = attrs().integers(Attr::batch_y), &contract_y = attrs().integers(Attr::contract_y);
  const Strides x = ir::row_major_strides(shape(0).dims()), y = ir::row_major_strides(shape(1).dims());
  cpu::MatmulDescriptor d;
  d.dtype = dtype();
  const bool one_stride_each =
      collapse(shape(0), x, batch_x, d.batch, d.x_batch_stride) &&
      collapse(shape(0), x, free_dims(shape(0), batch_x, contract_x), d.m, d.x_m_stride) &&
      collapse(shape(0), x, contract_x, d.k, d.x_k_stride) &&
      collapse(shape(1), y, batch_y, d.batch, d.y_batch_stride) &&
      collapse(shape(1), y, contract_y, d.k, d.y_k_stride) &&
      collapse(shape(1), y, free_dims(shape(1), batch_y, contract_y), d.n, d.y_n_stride);
  if (!one_stride_each) {
    return Status(leat::Code::unimplemented,
                  "dot_general over dimensions that do not run on has no code for a GPU");
  }
  plan_ = plan_exact_matmul(d, gpu_);
  return {};
}

Status OpPlanner::PlanConvolution() {
  const Shape &x = shape(0), &w = shape(1), &result = result_shape();
  const std::size_t spatial = x.size() - 2, lead = 3 - spatial;
  std::int64_t extent[3] = {1, 1, 1}, kernel[3] = {1, 1, 1}, positions[3] = {1, 1, 1}, stride[3] = {1, 1, 1},
               low[3] = {0, 0, 0}, holes[3] = {1, 1, 1}, dilation[3] = {1, 1, 1};
  std::uint8_t variant = kXAlongDepth;
  for (std::size_t d = 0; d < spatial; ++d) {
    const std::size_t s = lead + d;
    extent[s] = x[d + 2];
    kernel[s] = w[d + 2];
    positions[s] = result[d + 2];
    stride[s] = attrs().integers(Attr::strides)[d];
    low[s] = attrs().integers(Attr::low)[d];
    holes[s] = attrs().integers(Attr::input_dilation)[d];
    dilation[s] = attrs().integers(Attr::dilation)[d];
    const std::int64_t last = (positions[s] - 1) * stride[s] - low[s] + (kernel[s] - 1) * dilation[s];
    if (holes[s] > 1) variant |= kHolesInInput | kAbsentTaps;
    if (low[s] > 0 || last >= extent[s]) variant |= kAbsentTaps;
    // A tap holds offsets of 32 bits.
    if ((kernel[s] - 1) * dilation[s] >= std::int64_t{1} << 31)
      return Status(leat::Code::unimplemented, "convolution with so large a dilation has no code for a GPU");
  }
  const std::int64_t groups = attrs().integer(Attr::groups), m = w[0] / groups, group_channels = w[1];
  const std::int64_t plane = positions[0] * positions[1] * positions[2];
  const std::int64_t kernel_size = kernel[0] * kernel[1] * kernel[2];
  const std::int64_t n = x[0] * plane;
  // Over no x at all every sum is empty.
  const std::int64_t k = x.num_elements() == 0 ? 0 : group_channels * kernel_size;
  const OpPointer taps = Scratch(16 * k);
  OpKernel find;
  find.code = Code::convolution_taps;
  find.dtype = find.second = find.result = DType::i32;
  Launch(find, {k, kernel_size, kernel[1], kernel[2], dilation[0], dilation[1], dilation[2]}, {taps}, k);
  Tiled tiled = tile_contraction(Code::convolution, dtype(), dtype(), dtype(), groups, m, n, gpu_);
  tiled.kernel.variant = variant;
  if ((variant & kAbsentTaps) != 0) tiled.shared += std::int64_t{16} * (tiled.kernel.rank + 4);
  LaunchBlocks(tiled.kernel,
               {groups,
                m,
                n,
                k,
                m * k,
                k,
                1,
                plane,
                positions[1],
                positions[2],
                extent[0],
                extent[1],
                extent[2],
                stride[0],
                stride[1],
                stride[2],
                low[0],
                low[1],
                low[2],
                holes[0],
                holes[1],
                holes[2],
                x[1],
                group_channels},
               {Operand(1), Operand(0), Result(0), taps}, tiled.blocks, tiled.shared);
  return {};
}

void OpPlanner::PlanAttention() {
  const Shape &q = shape(0), &v = shape(2);
  const std::size_t lead = q.size() - 2;
  const std::int64_t batches = product(q.dims(), 0, lead);
  const std::int64_t queries = q[lead], width = q[lead + 1], keys = v[lead], columns = v[lead + 1];
  const DType accumulator = contraction_accumulator(dtype());
  const auto bytes = static_cast<std::int64_t>(byte_size(accumulator));
  const bool masked = operands_.size() == 4;
  // As many queries at a time as the scratch memory takes: of whole batches, or of one.
  const std::int64_t most =
      std::max<std::int64_t>(1, kMostScoreBytes / std::max<std::int64_t>(1, keys * bytes));
  const std::int64_t many_batches = std::min(batches, std::max<std::int64_t>(1, most / queries));
  const std::int64_t many_queries = std::min(queries, most);
  const OpPointer scores = Scratch(many_batches * many_queries * keys * bytes);
  const OpPointer sums = Scratch(many_batches * many_queries * bytes);
  OpKernel softmax;
  softmax.code = Code::attention_rows;
  softmax.dtype = softmax.second = dtype();
  softmax.result = accumulator;
  softmax.variant =
      static_cast<std::uint8_t>((attrs().boolean(Attr::causal) ? kCausal : 0) | (masked ? kMasked : 0));
  const double scale = attrs().real(Attr::scale);
  const auto scale_bits = accumulator == DType::f64
                              ? std::bit_cast<std::int64_t>(scale)
                              : std::int64_t{std::bit_cast<std::int32_t>(static_cast<float>(scale))};
  const auto at = [&](OpPointer pointer, std::int64_t element) {
    pointer.offset += element * element_bytes();
    return pointer;
  };
  for (std::int64_t b = 0; b < batches; b += many_batches) {
    const std::int64_t batch = std::min(many_batches, batches - b);
    for (std::int64_t i = 0; i < queries; i += many_queries) {
      const std::int64_t m = std::min(many_queries, queries - i), row = b * queries + i;
      cpu::MatmulDescriptor d;
      d.batch = batch;
      d.m = m;
      d.n = keys;
      d.k = width;
      d.x_batch_stride = queries * width;
      d.x_m_stride = width;
      d.x_k_stride = 1;
      d.y_batch_stride = keys * width;
      d.y_k_stride = 1;
      d.y_n_stride = width;
      if (keys > 0) {
        OpLaunch score = matmul_launch(d, dtype(), dtype(), accumulator, gpu_);
        score.pointers = {at(Operand(0), row * width), at(Operand(1), b * keys * width), scores};
        plan_.launches.push_back(std::move(score));
      }
      std::vector<OpPointer> pointers = {scores, sums};
      if (masked) pointers.push_back(at(Operand(3), row * keys));
      LaunchBlocks(softmax, {batch * m, keys, m, i, keys - queries, scale_bits}, std::move(pointers),
                   ir::ceil_div(batch * m, 8), 0);
      d.n = columns;
      d.k = keys;
      d.x_batch_stride = m * keys;
      d.x_m_stride = keys;
      d.y_batch_stride = keys * columns;
      d.y_k_stride = columns;
      d.y_n_stride = 1;
      OpLaunch value = matmul_launch(d, accumulator, dtype(), dtype(), gpu_);
      value.kernel.variant |= kDividedRows;
      value.pointers = {scores, at(Operand(2), b * keys * columns), at(Result(0), row * columns), sums};
      value.kernel.pointers = static_cast<std::uint16_t>(value.pointers.size());
      plan_.launches.push_back(std::move(value));
    }
  }
}

}  // namespace leat::runtime::cuda
