// The numbers at which arithmetic on sizes goes wrong, and what watches over a target that is handed many.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace leat::fuzz {

inline constexpr std::int64_t kExtremes[] = {0,
                                             1,
                                             -1,
                                             2,
                                             -2,
                                             127,
                                             128,
                                             255,
                                             65536,
                                             16'777'216,
                                             INT32_MAX,
                                             INT32_MIN,
                                             1LL << 31,
                                             1LL << 32,
                                             (1LL << 32) + 1,
                                             1LL << 40,
                                             -(1LL << 40),
                                             1LL << 46,
                                             1LL << 61,
                                             1LL << 62,
                                             -(1LL << 62),
                                             INT64_MAX,
                                             INT64_MIN,
                                             INT64_MIN + 1};

/// Calls a target with one input after another. One that kills the process, that has not ended after a
/// minute, or that asks for gigabytes, is written to stderr. One at a time in a process.
class Watch {
 public:
  explicit Watch(void (*target)(std::string_view)) : target_(target) {
    for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGALRM}) std::signal(signal, SayWhat);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    const rlimit most{rlim_t{8} << 30,
                      RLIM_INFINITY};  // of address space: the Context's budget and room to spare
    setrlimit(RLIMIT_AS, &most);
#endif
  }
  void operator()(std::string input) const {
    current = std::move(input);
    alarm(60);
    target_(current);
    alarm(0);
  }

 private:
  static void SayWhat(int signal) {
    const auto write_all = [](std::string_view text) {
      if (write(STDERR_FILENO, text.data(), text.size()) < 0) _exit(3);
    };
    write_all(signal == SIGALRM ? "\nno end within a minute:\n" : "\nwhile handling:\n");
    write_all(current);
    write_all("\n");
    std::signal(signal, SIG_DFL);
    if (signal == SIGALRM) std::abort();
    std::raise(signal);
  }
  void (*const target_)(std::string_view);
  static inline std::string current;
};

}  // namespace leat::fuzz
