// The ranges of a step that several threads share, while it is under way.
//
// The units are cut into parts, one for each thread or a few. A thread begins with the part of the CPU that
// it is on, whose cache may hold what it computed of that part in the step before, and then goes on to the
// others'. Ranges get ever smaller, so that all end at about the same time.
//
// Thread safety: Begin by one thread, before the others come; the rest by all.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "runtime/executor/step_graph.h"

namespace leat::runtime {

class SplitProgress {
 public:
  struct Range {
    std::int64_t begin = 0, end = 0;
    explicit operator bool() const { return begin < end; }
  };

  /// For the calling thread, who is the first participant.
  void Begin() {
    for (std::atomic<std::int64_t>& taken : taken_) taken.store(0, std::memory_order_relaxed);
    participants.store(1, std::memory_order_release);
  }

  /// Units that nobody has taken.
  std::int64_t Left(const SplitStep& split, int threads) const {
    std::int64_t left = 0;
    for (int p = 0; p < parts(threads); ++p) {
      const Range part = Part(split, p, threads);
      left += std::max<std::int64_t>(0, part.end - part.begin - taken_[p].load(std::memory_order_relaxed));
    }
    return left;
  }

  /// A range for a thread on `cpu`, or an empty one: nothing is left.
  Range Take(const SplitStep& split, int cpu, int threads) {
    const int count = parts(threads), home = std::max(cpu, 0) % count;
    for (int k = 0; k < count; ++k) {
      const int p = (home + k) % count;
      const Range part = Part(split, p, threads);
      const std::int64_t size = part.end - part.begin;
      const std::int64_t share = threads == 1 ? 1 : 2 * (k == 0 ? (threads + count - 1) / count : threads);
      std::int64_t taken = taken_[p].load(std::memory_order_relaxed);
      while (taken < size) {
        std::int64_t range = std::max(split.least, (size - taken) / share);
        range = (range + split.grain - 1) / split.grain * split.grain;
        const std::int64_t end = std::min(size, taken + range);
        if (taken_[p].compare_exchange_weak(taken, end, std::memory_order_relaxed))
          return {part.begin + taken, part.begin + end};
      }
    }
    return {};
  }

  std::atomic<std::uint32_t> participants{0};  // the last to leave completes the step

 private:
  static constexpr int kMostParts = 8;
  static int parts(int threads) { return std::clamp(threads, 1, kMostParts); }
  static Range Part(const SplitStep& split, int p, int threads) {
    const std::int64_t grains = (split.units + split.grain - 1) / split.grain, count = parts(threads);
    const auto at = [&](std::int64_t k) { return std::min(split.units, grains * k / count * split.grain); };
    return {at(p), at(p + 1)};
  }

  std::atomic<std::int64_t> taken_[kMostParts] = {};  // of each part
};

}  // namespace leat::runtime
