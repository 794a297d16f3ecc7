// One run of a Program: what is asked for, and the handle on it while it is in flight.
//
// A Run is shared by Ref; the engine keeps it alive until it is at rest. Two signals: each output Value gets
// its own (possibly early); the run itself is done at quiescence, when nothing will touch its buffers,
// callbacks or the program again. A failure of the run (cancelled, deadline, out of memory, a failed plan)
// fails the outputs that have not arrived; a fault of a step poisons only the values that depend on it and
// leaves the run's own status ok. Any thread may call anything.
//
//   Ref<Run> run = engine->Submit({.program = p, .inputs = {x}, .outputs = {y}, .stop = source.get_token()});
//   run->Wait();   run->status();   y->state();
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "leat/status.h"
#include "runtime/engine/run_group.h"
#include "runtime/engine/value.h"
#include "runtime/program/program.h"
#include "runtime/ref.h"

namespace leat::runtime {

struct RunRequest {
  /// What to run; or, where null, `plan` makes it: on the pool as the run's first job, or on the thread of a
  /// waiting caller who helps. An error of `plan` is a failure of the run.
  std::shared_ptr<const Program> program{};
  std::function<StatusOr<std::shared_ptr<const Program>>()> plan{};
  /// One per input and output of the program. Inputs may be pending, poisoned or failed; outputs are pending
  /// and not asked of another run. An output that was given a Buffer is written there.
  std::vector<Ref<Value>> inputs{};
  std::vector<Ref<Value>> outputs{};
  /// Ordinals of inputs whose memory the run may reuse for outputs. Their content is gone afterwards.
  std::vector<std::uint32_t> donate{};
  /// What Submit reserves before the plan is known: the bytes of the outputs.
  std::int64_t reserve_bytes = 0;
  std::stop_token stop{};
  std::optional<std::chrono::steady_clock::time_point> deadline{};
  std::string label{};    // for traces and stall reports
  Ref<RunGroup> group{};  // in whose name; may be null
  /// Where this run's user wrote the node of Source::ordinal: a plan serves many places. May be empty; only
  /// called once something went wrong.
  std::function<ir::NodeLocation(std::uint32_t ordinal)> locate{};
};

class Run : public RefCounted {
 public:
  using Clock = std::chrono::steady_clock;
  /// Blocks until the run is at rest, helping with planning and with steps of this run only (never with user
  /// continuations). Ok, or would_deadlock on a thread of the pool when the run is not done.
  virtual Status Wait() = 0;
  /// As Wait, but says deadline_exceeded at `deadline`, and helps only with steps estimated to fit.
  virtual Status WaitUntil(Clock::time_point deadline) = 0;
  virtual bool done() const = 0;
  /// Ok while running and after success; the failure of the run itself otherwise. Faults of single values
  /// are in the values.
  virtual Status status() const = 0;
  /// Asks the run to stop: it still comes to rest, and its missing outputs become failed (cancelled).
  virtual void Cancel() = 0;
  /// Calls `callback` on the pool once the run is at rest.
  virtual void OnQuiescent(std::function<void()> callback) = 0;
  virtual const std::string& label() const = 0;
  /// Distinguishes the runs of an engine, in the order of submission, from 1.
  virtual std::uint64_t id() const = 0;
  /// What the run is doing and waiting for, for people.
  virtual std::string Explain() const = 0;
};

}  // namespace leat::runtime
