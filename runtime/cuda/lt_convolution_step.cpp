// A convolution by cuBLASLt as a step on a GPU: columns and products in turn on one stream.
#include <algorithm>

#include "runtime/cuda/gpu_run.h"
#include "runtime/cuda/gpu_steps.h"
#include "runtime/cuda/lt_convolution.h"

namespace leat::runtime::cuda {
namespace {

class LtConvolutionStep final : public GpuStepBody {
 public:
  LtConvolutionStep(DeviceId device, std::shared_ptr<const LtConvolution> plan,
                    std::shared_ptr<const GpuCode> code)
      : GpuStepBody(device), plan_(std::move(plan)), code_(std::move(code)) {}

  InGraph in_graph() const override { return InGraph::captured; }
  Status Queue(StepContext& context) const override {
    StepTurn turn(context, device());
    if (!turn.status().ok()) return turn.status();
    Gpu& gpu = turn.gpu();
    CuFunction function = nullptr;
    if (code_ != nullptr) {
      const StatusOr<CuFunction> loaded = gpu.Load(code_, 0);
      if (!loaded.ok()) return loaded.status();
      function = *loaded;
    }
    turn.BeginsHere();
    auto* const x = static_cast<std::byte*>(context.pointers[0]);
    LtConvolution::Memory memory;
    memory.w = context.pointers[1];
    memory.out = context.pointers[2];
    std::byte* scratch = nullptr;
    if (plan_->scratch_bytes() > 0) {  // it has room to be aligned
      const auto at = reinterpret_cast<std::uintptr_t>(context.pointers[3]);
      constexpr std::uintptr_t kMask = LtMatmul::kWorkspaceAlignment - 1;
      scratch = reinterpret_cast<std::byte*>((at + kMask) & ~kMask);
      memory.workspace = scratch + plan_->column_bytes();
    }
    for (std::int64_t first = 0; first < plan_->batch(); first += plan_->images()) {
      if (first > 0 && context.stopping())
        return Status(Code::cancelled, "the run was stopped between the products of a convolution");
      const std::int64_t count = std::min(plan_->images(), plan_->batch() - first);
      std::byte* const images = x + first * plan_->x_image_bytes();
      memory.columns = images;
      if (const OpLaunch* launch = plan_->columns(count)) {
        void* const uses[] = {images, scratch};
        std::vector<std::uint64_t> words = pack_parameters(*launch, nullptr, uses, nullptr);
        void* parameters[] = {words.data()};
        if (Status s = gpu.Check(
                gpu.driver().LaunchKernel(function, launch->geometry.blocks, 1, 1, launch->geometry.threads,
                                          1, 1, 0, turn.stream(), parameters, nullptr),
                "cuLaunchKernel");
            !s.ok()) {
          return s;
        }
        memory.columns = scratch;
      }
      if (Status s = plan_->Run(gpu, turn.stream(), memory, first, count); !s.ok()) return s;
    }
    return turn.Done();
  }
  std::vector<std::shared_ptr<const GpuCode>> codes() const override {
    if (code_ == nullptr) return {};
    return {code_};
  }
  std::string_view kind() const override { return "convolution"; }
  std::string ToString() const override { return plan_->ToString(); }

 private:
  const std::shared_ptr<const LtConvolution> plan_;
  const std::shared_ptr<const GpuCode> code_;  // null: x is the columns
};

}  // namespace

LtStepPlan make_lt_convolution_step(DeviceId device, std::shared_ptr<const LtConvolution> plan,
                                    std::shared_ptr<const GpuCode> code) {
  LtStepPlan step;
  if (plan->scratch_bytes() > 0)
    step.scratch_bytes = plan->scratch_bytes() + std::int64_t{LtMatmul::kWorkspaceAlignment};
  step.body = std::make_shared<LtConvolutionStep>(device, std::move(plan), std::move(code));
  return step;
}

}  // namespace leat::runtime::cuda
