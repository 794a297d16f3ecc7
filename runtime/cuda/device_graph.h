// A CUDA graph of steps on one GPU, which one call launches: of one Instance, at whose addresses it stands.
//
// Steps that launch kernels of ours are its nodes, one a launch; what a step has a library do is captured and
// becomes a child graph. Edges are those that the program has between the steps. It is built and instantiated
// at its first launch. Temporaries never move, so that later on only steps that read or write a value in
// other memory than last time are patched; a program whose inputs and outputs stay where they are costs one
// call. Runs at once have Instances of their own, and a graph each.
//
// Whatever goes wrong with a graph ends it, and the steps are queued one by one, then and later. An error of
// the device shows there again.
//
//   if (!run.graph(step).Launch(context, run, turn.stream())) ... queue each of the steps
#pragma once

#include <span>
#include <vector>

#include "runtime/cuda/gpu_run.h"
#include "runtime/cuda/gpu_steps.h"

namespace leat::runtime::cuda {

class DeviceGraph {
 public:
  /// `members` outlive it.
  DeviceGraph(Gpu& gpu, std::span<const GraphMember> members) : gpu_(gpu), members_(members) {}
  ~DeviceGraph() { GiveUp(); }
  DeviceGraph(const DeviceGraph&) = delete;
  DeviceGraph& operator=(const DeviceGraph&) = delete;

  /// Whether it was queued on `stream`. If not, nothing was. Leaves `context` with any member. REQUIRES: the
  /// launch before is done; a Gpu::Current.
  bool Launch(StepContext& context, GpuRun& run, CuStream stream);

 private:
  struct Part {  // what there is of a member
    std::vector<CuGraphNode> nodes;
    std::vector<void*> pointers;  // that it was given
  };
  Status Build(StepContext& context, GpuRun& run);
  Status Patch(StepContext& context, GpuRun& run);
  /// What a stream captures of a step whose turn it is.
  StatusOr<CuGraph> Capture(StepContext& context, GpuRun& run, const GraphMember& member);
  Status Check(CuResult result, const char* call) const { return gpu_.driver().Check(result, call); }
  void GiveUp();

  Gpu& gpu_;
  const std::span<const GraphMember> members_;
  std::vector<Part> parts_;
  CuGraph graph_ = nullptr;
  CuGraphExec exec_ = nullptr;
  CuStream capturing_ = nullptr;  // nothing else is ever queued there
  bool given_up_ = false;
};

}  // namespace leat::runtime::cuda
