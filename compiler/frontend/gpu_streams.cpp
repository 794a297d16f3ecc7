#include "compiler/frontend/gpu_streams.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/context_state.h"
#include "leat/context.h"
#include "runtime/engine/engine_core.h"

namespace leat {
namespace frontend {

runtime::cuda::CuStream stream_of(CudaStream stream) {
  return reinterpret_cast<runtime::cuda::CuStream>(stream.handle);
}

void check_stream(CudaStream stream, std::string_view call, SourceLocation where) {
  if (stream.handle > 0 || stream.handle == CudaStream::kNone) return;
  fail(Code::invalid_argument,
       absl::StrCat(std::string(call), ": ", stream.handle,
                    " names no stream; name the default one by 1 (legacy) or 2 (per thread)"),
       where);
}

GpuStreams::GpuStreams(runtime::Engine& engine, runtime::DeviceId device)
    : all(engine.core().gpus.begin(), engine.core().gpus.end()), gpu(engine.core().gpus[device]) {}

Status GpuStreams::QueueBehind(CudaStream stream) const {
  if (stream.handle == CudaStream::kNone) return {};
  return runtime::cuda::queue_behind(stream_of(stream), *gpu, all);
}

}  // namespace frontend

void wait_for_stream(CudaStream stream, std::string_view device, SourceLocation where) {
  runtime::Engine& engine = Context::Current().state()->engine();
  const std::vector<std::string> names = engine.device_names();
  const auto found = std::find(names.begin(), names.end(), device);
  const auto number = static_cast<runtime::DeviceId>(found - names.begin());
  if (found == names.end() || engine.gpu(number) == nullptr) {
    frontend::fail(Code::invalid_argument,
                   absl::StrCat("wait_for_stream: \"", std::string(device), "\" is no GPU of this Context"),
                   where);
  }
  frontend::check_stream(stream, "wait_for_stream", where);
  const Status s = frontend::GpuStreams(engine, number).QueueBehind(stream);
  if (!s.ok()) frontend::fail(s.WithNote("wait_for_stream"), where);
}

}  // namespace leat
