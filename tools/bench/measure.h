// Interleaved timing for the benchmarks, and the lines that tools/bench/run reads.
//
// A Race runs several contenders in turn, round after round, so that what disturbs the machine disturbs all
// alike; medians are compared. Before each turn the machine comes to rest, since an OpenMP team spins for a
// while after its work on the cores that the next contender needs. It spins briefly here (GOMP_SPINCOUNT,
// which the process sets for itself as it starts, where nobody has): with g++'s usual endless spinning a team
// whose threads land on one core stands still for whole time slices (12 ms). One thread; no state outlives a
// call.
//
//   Bench bench(argc, argv);                       // --rows=5,6 --rounds=15 --json WORD...
//   if (bench.Wants(6, "softmax"))
//     bench.Race(6, "softmax", {{"leat", [&] { ours(); }}, {"oneDNN", [&] { theirs(); }}});
#pragma once

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace leat::bench {

inline double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// The middle half of some samples, and their middle.
struct Spread {
  double median = 0, low = 0, high = 0;
};
inline Spread spread(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const std::size_t n = samples.size();
  return {samples[n / 2], samples[n / 4], samples[n - 1 - n / 4]};
}

struct Contender {
  std::string who;
  std::function<void()> run;
};

class Bench {
 public:
  Bench(int argc, char** argv) {
    if (std::getenv("GOMP_SPINCOUNT") == nullptr && std::getenv("OMP_WAIT_POLICY") == nullptr) {
      setenv("GOMP_SPINCOUNT", "30000", 1);
      execv("/proc/self/exe", argv);
    }
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      if (word == "--json") {
        json_ = true;
      } else if (word.starts_with("--rounds=")) {
        rounds_ = std::max(1, std::atoi(word.c_str() + 9));
      } else if (word.starts_with("--rows=")) {
        for (const char* at = word.c_str() + 7; *at != 0;) {
          char* end = nullptr;
          rows_.push_back(static_cast<int>(std::strtol(at, &end, 10)));
          at = *end == ',' ? end + 1 : end + std::char_traits<char>::length(end);
        }
      } else if (word.starts_with("--")) {
        std::fprintf(stderr, "usage: %s [--json] [--rows=5,6] [--rounds=15] [WORD...]\n", argv[0]);
        std::exit(2);
      } else {
        words_.push_back(word);
      }
    }
  }

  int rounds() const { return rounds_; }
  bool json() const { return json_; }
  static int threads() { return static_cast<int>(std::thread::hardware_concurrency()); }

  bool Wants(int row, const std::string& work) const {
    if (!rows_.empty() && std::find(rows_.begin(), rows_.end(), row) == rows_.end()) return false;
    return words_.empty() || std::any_of(words_.begin(), words_.end(), [&](const std::string& word) {
             return work.find(word) != std::string::npos;
           });
  }

  void Report(int row, const std::string& work, const std::string& who, Spread s,
              const char* unit = "us") const {
    if (json_) {
      std::printf(
          "{\"row\": %d, \"work\": \"%s\", \"who\": \"%s\", \"unit\": \"%s\", \"median\": %.6g, \"low\": "
          "%.6g, "
          "\"high\": %.6g}\n",
          row, work.c_str(), who.c_str(), unit, s.median, s.low, s.high);
    } else {
      std::printf("%2d  %-34s %-26s %12.2f %s  [%.2f, %.2f]\n", row, work.c_str(), who.c_str(), s.median,
                  unit, s.low, s.high);
    }
    std::fflush(stdout);
  }

  /// Each contender gets the same time a turn, about 10 ms or one call, after 10 ms (or one call) of warming
  /// up: that long the kernel may keep two threads that woke together on one core. Returns the medians.
  std::vector<Spread> Race(int row, const std::string& work, const std::vector<Contender>& contenders) const {
    std::vector<std::vector<double>> samples(contenders.size());
    std::vector<int> repeats;
    for (const Contender& c : contenders) {
      Settle();
      c.run();
      c.run();
      const double begin = now_us();
      c.run();
      repeats.push_back(static_cast<int>(std::clamp(10'000 / std::max(now_us() - begin, 0.01), 1.0, 1e5)));
    }
    for (int round = 0; round < rounds_; ++round) {
      for (std::size_t k = 0; k < contenders.size(); ++k) {
        Settle();
        const double awake = now_us();
        do {
          contenders[k].run();
        } while (now_us() - awake < 10'000);
        const double begin = now_us();
        for (int i = 0; i < repeats[k]; ++i) contenders[k].run();
        samples[k].push_back((now_us() - begin) / repeats[k]);
      }
    }
    std::vector<Spread> result;
    for (std::size_t k = 0; k < contenders.size(); ++k) {
      result.push_back(spread(samples[k]));
      Report(row, work, contenders[k].who, result.back());
    }
    return result;
  }

  /// Waits until idle OpenMP threads sleep, and gives the next contender all cores: a library called through
  /// Leat leaves this thread's setting at one.
  static void Settle() {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    omp_set_num_threads(threads());
  }

 private:
  bool json_ = false;
  int rounds_ = 15;
  std::vector<int> rows_;
  std::vector<std::string> words_;
};

}  // namespace leat::bench
