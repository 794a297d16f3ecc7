#include "runtime/cuda/kernel_parameters.h"

#include <bit>

namespace leat::runtime::cuda {

ParameterLayout::ParameterLayout(const ir::Kernel& kernel) {
  const auto rank = static_cast<unsigned>(kernel.rank());
  accesses = kSizes + rank;
  pointers = accesses + kernel.access_count * (1 + rank);
  scalars = pointers + kernel.pointer_count;
  words = scalars + kernel.scalar_count;
}

std::vector<std::uint64_t> pack_parameters(const ir::Kernel& kernel, const ir::KernelLaunch& launch,
                                           std::uint64_t flags) {
  const ParameterLayout layout(kernel);
  std::vector<std::uint64_t> words;
  words.reserve(layout.words);
  const auto address = [](const void* pointer) { return std::bit_cast<std::uint64_t>(pointer); };
  words.push_back(address(launch.faults));
  words.push_back(flags);
  for (unsigned k = 0; k < layout.pointers - ParameterLayout::kSizes; ++k) {
    const unsigned rank = layout.accesses - ParameterLayout::kSizes;
    words.push_back(static_cast<std::uint64_t>(k < rank ? launch.sizes[k] : launch.accesses[k - rank]));
  }
  for (unsigned k = 0; k < kernel.pointer_count; ++k) words.push_back(address(launch.pointers[k]));
  for (unsigned k = 0; k < kernel.scalar_count; ++k) words.push_back(launch.scalars[k]);
  return words;
}

}  // namespace leat::runtime::cuda
