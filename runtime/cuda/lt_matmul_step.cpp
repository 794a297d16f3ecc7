// A product by cuBLASLt as a step on a GPU.
#include "runtime/cuda/gpu_run.h"
#include "runtime/cuda/gpu_steps.h"
#include "runtime/cuda/lt_matmul.h"

namespace leat::runtime::cuda {
namespace {

class LtMatmulStep final : public GpuStepBody {
 public:
  LtMatmulStep(DeviceId device, std::shared_ptr<const LtMatmul> plan)
      : GpuStepBody(device), plan_(std::move(plan)) {}
  InGraph in_graph() const override { return InGraph::captured; }
  Status Queue(StepContext& context) const override {
    StepTurn turn(context, device());
    if (!turn.status().ok()) return turn.status();
    void* const* next = context.pointers;
    LtMatmul::Memory memory;
    memory.x = *next++;
    memory.y = *next++;
    if (plan_->epilogue().bias) memory.bias = *next++;
    if (plan_->epilogue().residual) memory.residual = *next++;
    memory.out = *next++;
    if (plan_->workspace_bytes() > 0) {  // the scratch has room to align it
      const auto at = reinterpret_cast<std::uintptr_t>(*next);
      constexpr std::uintptr_t kMask = LtMatmul::kWorkspaceAlignment - 1;
      memory.workspace = reinterpret_cast<void*>((at + kMask) & ~kMask);
    }
    if (Status s = plan_->Run(turn.gpu(), turn.stream(), memory); !s.ok()) return s;
    return turn.Done();
  }
  std::string_view kind() const override { return "matmul"; }
  std::string ToString() const override { return plan_->ToString(); }

 private:
  const std::shared_ptr<const LtMatmul> plan_;
};

}  // namespace

LtStepPlan make_lt_matmul_step(DeviceId device, std::shared_ptr<const LtMatmul> plan) {
  LtStepPlan step;
  if (plan->workspace_bytes() > 0)
    step.scratch_bytes = static_cast<std::int64_t>(plan->workspace_bytes() + LtMatmul::kWorkspaceAlignment);
  step.body = std::make_shared<LtMatmulStep>(device, std::move(plan));
  return step;
}

}  // namespace leat::runtime::cuda
