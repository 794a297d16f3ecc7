#include "runtime/cuda/op_plan.h"

namespace leat::runtime::cuda {

OpPlan plan_im2col(const cpu::ConvolutionDescriptor& d, const GpuDescription& gpu) {
  const std::size_t rank = d.kernel.size();
  OpLaunch launch;
  launch.kernel.code = OpKernel::Code::im2col;
  launch.kernel.dtype = DType::u8;  // one code for all elements of a size
  launch.kernel.second = DType::i64;
  launch.kernel.word = static_cast<std::uint8_t>(byte_size(d.dtype));
  launch.kernel.rank = static_cast<std::uint8_t>(rank);
  std::int64_t count = d.batch * d.channels;
  launch.numbers = {0};
  for (std::size_t s = 0; s < rank; ++s) {
    count *= d.kernel[s] * d.output[s];
    for (const std::int64_t number :
         {d.output[s], d.kernel[s], d.input[s], d.strides[s], d.low[s], d.dilation[s]}) {
      launch.numbers.push_back(number);
    }
    const std::int64_t last = (d.output[s] - 1) * d.strides[s] - d.low[s] + (d.kernel[s] - 1) * d.dilation[s];
    if (d.low[s] > 0 || last >= d.input[s]) launch.kernel.variant = kAbsentTaps;
  }
  launch.numbers[0] = count;
  launch.pointers = {{0, 0}, {1, 0}};
  launch.kernel.numbers = static_cast<std::uint16_t>(launch.numbers.size());
  launch.kernel.pointers = static_cast<std::uint16_t>(launch.pointers.size());
  const int threads = threads_of(launch.kernel);
  launch.geometry.threads = static_cast<std::uint32_t>(threads);
  launch.geometry.blocks = blocks_of_grid((count + threads - 1) / threads, threads, 0, gpu);
  OpPlan plan;
  if (count > 0) plan.launches.push_back(std::move(launch));
  return plan;
}

}  // namespace leat::runtime::cuda
