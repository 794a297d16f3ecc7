// The state behind leat/step_schedule.h: which piece of work of a run is next.
//
// A piece is a whole step, or a range of the units of a split one. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "leat/step_schedule.h"

namespace leat::runtime {

struct StepPiece {
  std::uint32_t step = 0;
  std::int64_t first = 0, last = -1;  // -1: the whole step
  friend bool operator==(const StepPiece&, const StepPiece&) = default;
};

struct RunOrder {
  std::string program;
  std::uint32_t steps = 0;
  std::vector<StepPiece> pieces;
};

}  // namespace leat::runtime

struct leat::StepSchedule::State {
  std::uint64_t random = 0;                                   // splitmix64
  std::optional<std::vector<leat::runtime::RunOrder>> given;  // to be replayed

  mutable std::mutex mutex;
  std::vector<leat::runtime::RunOrder> done;

  /// The number of the run that begins; an error if it is not the one that was recorded.
  leat::StatusOr<std::size_t> Begin(const std::string& program, std::uint32_t steps);
  /// Which of these is next; an error if what was recorded is not among them. REQUIRES: some are there.
  leat::StatusOr<std::size_t> Next(std::size_t run, std::span<const leat::runtime::StepPiece> ready);
};
