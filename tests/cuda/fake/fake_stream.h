// Streams and events of the fake driver: a stream is a thread that runs operations in order, each after a
// random delay.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

namespace leat::fake_cuda {

/// One record of an event: done when the stream comes to it. Thread-safe.
class Ticket {
 public:
  using Clock = std::chrono::steady_clock;
  void Finish() {
    const std::lock_guard lock(mutex_);
    done_ = true;
    at_ = Clock::now();
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_; });
  }
  /// When it was done; nullopt: not yet.
  std::optional<Clock::time_point> at() {
    const std::lock_guard lock(mutex_);
    return done_ ? std::optional(at_) : std::nullopt;
  }

 private:
  Clock::time_point at_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

class FakeStream {
 public:
  FakeStream(int device, int most_delay_us, std::uint64_t seed)
      : device_(device), most_delay_us_(most_delay_us), random_(seed), thread_([this] { Loop(); }) {}
  /// Runs what is queued first.
  ~FakeStream() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }
  int device() const { return device_; }
  void Push(std::function<void()> operation) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(operation));
    changed_.notify_all();
  }
  bool idle() {
    const std::lock_guard lock(mutex_);
    return queue_.empty() && !running_;
  }

 private:
  void Loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      std::function<void()> operation = std::move(queue_.front());
      queue_.pop_front();
      running_ = true;
      lock.unlock();
      if (most_delay_us_ > 0) {
        std::this_thread::sleep_for(
            std::chrono::microseconds(random_() % static_cast<unsigned>(most_delay_us_)));
      }
      operation();
      operation = nullptr;
      lock.lock();
      running_ = false;
    }
  }

  const int device_;
  const int most_delay_us_;
  std::minstd_rand random_;  // of the thread
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool closing_ = false, running_ = false;
  std::thread thread_;
};

}  // namespace leat::fake_cuda
