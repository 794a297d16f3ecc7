// A step that copies a buffer to one of the same size on another device of this machine's memory.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/program/program.h"

namespace leat::runtime {

/// Uses: the source, then the destination. Units are blocks of kCopyBlock bytes.
inline constexpr std::int64_t kCopyBlock = 256 << 10;
struct CopyPlan {
  std::shared_ptr<const StepBody> body;
  std::int64_t units = 1;
  double cost_ns = 0;
};
/// REQUIRES: bytes >= 0.
CopyPlan plan_copy(std::int64_t bytes);

/// A program that copies its input, on one device, to its output on another. `from_gpu`, `to_gpu`: which of
/// them are GPUs; not none.
std::shared_ptr<const Program> make_copy_program(DeviceId from, bool from_gpu, DeviceId to, bool to_gpu,
                                                 std::int64_t bytes);

}  // namespace leat::runtime
