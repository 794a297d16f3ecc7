// Streams of the embedder beside those of an engine's GPUs (leat/cuda.h).
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "leat/cuda.h"
#include "runtime/cuda/gpu.h"
#include "runtime/engine/engine.h"

namespace leat::frontend {

runtime::cuda::CuStream stream_of(CudaStream stream);

/// Throws invalid_argument, naming the call, where the number names no stream.
void check_stream(CudaStream stream, std::string_view call, SourceLocation where);

/// The GPUs of an engine, which outlive it here, and the one at hand.
struct GpuStreams {
  GpuStreams() = default;
  /// REQUIRES: `device` is a GPU.
  GpuStreams(runtime::Engine& engine, runtime::DeviceId device);
  /// Whatever the engine queues from now on comes after what is on `stream`, of the context of `gpu`, by now.
  Status QueueBehind(CudaStream stream) const;

  std::vector<std::shared_ptr<runtime::cuda::Gpu>> all;
  std::shared_ptr<runtime::cuda::Gpu> gpu;
};

}  // namespace leat::frontend
