// An op with code of its own as a step on a GPU: its launches one after another on one stream.
#include "absl/container/inlined_vector.h"
#include "runtime/cuda/gpu_run.h"
#include "runtime/cuda/gpu_steps.h"

namespace leat::runtime::cuda {
namespace {

class OpLaunchStep final : public GpuStepBody {
 public:
  OpLaunchStep(DeviceId device, OpPlan plan, std::vector<std::shared_ptr<const GpuCode>> codes,
               std::size_t operands, std::size_t results, Status fault)
      : GpuStepBody(device),
        plan_(std::move(plan)),
        codes_(std::move(codes)),
        operands_(operands),
        results_(results),
        fault_(std::move(fault)) {}

  InGraph in_graph() const override { return InGraph::kernels; }
  Status Launch(StepContext& context, LaunchTarget& target) const override {
    const GpuRun& run = *context.gpu(device());
    absl::InlinedVector<CuFunction, 8> functions;
    for (std::size_t k = 0; k < codes_.size(); ++k) {
      const StatusOr<CuFunction> function =
          run.gpu().Load(codes_[k], plan_.launches[k].geometry.shared_bytes);
      if (!function.ok()) return function.status();
      functions.push_back(*function);
    }
    auto* const flag = reinterpret_cast<std::uint32_t*>(run.flags(context.step_ordinal()));
    const std::size_t count = operands_ + results_;
    void* const scratch = plan_.scratch_bytes > 0 ? context.pointers[count] : nullptr;
    for (std::size_t k = 0; k < codes_.size(); ++k) {
      if (k > 0 && context.stopping())
        return Status(Code::cancelled, "the run was stopped between the launches of an op");
      const OpLaunch& launch = plan_.launches[k];
      std::vector<std::uint64_t> words = pack_parameters(launch, flag, {context.pointers, count}, scratch);
      void* parameters[] = {words.data()};
      if (Status s = target.Launch(functions[k], launch.geometry, parameters); !s.ok()) return s;
    }
    return {};
  }

  bool may_fault() const override { return plan_.faults; }
  void CollectFaults(StepContext& context) const override {
    if (*reinterpret_cast<const std::uint32_t*>(context.gpu(device())->flags(context.step_ordinal())) == 0)
      return;
    for (std::size_t r = 0; r < results_; ++r) context.Poison(operands_ + r, fault_, 0);
  }
  std::vector<std::shared_ptr<const GpuCode>> codes() const override { return codes_; }
  std::size_t flag_bytes() const override { return sizeof(std::uint32_t); }
  std::string_view kind() const override { return "launch"; }
  std::string ToString() const override {
    std::string text;
    for (const OpLaunch& launch : plan_.launches) {
      text += (text.empty() ? "" : "; ") + std::to_string(launch.geometry.blocks) + " blocks of " +
              std::to_string(launch.geometry.threads) + " threads " + print(launch.kernel);
    }
    return plan_.note.empty() ? text : text + " (" + plan_.note + ")";
  }

 private:
  const OpPlan plan_;
  const std::vector<std::shared_ptr<const GpuCode>> codes_;  // by launch
  const std::size_t operands_, results_;
  const Status fault_;
};

}  // namespace

std::shared_ptr<const StepBody> make_op_launch_step(DeviceId device, OpPlan plan,
                                                    std::vector<std::shared_ptr<const GpuCode>> codes,
                                                    std::size_t operands, std::size_t results, Status fault) {
  return std::make_shared<OpLaunchStep>(device, std::move(plan), std::move(codes), operands, results,
                                        std::move(fault));
}

}  // namespace leat::runtime::cuda
