// Names of steps for the profilers of NVIDIA (NVTX 3) and Intel (ITT).
//
// A profiler that starts this process says so in the environment: NVTX_INJECTION64_PATH or
// INTEL_LIBITTNOTIFY64 is the path of its library, which is opened when the first engine is made; otherwise
// nothing is opened and nothing costs. Their interfaces are declared in the source: no toolkit is needed to
// build. One for the process; any thread.
#pragma once

#include <string>

namespace leat::runtime {

class ProfilerRanges {
 public:
  /// Null where no profiler asks.
  static const ProfilerRanges* Get();
  /// Which library was opened for what, or why it could not be; for `leat info`.
  static std::string Describe();
  virtual ~ProfilerRanges() = default;
  /// A range of the calling thread; they nest.
  virtual void Push(const char* name) const = 0;
  virtual void Pop() const = 0;
};

}  // namespace leat::runtime
