// Tells runs when their time is up: one thread, started with the first deadline.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "runtime/ref.h"

namespace leat::runtime {

class RunState;

class DeadlineTimer {
 public:
  using Clock = std::chrono::steady_clock;
  ~DeadlineTimer() { Stop(); }
  /// `run` fails with deadline_exceeded at `when`, unless removed before.
  void Add(Clock::time_point when, Ref<RunState> run);
  void Remove(Clock::time_point when, const RunState& run);
  void Stop();
  void Abandon();

 private:
  void Main();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<Clock::time_point, std::uint64_t>, Ref<RunState>> runs_;
  std::thread thread_;
  bool stop_ = false;
};

}  // namespace leat::runtime
