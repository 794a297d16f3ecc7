// The steps of a program on a GPU: a kernel, a copy to, from or between devices, and the end of the device's
// part of a run.
//
// A kernel and a copy to a device are over for the executor once they are queued: who comes next on the
// device is queued behind them. A copy from a device and the end are over when the device has got there.
#pragma once

#include <memory>

#include "runtime/cuda/gpu_code.h"
#include "runtime/program/kernel_code.h"
#include "runtime/program/program.h"

namespace leat::runtime::cuda {

/// Uses: the memory inputs, then the outputs, as those of a KernelStep. No blocks: nothing is launched.
std::shared_ptr<const StepBody> make_launch_step(DeviceId device, std::shared_ptr<const GpuCode> code,
                                                 KernelStep::Arguments arguments, LaunchGeometry geometry);
/// An op with code of its own, launch by launch. Uses: its operands, its results, and scratch memory where
/// the plan wants some. `fault` poisons the results where the flag is set. REQUIRES: a code per launch.
std::shared_ptr<const StepBody> make_op_launch_step(DeviceId device, OpPlan plan,
                                                    std::vector<std::shared_ptr<const GpuCode>> codes,
                                                    std::size_t operands, std::size_t results, Status fault);

class LtMatmul;
/// A product by cuBLASLt. Uses: x, y, out, and scratch memory of so many bytes where the plan wants some.
struct LtMatmulStepPlan {
  std::shared_ptr<const StepBody> body;
  std::int64_t scratch_bytes = 0;
};
LtMatmulStepPlan make_lt_matmul_step(DeviceId device, std::shared_ptr<const LtMatmul> plan);
/// What a step launches, in order; none where it launches nothing.
std::vector<std::shared_ptr<const GpuCode>> launched_codes(const StepBody& body);

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

/// Gives every step on a GPU its stream and what it waits for, adds the edges of the streams and the settling
/// steps. REQUIRES: use and reuse edges are there; the steps are in order and stay so. Does nothing for a
/// program without such steps.
void plan_streams(Program& program);

}  // namespace leat::runtime::cuda
