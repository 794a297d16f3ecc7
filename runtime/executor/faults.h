// The faults of one run: which buffers have no content, why, and along which path that spread.
//
// A buffer is tainted by a fault of the computation (poison) or because an input failed (retryable). Only
// touched once something went wrong; thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

#include "leat/status.h"
#include "runtime/program/program.h"

namespace leat::runtime {

struct Taint {
  Status status;                // of the origin
  bool failure = false;         // of another run: the value may be tried again
  std::uint32_t step = kInput;  // that spread it, or where it began
  std::uint32_t from = 0;       // the buffer it came from; this one itself: it began here
  std::int64_t order = 0;       // of faults of one step, the one of the first units counts

  static constexpr std::uint32_t kInput = ~0u;  // it arrived with an input
};

class Faults {
 public:
  using Locator = std::function<ir::NodeLocation(std::uint32_t)>;
  /// `locate` (may be null or empty) says where a source was written in this run; it outlives this.
  explicit Faults(const Program& program, const Locator* locate = nullptr)
      : program_(program), locate_(locate) {}
  /// What is left of a step that reads buffers without content: everything where it reads no such, some of
  /// its results, or nothing.
  enum class Left : std::uint8_t { everything, some, nothing };
  /// Every buffer that `step` computes from one without content has none either; `whole`: every one that it
  /// writes, for a caller that does not go on with a part. The path is that from a poisoned buffer before a
  /// failed one, then from the first use.
  Left Spread(std::uint32_t step, bool whole);
  void Add(std::uint32_t buffer, Taint taint);
  /// `fault` of Step::sources[source], in units from `order` on: with the source's op and location, where the
  /// fault names none itself.
  void AddOfStep(std::uint32_t step, std::uint32_t buffer, Status fault, std::size_t source,
                 std::int64_t order);
  bool Has(std::uint32_t buffer) const;
  /// What a value of this buffer reports: the origin's status, with a note per step on the path.
  Taint Report(std::uint32_t buffer) const;
  /// Where faults began, one a line, at most four; for dumps.
  std::string Summary() const;

 private:
  std::string Name(std::uint32_t step) const;
  Status Locate(std::uint32_t step, Status fault, std::size_t source) const;
  ir::NodeLocation Place(const Source& source) const;
  const Program& program_;
  const Locator* locate_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint32_t, Taint> taints_;
};

}  // namespace leat::runtime
