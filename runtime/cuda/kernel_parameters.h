// The parameters of a kernel on a GPU: one block of 64-bit words, passed by value.
//
//   word 0             address of the fault flags
//   word 1             flags of the launch (LaunchGeometry::flags)
//   then               sizes, accesses, pointers and scalars, as ir::KernelLaunch holds them
//
// A block of more than kLargestByValue bytes (CUDA's limit for the parameters of a kernel on every device and
// driver) is not passed but pointed to: the kernel's one parameter is then the address of the block in device
// memory, which the launcher copies there, on the same stream, before the launch. A pure function of the
// kernel; any thread.
//
//   const ParameterLayout layout(kernel);
//   std::vector<std::uint64_t> words = pack_parameters(kernel, launch, geometry.flags);
//   void* parameters[] = {layout.by_value() ? words.data() : &address_of_words_on_the_device};
#pragma once

#include <vector>

#include "ir/kernel.h"

namespace leat::runtime::cuda {

/// The name of the entry of every kernel's PTX.
inline constexpr char kEntryName[] = "leat_kernel";

struct ParameterLayout {
  static constexpr std::int64_t kLargestByValue = 4096;
  static constexpr unsigned kFaults = 0, kFlags = 1, kSizes = 2;

  explicit ParameterLayout(const ir::Kernel& kernel);
  unsigned accesses, pointers, scalars;  // where they begin
  unsigned words;
  std::int64_t bytes() const { return std::int64_t{8} * words; }
  bool by_value() const { return bytes() <= kLargestByValue; }
};

/// How a kernel is launched: one-dimensional in blocks and threads. No block: there is nothing to do, and
/// nothing to launch. More than 48 KiB of shared memory need cuFuncSetAttribute first.
struct LaunchGeometry {
  std::uint32_t blocks = 0;
  std::uint32_t threads = 0;       // of a block; a multiple of 32
  std::uint32_t shared_bytes = 0;  // dynamic
  std::uint64_t flags = 0;         // word 1 of the parameters
  friend bool operator==(const LaunchGeometry&, const LaunchGeometry&) = default;
};

/// The block of a launch. The pointers of `launch`, that of its faults too, are addresses on the device.
std::vector<std::uint64_t> pack_parameters(const ir::Kernel& kernel, const ir::KernelLaunch& launch,
                                           std::uint64_t flags);

}  // namespace leat::runtime::cuda
