// A mutex for what takes well under a microsecond and every call of every thread does: the graph lock, lists
// of free blocks.
//
// A thread that finds it taken looks again for a while before it sleeps: putting a thread to sleep and waking
// it costs 5 to 60 us, a hundred times what the holder still needs. Not recursive; no fairness. Meets
// Lockable, so std::lock_guard and std::unique_lock take it.
#pragma once

#include <atomic>
#include <cstdint>

namespace leat::runtime {

class ShortMutex {
 public:
  void lock() {
    std::uint32_t expected = kFree;
    if (!word_.compare_exchange_strong(expected, kTaken, std::memory_order_acquire)) [[unlikely]]
      LockSlowly();
  }
  bool try_lock() {
    std::uint32_t expected = kFree;
    return word_.compare_exchange_strong(expected, kTaken, std::memory_order_acquire);
  }
  void unlock() {
    if (word_.exchange(kFree, std::memory_order_release) == kAwaited) [[unlikely]]
      WakeOne();
  }

 private:
  static constexpr std::uint32_t kFree = 0, kTaken = 1, kAwaited = 2;  // awaited: taken, and somebody sleeps
  void LockSlowly();
  void WakeOne();
  std::atomic<std::uint32_t> word_{kFree};
};

}  // namespace leat::runtime
