// A user's function that queues the work of a custom op on a stream of a GPU. May be called on any thread,
// for several runs at once, with the device's context current.
#pragma once

#include <functional>
#include <span>

#include "ir/graph.h"
#include "leat/status.h"

namespace leat::runtime::cuda {

struct CustomLaunchCall {
  std::span<const ir::Type> operands, results;
  void* const* addresses;  // on the device: of the operands, then of the results
  void* stream;            // CUstream
  int device;              // as the driver counts them
};
using CustomLaunch = std::function<Status(const CustomLaunchCall& call)>;

}  // namespace leat::runtime::cuda
