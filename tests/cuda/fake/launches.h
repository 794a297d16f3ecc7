// What launches on the fake GPU do: loop kernels by the tile evaluator, ops with code of their own on the
// emulated GPU.
//
//   FakeGpu gpu({.devices = 2});                         // resets the fake driver
//   Context context(gpu.options());  gpu.Serve(context.state()->engine());
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "compiler/codegen/cuda/kernel_ptx.h"
#include "runtime/cpu/pairwise_step.h"
#include "runtime/cpu/tile.h"
#include "runtime/cuda/gpu.h"
#include "runtime/engine/engine.h"
#include "tests/cuda/emulator.h"
#include "tests/cuda/fake/load.h"

namespace leat::fake_cuda {

class NoContext final : public runtime::StepContext {
 public:
  void Poison(std::size_t, const Status&, std::size_t) override {}
  bool stopping() const override { return false; }
};

/// A launch of an op: its IR, on the emulated GPU.
inline std::string run_op(FakeDriver& fake, const FakeLaunch& launch, const runtime::cuda::OpKernel& op) {
  static auto* const kMutex = new std::mutex;
  static auto* const kKnown = new std::map<std::string, std::unique_ptr<emulator::EmulatedKernel>>;
  const std::lock_guard lock(*kMutex);
  std::unique_ptr<emulator::EmulatedKernel>& kernel = (*kKnown)[runtime::cuda::print(op)];
  if (kernel == nullptr) {
    const auto text = compiler::codegen::kernel_gpu_llvm_text(op, "sm_90");
    if (!text.ok()) return text.status().ToString();
    auto loaded = emulator::EmulatedKernel::Load(*text);
    if (!loaded.ok()) return loaded.status().ToString();
    kernel = *std::move(loaded);
  }
  std::vector<std::uint64_t> words(op.words());
  std::memcpy(words.data(), launch.parameters, 8 * words.size());
  std::vector<emulator::Region> memory;
  for (std::size_t k = 0; k < words.size(); k = k == 0 ? op.kNumbers + op.numbers : k + 1) {
    void* const begin = fake.HostBlock(words[k]).first;
    if (begin == nullptr) continue;  // of no elements, or the emulator finds out
    const std::size_t bytes = fake.HostBlock(words[k]).second;
    words[k] = reinterpret_cast<std::uint64_t>(fake.HostAddress(words[k], 1));
    bool known = false;
    for (const emulator::Region& region : memory) known = known || region.begin == begin;
    if (!known) memory.push_back({begin, bytes, "block"});
  }
  runtime::cuda::LaunchGeometry geometry;
  geometry.blocks = launch.blocks;
  geometry.threads = launch.threads;
  geometry.shared_bytes = launch.shared_bytes;
  geometry.flags = words[runtime::cuda::ParameterLayout::kFlags];
  return kernel->Run(geometry, words, std::move(memory));
}

/// Runs a launch of `code` whose parameter block is `block`, with every address replaced by the fake's.
inline std::string run_launch(FakeDriver& fake, const runtime::cuda::GpuCode& code, const std::byte* block) {
  const ir::Kernel& kernel = code.kernel();
  const runtime::cuda::ParameterLayout& layout = code.layout();
  std::vector<std::uint64_t> words(layout.words);
  if (!layout.by_value()) {
    std::uint64_t address = 0;
    std::memcpy(&address, block, 8);
    block =
        static_cast<const std::byte*>(fake.HostAddress(address, static_cast<std::size_t>(layout.bytes())));
    if (block == nullptr) return "the parameters are not there";
  }
  std::memcpy(words.data(), block, static_cast<std::size_t>(layout.bytes()));
  const auto* sizes =
      reinterpret_cast<const std::int64_t*>(words.data() + runtime::cuda::ParameterLayout::kSizes);
  // What has no elements has no memory, and nothing reads it.
  const bool reads = std::all_of(sizes, sizes + kernel.rank(), [](std::int64_t n) { return n > 0; });
  std::vector<void*> pointers;
  for (std::size_t k = 0; k < kernel.pointer_count; ++k) {
    pointers.push_back(fake.HostAddress(words[layout.pointers + k], 1));
    if (pointers.back() == nullptr && reads) return "pointer " + std::to_string(k) + " is not there";
  }
  if (code.order() == runtime::cuda::GpuCode::Order::pairwise) {
    const DType dtype = kernel.dtype(kernel.outputs[0].value);
    NoContext context;
    context.pointers = pointers.data();
    const Status s = runtime::cpu::make_pairwise_step(kernel.body[0].op, dtype, sizes[1], sizes[0])
                         ->Execute(context, 0, 1);
    return s.ok() ? "" : s.ToString();
  }
  auto* const faults = static_cast<std::uint32_t*>(
      kernel.fault_count == 0 ? nullptr
                              : fake.HostAddress(words[runtime::cuda::ParameterLayout::kFaults],
                                                 4 * std::size_t{kernel.fault_count}));
  if (kernel.fault_count > 0 && faults == nullptr) return "the fault flags are not there";
  std::int64_t parallel = 1;
  for (int d = 0; d < kernel.parallel_rank; ++d) parallel *= sizes[d];
  const ir::KernelLaunch launch{
      .sizes = sizes,
      .accesses = reinterpret_cast<const std::int64_t*>(words.data() + layout.accesses),
      .pointers = pointers.data(),
      .scalars = words.data() + layout.scalars,
      .faults = faults};
  runtime::cpu::run_tiles(kernel, launch, 0, parallel);
  return "";
}

class FakeGpu {
 public:
  explicit FakeGpu(const FakeOptions& options = {}) : fake_(load_fake_driver()) {
    setenv("LEAT_NVJITLINK", "none", 0);  // what it makes nobody runs
    ::setenv("LEAT_CUBLASLT", LEAT_FAKE_CUBLASLT, 0);
    fake_.Reset(options);
  }
  ~FakeGpu() {
    EXPECT_EQ(fake_.TakeComplaints(), "");
    EXPECT_EQ(fake_.Leaks(), "");
  }
  FakeDriver& driver() { return fake_; }
  /// From now on launches are looked up among the kernels that this engine has loaded.
  void Serve(const runtime::Engine& engine) {
    const runtime::Engine* const e = &engine;
    FakeDriver* const fake = &fake_;
    fake_.SetLaunch([e, fake](const FakeLaunch& launch) -> std::string {
      for (int d = 0; d < e->devices(); ++d) {
        const runtime::cuda::Gpu* gpu = e->gpu(static_cast<runtime::DeviceId>(d));
        if (gpu == nullptr) continue;
        const auto code = gpu->CodeOf(launch.function);
        if (code == nullptr) continue;
        return code->order() == runtime::cuda::GpuCode::Order::op
                   ? run_op(*fake, launch, code->op())
                   : run_launch(*fake, *code, launch.parameters);
      }
      return "a function that no device has loaded";
    });
  }

 private:
  FakeDriver& fake_;
};

}  // namespace leat::fake_cuda
