// In which order steps run: at random, recorded, or as it was recorded.
//
// What a program computes must not depend on the order in which its independent steps happen to run; a custom
// op with state of its own may break that. With a StepSchedule an engine is synchronous (one thread; eval()
// returns when the run is at rest) and runs the steps of each run in a legal order of the schedule's choice:
// Random draws one by its seed, split steps piece by piece, so that a race shows as another result; the text
// of what was done replays exactly that. Steps inside loops and branches, and small runs without custom ops,
// keep their fixed order. One schedule serves one engine. Thread-safe, but order between threads is theirs.
//
//   auto schedule = StepSchedule::Random(7);
//   Context context({.schedule = schedule});          ... run ...
//   std::string text = schedule->ToString();          // keep it where the result was wrong
//   Context again({.schedule = StepSchedule::Replay(text).value()});
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "leat/status.h"

#pragma GCC visibility push(default)
namespace leat {

class StepSchedule {
 public:
  /// Another seed, another order; the same one, the same.
  static std::shared_ptr<StepSchedule> Random(std::uint64_t seed);
  /// From ToString(). data_loss names the line that is no such text. A run that the text does not fit
  /// (another program, a step that is not ready) fails with failed_precondition.
  static StatusOr<std::shared_ptr<StepSchedule>> Replay(std::string_view text);
  ~StepSchedule();
  StepSchedule(const StepSchedule&) = delete;
  StepSchedule& operator=(const StepSchedule&) = delete;

  /// What was run since it was made: a line for each run, with its steps in order.
  std::string ToString() const;

  /// For the layers below.
  struct [[gnu::visibility("hidden")]] State;
  State& state() const { return *state_; }

 private:
  explicit StepSchedule(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace leat
#pragma GCC visibility pop
