#include <algorithm>
#include <bit>

#include "ir/extents.h"
#include "runtime/cuda/op_planner.h"

namespace leat::runtime::cuda {

using ir::Attr;
using ir::product;
using ir::Strides;

namespace {

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

Tiled tile_contraction(OpKernel::Code code, DType dtype, std::int64_t batch, std::int64_t m, std::int64_t n,
                       const GpuDescription& gpu) {
  Tiled tiled;
  tiled.kernel.code = code;
  tiled.kernel.dtype = tiled.kernel.second = dtype;
  const DType accumulator = contraction_accumulator(dtype);
  const std::int64_t tile = tile_of(batch, m, n, accumulator, gpu);
  tiled.kernel.rank = static_cast<std::uint8_t>(tile);
  tiled.blocks = batch * ir::ceil_div(m, tile) * ir::ceil_div(n, tile);
  tiled.shared = 2 * 16 * (tile + 4) * static_cast<std::int64_t>(byte_size(accumulator));
  return tiled;
}

OpLaunch matmul_launch(const cpu::MatmulDescriptor& d, const GpuDescription& gpu) {
  Tiled tiled = tile_contraction(OpKernel::Code::matmul, d.dtype, d.batch, d.m, d.n, gpu);
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
  if (d.batch * d.m * d.n > 0) plan.launches.push_back(matmul_launch(d, gpu));
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
  find.dtype = find.second = DType::i32;
  Launch(find, {k, kernel_size, kernel[1], kernel[2], dilation[0], dilation[1], dilation[2]}, {taps}, k);
  Tiled tiled = tile_contraction(Code::convolution, dtype(), groups, m, n, gpu_);
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
  // A block has the scores of its queries with 64 keys, and a result for each of its columns, in registers:
  // of 64 x 128 numbers of 4 bytes, or 64 x 64 of 8.
  std::int64_t across = 32, down = 64;
  while (across < columns && across * bytes < 512) across *= 2;
  const auto shared = [&] {
    return kAttentionKeys * (down + 4 + std::max(kAttentionKeys, across) + 4) * bytes;
  };
  const auto blocks = [&] { return batches * ir::ceil_div(queries, down) * ir::ceil_div(columns, across); };
  while (down > 16 && (blocks() < gpu_.multiprocessors || shared() > gpu_.shared_per_block)) down /= 2;
  OpKernel kernel;
  kernel.code = Code::attention;
  kernel.dtype = kernel.second = dtype();
  kernel.rank = static_cast<std::uint8_t>(down);
  kernel.word = static_cast<std::uint8_t>(across);
  kernel.variant =
      static_cast<std::uint8_t>((attrs().boolean(Attr::causal) ? kCausal : 0) | (masked ? kMasked : 0));
  const double scale = attrs().real(Attr::scale);
  const auto scale_bits = accumulator == DType::f64
                              ? std::bit_cast<std::int64_t>(scale)
                              : std::int64_t{std::bit_cast<std::int32_t>(static_cast<float>(scale))};
  std::vector<OpPointer> pointers = {Operand(0), Operand(1), Operand(2), Result(0)};
  if (masked) pointers.push_back(Operand(3));
  LaunchBlocks(kernel, {batches, queries, keys, width, columns, scale_bits}, std::move(pointers), blocks(),
               shared());
}

}  // namespace leat::runtime::cuda
