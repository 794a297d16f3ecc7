// Sleeping on a 32-bit word, and the fork counter: the two places where the engine meets the system.
#pragma once

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>

namespace leat::runtime {

using SteadyClock = std::chrono::steady_clock;

inline std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(SteadyClock::now().time_since_epoch()).count();
}

/// Sleeps while `word` is `expected`; may return early.
inline void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}
/// The same, until `deadline` (steady_clock is CLOCK_MONOTONIC).
inline void futex_wait_until(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                             SteadyClock::time_point deadline) {
  const std::int64_t ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count();
  timespec until{};
  until.tv_sec = static_cast<time_t>(ns > 0 ? ns / 1'000'000'000 : 0);
  until.tv_nsec = static_cast<long>(ns > 0 ? ns % 1'000'000'000 : 0);
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, &until, nullptr, FUTEX_BITSET_MATCH_ANY);
}
inline void futex_wake(std::atomic<std::uint32_t>& word, int threads = INT_MAX) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0);
}

inline void cpu_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// How often this process image was forked from one that used an engine: differs in a forked child.
std::uint32_t fork_generation();

}  // namespace leat::runtime
