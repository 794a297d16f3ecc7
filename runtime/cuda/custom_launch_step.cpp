// A custom op as a step on a GPU: the user's function queues it.
#include <exception>

#include "runtime/cuda/gpu_run.h"
#include "runtime/cuda/gpu_steps.h"

namespace leat::runtime::cuda {
namespace {

// Not part of a device graph: what the function calls, and whether a stream can capture that, is not known.
class CustomLaunchStep final : public GpuStepBody {
 public:
  CustomLaunchStep(DeviceId device, std::string target, CustomLaunch function, std::vector<ir::Type> operands,
                   std::vector<ir::Type> results)
      : GpuStepBody(device),
        target_(std::move(target)),
        function_(std::move(function)),
        operands_(std::move(operands)),
        results_(std::move(results)) {}

  Status Queue(StepContext& context) const override {
    StepTurn turn(context, device());
    if (!turn.status().ok()) return turn.status();
    if (Status s = Call(context, turn); !s.ok()) return s;
    return turn.Done();
  }
  std::string_view kind() const override { return "custom"; }
  std::string ToString() const override { return "custom \"" + target_ + "\" by its launch function"; }

 private:
  Status Call(StepContext& context, const StepTurn& turn) const {
    const std::string who = "custom op \"" + target_ + "\" on " + turn.gpu().name();
    try {
      const Status s =
          function_({operands_, results_, context.pointers, turn.stream(), turn.gpu().ordinal()});
      return s.ok() ? s : Status(Code::custom_op_failed, who + ": " + s.message());
    } catch (const std::exception& e) {
      return Status(Code::custom_op_failed, who + " threw: " + e.what());
    } catch (...) {
      return Status(Code::custom_op_failed, who + " threw something that is not a std::exception");
    }
  }

  const std::string target_;
  const CustomLaunch function_;
  const std::vector<ir::Type> operands_, results_;
};

}  // namespace

std::shared_ptr<const StepBody> make_custom_launch_step(DeviceId device, std::string target,
                                                        CustomLaunch function, std::vector<ir::Type> operands,
                                                        std::vector<ir::Type> results) {
  return std::make_shared<CustomLaunchStep>(device, std::move(target), std::move(function),
                                            std::move(operands), std::move(results));
}

}  // namespace leat::runtime::cuda
