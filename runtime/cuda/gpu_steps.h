// The steps of a program on a GPU: a kernel, a copy to, from or between devices, and the end of the device's
// part of a run.
//
// A kernel and a copy to a device are over for the executor once they are queued: who comes next on the
// device is queued behind them. A copy from a device and the end are over when the device has got there.
// Steps that are launched in one call, as a device graph, only have their turn: a step of its own comes after
// all of them, launches them, and stands for them before whoever waits for one of them.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/cuda/custom_launch.h"
#include "runtime/cuda/gpu_code.h"
#include "runtime/program/kernel_code.h"
#include "runtime/program/program.h"

namespace leat::runtime::cuda {

/// A step as a part of a device graph.
struct GraphMember {
  std::uint32_t step;
  std::shared_ptr<const StepBody> body;
  std::vector<std::uint32_t> after;  // members before it that it waits for, by their place among them
  std::vector<Use> uses;
};
/// Launches all members in one call, from the second run of an Instance on (device_graph.h), or each by
/// itself. Comes after all of them, and whatever waits for one of them comes after it. No uses.
std::shared_ptr<const StepBody> make_graph_step(DeviceId device, std::vector<GraphMember> members);
/// Of a step that was made so; empty for any other.
std::span<const GraphMember> graph_members(const StepBody& body);

/// Uses: the memory inputs, then the outputs, as those of a KernelStep. No blocks: nothing is launched.
std::shared_ptr<const StepBody> make_launch_step(DeviceId device, std::shared_ptr<const GpuCode> code,
                                                 KernelStep::Arguments arguments, LaunchGeometry geometry);
/// An op with code of its own, launch by launch. Uses: its operands, its results, and scratch memory where
/// the plan wants some. `fault` poisons the results where the flag is set. REQUIRES: a code per launch.
std::shared_ptr<const StepBody> make_op_launch_step(DeviceId device, OpPlan plan,
                                                    std::vector<std::shared_ptr<const GpuCode>> codes,
                                                    std::size_t operands, std::size_t results, Status fault);

class LtConvolution;
class LtMatmul;
/// Products by cuBLASLt, as a step.
struct LtStepPlan {
  std::shared_ptr<const StepBody> body;
  std::int64_t scratch_bytes = 0;
};
/// Uses: x, y, the bias and the residual where it has them, out, and scratch memory of so many bytes where
/// the plan wants some.
LtStepPlan make_lt_matmul_step(DeviceId device, std::shared_ptr<const LtMatmul> plan);
/// Uses: x, w, out, and such scratch memory. `code` is that of the launch that makes the columns, null where
/// there is none.
LtStepPlan make_lt_convolution_step(DeviceId device, std::shared_ptr<const LtConvolution> plan,
                                    std::shared_ptr<const GpuCode> code);
/// What a step launches, in order; none where it launches nothing.
std::vector<std::shared_ptr<const GpuCode>> launched_codes(const StepBody& body);

/// A custom op by the user's launch function. Uses: its operands, then its results.
std::shared_ptr<const StepBody> make_custom_launch_step(DeviceId device, std::string target,
                                                        CustomLaunch function, std::vector<ir::Type> operands,
                                                        std::vector<ir::Type> results);

struct CopyCost {
  std::shared_ptr<const StepBody> body;
  double cost_ns = 0;
};
/// Uses: the source, then the destination. One of the two devices is a GPU: `from_gpu` or `to_gpu`.
CopyCost make_gpu_copy_step(DeviceId from, bool from_gpu, DeviceId to, bool to_gpu, std::int64_t bytes);
/// The GPU whose stream such a copy takes.
DeviceId device_of_copy(const StepBody& body);

/// Ends the device's part of a run: what was queued is done, its faults are known. Uses: the outputs of the
/// run on this device, which have arrived only then. Runs also where the run is stopping.
std::shared_ptr<const StepBody> make_settle_step(DeviceId device);

/// Puts steps on a GPU together that can be launched in one call, as device graphs: adds the steps that
/// launch those, orders the steps anew, adds the edges with the cause `device_graph`. REQUIRES: use and reuse
/// edges are there, and nothing else knows the steps by number.
void plan_graphs(Program& program);

/// Gives every step on a GPU its stream and what it waits for, adds the edges of the streams and the settling
/// steps. REQUIRES: use and reuse edges are there; the steps are in order and stay so. Does nothing for a
/// program without such steps.
void plan_streams(Program& program);

}  // namespace leat::runtime::cuda
