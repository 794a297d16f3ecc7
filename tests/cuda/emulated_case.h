// Runs kernels of tests through the emulator and compares every buffer and fault flag with the slow way, bit
// for bit.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "compiler/codegen/cuda/gpu_plan.h"
#include "compiler/codegen/cuda/kernel_ptx.h"
#include "tests/cuda/emulator.h"
#include "tests/runtime/random_kernel.h"

namespace leat::emulator {

using ir::Op;
using runtime::KernelCase;
using runtime::Random;
using Level = ir::Kernel::Level;
using Pattern = ir::Kernel::Pattern;

/// A small device: grids stride, so that blocks take several parts.
inline runtime::cuda::GpuDescription small_gpu() {
  runtime::cuda::GpuDescription gpu = *runtime::cuda::gpu_description("sm_90");
  gpu.multiprocessors = 1;
  gpu.blocks_per_multiprocessor = 1;
  return gpu;
}

/// The kernel's parameters and memory, with the bytes around each buffer forbidden.
inline std::string run_emulated(EmulatedKernel& kernel, KernelCase& c,
                                const runtime::cuda::LaunchGeometry& geometry) {
  const ir::KernelLaunch launch = c.Launch();
  std::vector<Region> memory;
  for (std::size_t k = 0; k < c.buffers.size(); ++k)
    memory.push_back({c.buffers[k].data(), c.buffers[k].size(), "buffer " + std::to_string(k)});
  memory.push_back({c.faults.data(), 4 * c.faults.size(), "faults"});
  return kernel.Run(geometry, runtime::cuda::pack_parameters(c.kernel, launch, geometry.flags), memory);
}

inline void expect_equal_buffers(const KernelCase& expected, const KernelCase& actual) {
  std::string sizes;
  for (std::int64_t n : actual.sizes) sizes += " " + std::to_string(n);
  for (const ir::Kernel::Output& output : actual.kernel.outputs) {
    const DType dtype = actual.kernel.dtype(output.value);
    const auto& want = expected.buffers[output.slot];
    const auto& got = actual.buffers[output.slot];
    const auto count = static_cast<std::int64_t>(want.size() / byte_size(dtype));
    const std::int64_t at = runtime::first_difference(dtype, want.data(), got.data(), count);
    if (at < 0) continue;
    std::uint64_t w = 0, g = 0;
    std::memcpy(&w, want.data() + static_cast<std::size_t>(at) * byte_size(dtype), byte_size(dtype));
    std::memcpy(&g, got.data() + static_cast<std::size_t>(at) * byte_size(dtype), byte_size(dtype));
    ADD_FAILURE() << "%" << output.value << "[" << at << "]: want " << std::hex << w << ", got " << g
                  << std::dec << "; sizes" << sizes << "\n"
                  << ir::print(actual.kernel);
  }
  EXPECT_EQ(expected.faults, actual.faults) << "sizes" << sizes << "\n" << ir::print(actual.kernel);
}

/// The kernel, compiled once for all sizes. Null after a failure of the test.
inline EmulatedKernel* emulated(const ir::Kernel& kernel) {
  static auto* known = new std::map<std::string, std::unique_ptr<EmulatedKernel>>;
  std::unique_ptr<EmulatedKernel>& slot = (*known)[ir::print(kernel)];
  if (slot != nullptr) return slot.get();
  const auto text = compiler::codegen::kernel_gpu_llvm_text(kernel, "sm_90");
  EXPECT_TRUE(text.ok()) << text.status().ToString() << "\n" << ir::print(kernel);
  if (!text.ok()) return nullptr;
  auto loaded = EmulatedKernel::Load(*text);
  EXPECT_TRUE(loaded.ok()) << loaded.status().ToString() << "\n" << *text;
  if (loaded.ok()) slot = *std::move(loaded);
  return slot.get();
}

/// Runs `c` as it would be launched on each device.
inline void expect_emulated(const KernelCase& c, const std::vector<runtime::cuda::GpuDescription>& gpus) {
  ASSERT_EQ(ir::check(c.kernel), "") << ir::print(c.kernel);
  KernelCase expected = c;
  run_slowly(expected);
  EmulatedKernel* const kernel = emulated(c.kernel);
  ASSERT_NE(kernel, nullptr);
  for (const runtime::cuda::GpuDescription& gpu : gpus) {
    KernelCase actual = c;
    const auto geometry = compiler::codegen::launch_geometry(c.kernel, c.sizes, gpu);
    const std::string complaint = run_emulated(*kernel, actual, geometry);
    ASSERT_EQ(complaint, "") << geometry.blocks << " blocks of " << geometry.threads << ", "
                             << geometry.shared_bytes << " bytes shared\n"
                             << ir::print(c.kernel);
    expect_equal_buffers(expected, actual);
  }
}

inline void expect_emulated(const KernelCase& c) { expect_emulated(c, {small_gpu()}); }

}  // namespace leat::emulator
