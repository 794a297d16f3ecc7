// Custom ops: functions of the user's as ops of an expression, on CPUs, on GPUs, or on both.
//
// A Context knows them by name (Context::RegisterCustom), custom(name, ...) calls them. Each call runs
// exactly once, when first asked for. An exception or an error Status poisons the results with
// custom_op_failed. Functions are called on any thread, several times at once for different runs; they may
// not wait for values.
//
//   context.RegisterCustom("scale", {.host = scale_on_cpu, .cuda = [](const CudaLaunch& l) {
//     scale<<<blocks, 256, 0, static_cast<cudaStream_t>(l.stream)>>>(l.inputs[0].as<float>().data(), ...);
//     return cudaGetLastError() == cudaSuccess ? Status() : Status(Code::internal, "scale: not launched");
//   }});
//   Tensor y = custom("scale", {to_device(x, "gpu:0")}, {DType::f32, x.shape()});
#pragma once

#include <functional>
#include <span>

#include "leat/status.h"
#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

/// What a custom op sees: one dense row-major array.
struct CustomArray {
  DType dtype = DType::f32;
  Shape shape;
  void* data = nullptr;  // inputs are read-only
  template <Element T>
  std::span<T> as() const {
    return {static_cast<T*>(data), static_cast<std::size_t>(shape.num_elements())};
  }
};

/// Fills `outputs`.
using CustomFunction =
    std::function<Status(std::span<const CustomArray> inputs, std::span<const CustomArray> outputs)>;

/// A call on a GPU.
struct CudaLaunch {
  std::span<const CustomArray> inputs, outputs;  // their data is on the device
  void* stream = nullptr;                        // a CUstream; a cudaStream_t is one
  int device = 0;                                // as the driver counts them; its context is current
};
/// Queues on the stream what fills the outputs, and returns without waiting for it: what the inputs come from
/// is queued there before, what reads the outputs comes after. Work on other streams has to be joined to that
/// one by events. Memory that the work needs besides must live until it is done (cudaFreeAsync).
using CudaFunction = std::function<Status(const CudaLaunch& launch)>;

/// One that has only `host` runs on CPUs, one that has only `cuda` on GPUs; with both it runs where most
/// bytes of its operands are, or where estimates have it done soonest (PlacementPolicy).
struct CustomOp {
  CustomFunction host{};
  CudaFunction cuda{};
};

}  // namespace leat
#pragma GCC visibility pop
