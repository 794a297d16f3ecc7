// A kernel as a step on a GPU.
#include <algorithm>
#include <cstring>

#include "absl/container/inlined_vector.h"
#include "runtime/cuda/gpu_run.h"
#include "runtime/cuda/gpu_steps.h"

namespace leat::runtime::cuda {
namespace {

class LaunchStep final : public GpuStepBody {
 public:
  LaunchStep(DeviceId device, std::shared_ptr<const GpuCode> code, KernelStep::Arguments arguments,
             LaunchGeometry geometry)
      : GpuStepBody(device),
        code_(std::move(code)),
        arguments_(std::move(arguments)),
        geometry_(geometry),
        fault_bytes_((4 * arguments_.faults.size() + 63) / 64 * 64) {
    const std::vector<void*> nowhere(code_->kernel().pointer_count, nullptr);
    words_ = pack_parameters(code_->kernel(),
                             {.sizes = arguments_.sizes.data(),
                              .accesses = arguments_.accesses.data(),
                              .pointers = nowhere.data(),
                              .scalars = arguments_.scalars.data(),
                              .faults = nullptr},
                             geometry_.flags);
  }

  InGraph in_graph() const override { return InGraph::kernels; }
  Status Launch(StepContext& context, LaunchTarget& target) const override {
    if (geometry_.blocks == 0) return {};
    const GpuRun& run = *context.gpu(device());
    const StatusOr<CuFunction> function = run.gpu().Load(code_, geometry_.shared_bytes);
    if (!function.ok()) return function.status();
    const ParameterLayout& layout = code_->layout();
    absl::InlinedVector<std::uint64_t, 64> words(words_.begin(), words_.end());
    if (fault_bytes_ > 0)
      words[ParameterLayout::kFaults] = reinterpret_cast<std::uint64_t>(run.flags(context.step_ordinal()));
    for (std::size_t k = 0; k < code_->kernel().pointer_count; ++k)
      words[layout.pointers + k] = reinterpret_cast<std::uint64_t>(context.pointers[k]);
    // A block that is too large to pass lies in pinned memory, which the device reads where it is.
    std::byte* const block = layout.by_value() ? nullptr : run.block(context.step_ordinal());
    if (block != nullptr) std::memcpy(block, words.data(), 8 * words.size());
    std::uint64_t address = reinterpret_cast<std::uint64_t>(block);
    void* parameters[] = {block != nullptr ? static_cast<void*>(&address) : words.data()};
    return target.Launch(*function, geometry_, parameters);
  }

  // The flags lie in pinned memory: what the kernel wrote there is seen once the stream is known to be past
  // it.
  void CollectFaults(StepContext& context) const override {
    const auto* flags =
        reinterpret_cast<const std::uint32_t*>(context.gpu(device())->flags(context.step_ordinal()));
    for (std::size_t k = 0; k < arguments_.faults.size(); ++k) {
      if (flags[k] == 0) continue;
      const KernelStep::Fault& fault = arguments_.faults[k];
      for (std::uint32_t use : fault.uses) context.Poison(use, fault.status, fault.source);
    }
  }
  bool may_fault() const override { return !arguments_.faults.empty(); }

  std::size_t flag_bytes() const override { return fault_bytes_; }
  std::size_t block_bytes() const override { return code_->layout().by_value() ? 0 : 8 * words_.size(); }
  std::string_view kind() const override { return "launch"; }
  std::string ToString() const override {
    std::string text =
        std::to_string(geometry_.blocks) + " blocks of " + std::to_string(geometry_.threads) + " threads [";
    for (std::size_t d = 0; d < arguments_.sizes.size(); ++d)
      text += (d > 0 ? "," : "") + std::to_string(arguments_.sizes[d]);
    text += "]";
    for (const ir::Kernel::Instruction& instruction : code_->kernel().body) {
      text += ' ';
      text += ir::name(instruction.op);
    }
    return text;
  }
  std::vector<std::shared_ptr<const GpuCode>> codes() const override { return {code_}; }
  bool Depends(std::size_t write, std::size_t read) const override {
    return code_->order() != GpuCode::Order::kernel || ir::reads(code_->kernel(), write, read);
  }

 private:
  const std::shared_ptr<const GpuCode> code_;
  const KernelStep::Arguments arguments_;
  const LaunchGeometry geometry_;
  const std::size_t fault_bytes_;
  std::vector<std::uint64_t> words_;  // the parameters, but for what changes from run to run
};

}  // namespace

std::shared_ptr<const StepBody> make_launch_step(DeviceId device, std::shared_ptr<const GpuCode> code,
                                                 KernelStep::Arguments arguments, LaunchGeometry geometry) {
  return std::make_shared<LaunchStep>(device, std::move(code), std::move(arguments), geometry);
}

std::vector<std::shared_ptr<const GpuCode>> launched_codes(const StepBody& body) {
  if (!body.queued()) return {};
  return static_cast<const GpuStepBody&>(body).codes();
}

}  // namespace leat::runtime::cuda
