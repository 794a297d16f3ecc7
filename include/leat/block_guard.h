// Finds the calls that block: item(), data(), to_vector(), operator<<, wait(), file writes.
//
// A guard counts for the current thread while it lives; the innermost one decides. `log` writes one
// line per call that really had to wait; `forbid` throws would_deadlock at the call, with its line,
// whether or not it would have waited (so that a test does not depend on timing).
//
//   BlockGuard guard(BlockGuard::Mode::forbid);
//   step(model);          // throws where it blocks, naming the file and line
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "leat/status.h"

#pragma GCC visibility push(default)
namespace leat {

class BlockGuard {
 public:
  enum class Mode : std::uint8_t { allow, log, forbid };
  explicit BlockGuard(Mode mode);
  /// mode log, each line given to `sink` instead of stderr.
  explicit BlockGuard(std::function<void(std::string_view line)> sink);
  ~BlockGuard();
  BlockGuard(const BlockGuard&) = delete;
  BlockGuard& operator=(const BlockGuard&) = delete;

  /// Blocking calls seen under this guard.
  std::uint64_t count() const { return count_; }

  /// For the layers below: whether this thread has a guard that looks.
  static bool active();
  /// For the layers below: reports a blocking call of this thread. Throws under forbid.
  static void Report(std::string_view call, SourceLocation where, bool waits);

 private:
  Mode mode_;
  std::uint64_t count_ = 0;
  std::function<void(std::string_view)> sink_;
  BlockGuard* outer_;
};

}  // namespace leat
#pragma GCC visibility pop
