// Streams of the embedder beside Leat's own.
//
// Leat queues its work on streams of its own. A value that is ready has been computed: whatever the embedder
// queues then, on any stream, finds it there, and nothing needs to be waited for. In the other direction,
// what a stream of the embedder's has still to do is not known to Leat: wait_for_stream() says so.
//
// A stream is named as Python's __dlpack__ names it: by its CUstream (a cudaStream_t is one), or a number.
//
//   fill<<<blocks, threads, 0, stream>>>(data);                    // the embedder's kernel
//   Tensor x = from_dlpack(exported, CudaStream(stream));          // leat/dlpack.h; returns at once
//   Tensor y = (x * 2).wait();                                     // after the kernel
#pragma once

#include <cstdint>
#include <string_view>

#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

class Context;

struct CudaStream {
  std::intptr_t handle = kLegacy;
  static constexpr std::intptr_t kNone = -1;   // no stream: nothing is waited for
  static constexpr std::intptr_t kLegacy = 1;  // the legacy default stream, which waits for all blocking ones
  static constexpr std::intptr_t kPerThread = 2;  // the default stream of the calling thread

  CudaStream() = default;
  explicit CudaStream(std::intptr_t number) : handle(number) {}
  /// A CUstream. Null is refused where it is used: which default stream it means depends on how a program was
  /// compiled.
  template <class Record>
  explicit CudaStream(Record* stream) : handle(reinterpret_cast<std::intptr_t>(stream)) {}
  static CudaStream None() { return CudaStream(kNone); }
};

/// Everything that the engine of the current Context queues on its GPUs from now on comes after what is on
/// `stream`, of the CUDA context of `device`, by now. Returns at once. Throws invalid_argument where `device`
/// is no GPU of the Context, device_lost if it is lost.
void wait_for_stream(CudaStream stream, std::string_view device = "gpu:0",
                     SourceLocation where = SourceLocation::current());

}  // namespace leat
#pragma GCC visibility pop
