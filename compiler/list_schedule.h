// List scheduling of the steps of a Program on the workers of an engine, by estimated cost: the order that
// the memory plan is made for.
//
// At most `at_once` steps run at a time, and share the workers evenly as far as they can be split. Among the
// ready steps the next one is that with the longest path to the end (fast), or the one that leaves the least
// memory live (lean). A pure function of the program and the policy.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/program/program.h"

namespace leat::compiler {

struct SchedulePolicy {
  int at_once = 1;         // steps at a time, at most
  bool lean = false;       // by memory instead of by urgency
  std::uint64_t seed = 0;  // lean: not 0 makes one choice in eight at random
};

struct Schedule {
  struct Interval {
    double begin = 0, end = 0;  // ns
  };
  std::vector<Interval> steps;
  std::vector<std::uint32_t> order;  // by begin
  double makespan = 0;
};

/// What a buffer takes of an arena.
std::int64_t arena_bytes(const runtime::BufferInfo& buffer);

class ListScheduler {
 public:
  /// Reads the edges that are there now. REQUIRES: they agree with the order of the steps, unless `order`
  /// gives another topological one.
  ListScheduler(const runtime::Program& program, int workers,
                const std::vector<std::uint32_t>* order = nullptr);
  Schedule Run(const SchedulePolicy& policy) const;

 private:
  class State;
  double Duration(std::uint32_t step, double share) const;

  const runtime::Program& program_;
  double workers_;
  std::vector<std::uint32_t> successor_begin_, successors_, in_degree_;
  std::vector<double> rank_;
};

}  // namespace leat::compiler
