#include "runtime/engine/short_mutex.h"

#include "runtime/engine/futex.h"

namespace leat::runtime {

void ShortMutex::LockSlowly() {
  // 100 looks, each some 40 ns: longer than the lock is held, unless its holder lost its CPU.
  for (int looks = 0; looks < 100; ++looks) {
    std::uint32_t expected = kFree;
    if (word_.load(std::memory_order_relaxed) == kFree &&
        word_.compare_exchange_weak(expected, kTaken, std::memory_order_acquire)) {
      return;
    }
    cpu_pause();
  }
  while (word_.exchange(kAwaited, std::memory_order_acquire) != kFree) futex_wait(word_, kAwaited);
}

void ShortMutex::WakeOne() { futex_wake(word_, 1); }

}  // namespace leat::runtime
