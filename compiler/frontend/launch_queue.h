// Evals of small known plans on their way to a worker: eval() finds the plan and leaves the launch here.
//
// Making a run of each would cost a caller a microsecond; a launch is a few words, and a worker takes them in
// batches of one plan. The oldest go first. At most kMostQueued wait: then eval() runs some itself. Who waits
// for a value takes its launch out and runs it, if its inputs are there. A launch that turns out not to be
// ordinary (an input that is late or poisoned, a fault, no memory) becomes a run.
// Belongs to a ContextState; guarded by its graph lock, which the functions take unless they say otherwise.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "compiler/frontend/context_state.h"
#include "compiler/frontend/quick_run.h"
#include "compiler/frontend/walk.h"

namespace leat::frontend {

class LaunchQueue {
 public:
  LaunchQueue() { spares_.reserve(8); }
  ~LaunchQueue();
  LaunchQueue(const LaunchQueue&) = delete;
  LaunchQueue& operator=(const LaunchQueue&) = delete;

  /// What the caller has to do once it has released the graph lock.
  enum class Then : std::uint8_t { nothing, call, help };

  /// Whether this walk, whose plan is quick, can be launched. REQUIRES: graph lock.
  static bool Takes(ContextState& state, const Walk& walk);
  /// Marks the output as scheduled and queues the launch. REQUIRES: graph lock, Takes().
  Then Add(ContextState& state, const std::shared_ptr<Plan>& plan, const Walk& walk);
  /// Does what Add said. REQUIRES: a Use, no lock.
  static void Follow(Then then, const std::shared_ptr<ContextState>& state);
  /// Runs the launch of `node` here if it is still queued, and can be run now.
  static void RunQueued(const std::shared_ptr<ContextState>& state, const Node& node);
  /// Fails what is queued: the Context ends.
  void Cancel(std::uint32_t context);

 private:
  static constexpr std::size_t kInputs = 4;
  struct Launch {
    Node* node = nullptr;  // counted; null: somebody took it
    runtime::Ref<runtime::Value> output;
    std::array<runtime::Ref<runtime::Value>, kInputs> values;  // null: a scalar
    std::array<std::uint64_t, kInputs> scalars;
  };
  struct Batch {
    std::shared_ptr<Plan> plan;
    std::vector<Launch> launches;
  };
  /// Runs batches until there are none.
  static void Drain(const std::shared_ptr<ContextState>& state);
  /// Runs the oldest batch; false if there is none. `gather`: after a small one, waits a little for more.
  static bool RunOldest(const std::shared_ptr<ContextState>& state, bool gather);
  static bool RunOne(QuickRun& run, Launch& launch);
  static void RunAll(const std::shared_ptr<ContextState>& state, Batch& batch);

  std::deque<std::unique_ptr<Batch>> batches_;  // the oldest first
  std::vector<std::unique_ptr<Batch>> spares_;
  std::size_t queued_ = 0;
  int workers_ = 0;  // that drain, or were called to
};

}  // namespace leat::frontend
