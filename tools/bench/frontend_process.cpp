// Row 12: what a process with Leat in it costs while it idles, lasts, starts, compiles and is shared.
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include "leat/leat.h"
#include "tools/bench/frontend_bench.h"

namespace leat::bench {

namespace {

// Of all threads but this one.
double others_cpu_ns() { return cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace

void idle() {
  std::vector<double> used;
  for (int round = 0; round < rounds_or(9); ++round) {
    Tensor y = leat::full({1 << 16}, 1.0f) + static_cast<float>(round);
    y.wait();
    leat::wait_all();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const double before = others_cpu_ns();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    used.push_back((others_cpu_ns() - before) * 1e-3);
  }
  report("12", "CPU of Leat's threads in 300 ms, from 1 ms on", spread(used), "us", "bar 0");
}

namespace {

std::int64_t resident_bytes() {
  std::FILE* f = std::fopen("/proc/self/statm", "r");
  long long size = 0, resident = 0;
  if (f == nullptr || std::fscanf(f, "%lld %lld", &size, &resident) != 2) resident = 0;
  if (f != nullptr) std::fclose(f);
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

// A minibatch-like loop: a state that depends on all that was, evaluated as it goes, read now and then.
void rss() {
  constexpr int kIterations = 1'000'000, kWarm = 100'000;
  Tensor state = leat::full({16}, 0.0f).wait();
  std::int64_t before = 0;
  const double begin = now_ns();
  for (int k = 0; k < kIterations; ++k) {
    const auto v = static_cast<float>(k % 7);
    const Tensor batch = leat::from_memory(&v, leat::DType::f32, {1});
    state = state * 0.5f + batch;
    state.eval();
    if (k % 100 == 99) state.wait();
    if (k == kWarm) before = resident_bytes();
  }
  const double ns = (now_ns() - begin) / kIterations;
  const double growth = static_cast<double>(resident_bytes() - before) / (1 << 20);
  report("12", "resident memory: growth over 900,000 iterations", growth, "MiB", "bar: flat");
  report("12", "an iteration of that loop", ns, "ns");
}

namespace {

double spawn_ms(const char* argument) {
  const double begin = now_ns();
  const pid_t child = fork();
  if (child == 0) {
    execl(settings.self, settings.self, argument, static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) std::fprintf(stderr, "frontend_bench: %s ended with %d\n", argument, status);
  return (now_ns() - begin) * 1e-6;
}

}  // namespace

void cold() {
  std::vector<double> nothing, value;
  for (int round = 0; round < rounds_or(15); ++round) {
    nothing.push_back(spawn_ms("--nothing"));
    value.push_back(spawn_ms("--first-value"));
  }
  report("12", "a fresh process, its first value and its end", spread(value), "ms", "bar 50");
  report("12", "floor: a fresh process that does nothing", spread(nothing), "ms");
}

namespace {

// A structure that no other call made: the ops are the digits of `which`.
Tensor novel(const Tensor& x, unsigned which) {
  Tensor y = x;
  for (int digit = 0; digit < 12; ++digit, which /= 4) {
    switch (which % 4) {
      case 0: y = y + x; break;
      case 1: y = exp(y); break;
      case 2: y = y * x; break;
      default: y = tanh(y) - x; break;
    }
  }
  return y;
}

}  // namespace

void p99() {
  Context context;
  const Context::Scope scope(context);
  float v = 0;
  const auto foreground = [&](double seconds) {
    std::vector<double> times;
    const double end = now_ns() + 1e9 * seconds;
    for (double begin = now_ns(); begin < end; begin = now_ns()) {
      v += 1;
      sink = (leat::from_memory(&v, leat::DType::f32, {1}) + 1).item<float>();
      times.push_back(now_ns() - begin);
      std::this_thread::sleep_for(std::chrono::microseconds(50));  // as a server between requests
    }
    std::sort(times.begin(), times.end());
    return times[times.size() * 99 / 100];
  };
  foreground(0.2);
  std::vector<double> quiet, busy;
  unsigned which = 1;
  const Tensor x = leat::full({64}, 0.25f).wait();
  for (int round = 0; round < rounds_or(9); ++round) {
    context.wait_all();
    quiet.push_back(foreground(0.4));
    const std::uint64_t before = context.stats().llvm_runs;
    for (int k = 0; k < 60; ++k, which += 37) {
      novel(x, which).wait();
      novel(x, which).wait();  // a second use: it is compiled
    }
    busy.push_back(foreground(0.4));
    if (context.stats().llvm_runs == before) std::fprintf(stderr, "frontend_bench: nothing was compiled\n");
  }
  std::vector<double> ratio;
  for (std::size_t k = 0; k < quiet.size(); ++k) ratio.push_back(busy[k] / quiet[k]);
  report("12", "foreground p99, quiet", spread(quiet), "ns");
  report("12", "foreground p99 while kernels compile", spread(busy), "ns");
  report("12", "foreground p99, compiling over quiet", spread(ratio), "x", "bar 2");
}

namespace {

double frontends_once(int threads, bool wait_each) {
  constexpr int kCalls = 24'000;
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      auto v = static_cast<float>(t);
      ready.fetch_add(1);
      while (!go.load()) std::this_thread::yield();
      Tensor last;
      for (int k = 0; k < kCalls / threads; ++k) {
        v += 1;
        last = leat::from_memory(&v, leat::DType::f32, {1}) + 1;
        if (wait_each) {
          sink = last.item<float>();
        } else {
          last.eval();
        }
      }
      last.wait();
    });
  }
  while (ready.load() < threads) std::this_thread::yield();
  const double begin = now_ns();
  go.store(true);
  for (std::thread& t : all) t.join();
  leat::wait_all();
  return (now_ns() - begin) / kCalls;
}

}  // namespace

void frontends() {
  for (const bool wait_each : {true, false}) {
    std::vector<double> one, eight, ratio;
    for (int round = -1; round < rounds_or(11); ++round) {
      const double a = frontends_once(1, wait_each), b = frontends_once(8, wait_each);
      if (round < 0) continue;
      one.push_back(a);
      eight.push_back(b);
      ratio.push_back(b / a);
    }
    const std::string what = wait_each ? "item()" : "eval(), wait at the end";
    report("12", "1 frontend, " + what, spread(one), "ns/call");
    report("12", "8 frontends on one context, " + what, spread(eight), "ns/call");
    report("12", "8 frontends over 1, " + what, spread(ratio), "x", "bar 1");
  }
}

}  // namespace leat::bench
