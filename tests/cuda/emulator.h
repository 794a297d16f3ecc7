// Runs the LLVM IR of a GPU kernel on the host, for tests without a GPU.
//
// The module that the PTX is generated from is compiled for the host; thread and block numbers, barriers,
// shuffles and memory accesses become calls into the emulator. The threads of a block are fibers on the
// calling thread; blocks run one after the other. Beside the results it finds what a GPU would not say:
// accesses outside the buffers, misaligned ones, shared memory that is read before it is written, two threads
// that use the same bytes without a barrier between (blocks: at all), and barriers or shuffles that not all
// threads reach.
//
//   auto kernel = EmulatedKernel::Load(*kernel_gpu_llvm_text(kernel, "sm_90"));
//   std::string complaint = (*kernel)->Run(geometry, parameters, {{buffer.data(), buffer.size(), "x"}});
//
// A kernel may be run any number of times; not by two threads at once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "leat/status.h"
#include "runtime/cuda/kernel_parameters.h"

namespace leat::emulator {

/// Memory of the device that the kernel may use.
struct Region {
  void* begin = nullptr;
  std::size_t bytes = 0;
  std::string name;
};

class EmulatedKernel {
 public:
  /// `llvm_text` defines runtime::cuda::kEntryName for NVPTX.
  static StatusOr<std::unique_ptr<EmulatedKernel>> Load(const std::string& llvm_text);
  virtual ~EmulatedKernel() = default;
  /// Runs the grid. The first complaint, or "". `parameters` is passed as the block itself; the kernel of an
  /// indirect block reads it as device memory.
  virtual std::string Run(const runtime::cuda::LaunchGeometry& launch,
                          const std::vector<std::uint64_t>& parameters, std::vector<Region> memory) = 0;
};

}  // namespace leat::emulator
