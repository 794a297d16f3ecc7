// What code generation and planning read of a GPU: plain data, so that every kernel, its launch geometry and
// every dump exist without one.
//
// Defaults are there for the architectures that Leat compiles for; a file of `key = value` lines describes
// any other machine, or a smaller one for tests. Immutable values; any thread.
//
//   StatusOr<GpuDescription> gpu = gpu_description("sm_90");   // an H100 or H200
//   gpu = parse_gpu_description("arch = sm_80\nmultiprocessors = 40\n");
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/status.h"

namespace leat::runtime::cuda {

struct GpuDescription {
  std::string arch;                               // "sm_90"
  int sm = 0;                                     // 90
  int multiprocessors = 0;                        // of the whole device
  int threads_per_multiprocessor = 0;             // resident at once
  int blocks_per_multiprocessor = 0;              // resident at once
  std::int64_t shared_per_multiprocessor = 0;     // bytes
  std::int64_t shared_per_block = 0;              // bytes, with the opt-in above 48 KiB
  std::int64_t reserved_shared_per_block = 1024;  // bytes that the system takes of each block's
  int device_sm = 0;                              // of the device at hand, which may be newer; 0: none is
  // For estimates: the data sheet's.
  std::int64_t f32_gflops = 0;       // of the whole device, without tensor cores
  std::int64_t f64_gflops = 0;       // the same
  std::int64_t f16_gflops = 0;       // dense products on tensor cores, bf16 too
  std::int64_t memory_gb_per_s = 0;  // of its own memory
  std::int64_t copy_gb_per_s = 0;    // from and to the host, over PCI Express, in one direction
};

/// The names that gpu_description knows, in ascending order: "sm_75", ...
std::span<const std::string_view> gpu_architectures();

/// The default description of an architecture. An unknown one is invalid_argument and lists the known.
StatusOr<GpuDescription> gpu_description(std::string_view arch);

/// Whether the device is at hand and runs machine code that is made for `arch`: of its generation, no newer.
bool takes_cubins(const GpuDescription& gpu);

/// The blocks, of `threads` threads and `shared` bytes each, of a kernel whose loop strides by the grid:
/// `wanted`, but no more than keep the device busy to the end.
std::uint32_t blocks_of_grid(std::int64_t wanted, int threads, std::int64_t shared,
                             const GpuDescription& gpu);

/// Lines `key = value`; `#` begins a comment. `arch` comes first and gives the defaults of all other keys:
/// multiprocessors, threads_per_multiprocessor, blocks_per_multiprocessor, shared_per_multiprocessor,
/// shared_per_block, f32_gflops, f64_gflops, f16_gflops, memory_gb_per_s, copy_gb_per_s. Anything else is
/// invalid_argument with its line number.
StatusOr<GpuDescription> parse_gpu_description(std::string_view text);

/// What parse_gpu_description reads.
std::string print(const GpuDescription& gpu);

class Driver;
/// A device as its driver describes it. Its architecture is the newest that Leat compiles for and the device
/// runs; failed_precondition where it is older than all.
StatusOr<GpuDescription> describe_device(const Driver& driver, int ordinal);
/// "gpu:0: NVIDIA H200, sm_90, 132 multiprocessors, 139 GiB", or why it cannot be used; none without a
/// driver.
std::vector<std::string> describe_gpus();

}  // namespace leat::runtime::cuda
