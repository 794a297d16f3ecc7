// What Leat costs on the host: rows 2, 3, 10 and 12 of the table. Values are tiny, so nearly all is overhead.
//
//   frontend_bench [--json] [--rounds=N] [--nodes=N] [section...]
//   sections: item issue scaling idle rss cold p99 frontends       (all, if none is named)
//
// Every figure is a median of rounds, interleaved with what it is compared with in the same run, beside the
// lowest and the highest round. With --json each figure is one line {"row":..,"name":..,"median":..}, which
// tools/bench/peers sets beside the same work done by NumPy, PyTorch, JAX and MXNet.
#include "tools/bench/frontend_bench.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include "leat/leat.h"

namespace leat::bench {
// Calls of operator new while they count: with 8 threads the counting would be in their way.
std::atomic<std::int64_t> news{0};
std::atomic<bool> counts_news{false};
Settings settings;
volatile float sink;
}  // namespace leat::bench
// noinline: else g++ sees malloc paired with delete.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (leat::bench::counts_news.load(std::memory_order_relaxed))
    leat::bench::news.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(bytes)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace leat::bench {

double now_ns() {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                 std::chrono::steady_clock::now().time_since_epoch())
                                 .count());
}

double cpu_ns(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return 1e9 * static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec);
}

int rounds_or(int usual) { return settings.rounds > 0 ? settings.rounds : usual; }

Spread spread(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return {v.front(), v[v.size() / 2], v.back()};
}

void report(const char* row, const std::string& name, const Spread& s, const char* unit, const char* note) {
  if (settings.json) {
    std::printf(
        "{\"row\":\"%s\",\"name\":\"%s\",\"median\":%.4g,\"low\":%.4g,\"high\":%.4g,\"unit\":\"%s\"}\n", row,
        name.c_str(), s.median, s.low, s.high, unit);
  } else {
    std::printf("%-3s %-46s %11.4g [%9.4g %9.4g] %-8s %s\n", row, name.c_str(), s.median, s.low, s.high, unit,
                note);
  }
  std::fflush(stdout);
}
void interleave(const char* row, const std::vector<Way>& ways, int batch, int rounds) {
  std::vector<std::vector<double>> times(ways.size());
  std::vector<std::int64_t> allocations(ways.size());
  counts_news = true;
  for (int round = -3; round < rounds; ++round) {
    for (std::size_t w = 0; w < ways.size(); ++w) {
      const std::int64_t before = news.load(std::memory_order_relaxed);
      const double begin = now_ns();
      for (int k = 0; k < batch; ++k) ways[w].once();
      if (round < 0) continue;
      times[w].push_back((now_ns() - begin) / batch);
      allocations[w] += news.load(std::memory_order_relaxed) - before;
    }
  }
  counts_news = false;
  for (std::size_t w = 0; w < ways.size(); ++w) {
    report(row, ways[w].name, spread(times[w]), "ns", ways[w].note);
    report(row, ways[w].name + ", operator new",
           static_cast<double>(allocations[w]) / (static_cast<double>(rounds) * batch), "calls");
  }
}

}  // namespace leat::bench

int main(int argc, char** argv) {
  using namespace leat::bench;
  settings.self = argv[0];
  const std::vector<std::pair<std::string, void (*)()>> sections = {
      {"item", item}, {"issue", issue}, {"scaling", scaling}, {"idle", idle},
      {"rss", rss},   {"cold", cold},   {"p99", p99},         {"frontends", frontends}};
  std::vector<void (*)()> chosen;
  for (int a = 1; a < argc; ++a) {
    const std::string word = argv[a];
    if (word == "--nothing") return 0;
    if (word == "--first-value") {
      const float v = 1;
      return (leat::from_memory(&v, leat::DType::f32, {1}) + 1).item<float>() == 2 ? 0 : 1;
    }
    const auto found =
        std::find_if(sections.begin(), sections.end(), [&](const auto& s) { return s.first == word; });
    if (word == "--json") {
      settings.json = true;
    } else if (word.starts_with("--rounds=")) {
      settings.rounds = std::atoi(word.c_str() + 9);
    } else if (word.starts_with("--nodes=")) {
      settings.nodes = std::atoll(word.c_str() + 8);
    } else if (found != sections.end()) {
      chosen.push_back(found->second);
    } else {
      std::fprintf(stderr, "usage: frontend_bench [--json] [--rounds=N] [--nodes=N] [section...]\nsections:");
      for (const auto& s : sections) std::fprintf(stderr, " %s", s.first.c_str());
      std::fprintf(stderr, "\n");
      return 2;
    }
  }
  if (chosen.empty()) {
    for (const auto& s : sections) chosen.push_back(s.second);
  }
  for (void (*section)() : chosen) section();
  return 0;
}
