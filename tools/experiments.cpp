// The experiments of asynchronous computation: what the caller pays, what the engine does meanwhile, and what
// waiting costs. tools/demo builds and runs it; it prints a table and writes a picture of a graph and a
// timeline of a run.
//
//   leat-experiments [output folder]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "leat/leat.h"

namespace {

using leat::Context;
using leat::Tensor;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Times {
  double queued = 0, done = 0;  // ms after the start
};

// The median of several runs by `done`; the first run, which compiles, is not counted.
template <class F>
Times median(int runs, F run) {
  run();
  std::vector<Times> all;
  for (int i = 0; i < runs; ++i) all.push_back(run());
  std::sort(all.begin(), all.end(), [](const Times& a, const Times& b) { return a.done < b.done; });
  return all[all.size() / 2];
}

void heading(const char* text) { std::printf("\n%s\n", text); }
void row(const char* what, const Times& t) {
  std::printf("  %-58s %10.3f ms %10.3f ms\n", what, t.queued, t.done);
}
void columns(const char* first, const char* second) { std::printf("  %-58s %13s %13s\n", "", first, second); }

// (a) Ten random matrices, multiplied.
Times random_products(Context& context) {
  Context::Scope scope(context);
  leat::Generator generator(42);
  const auto start = Clock::now();
  std::vector<Tensor> products;
  for (int i = 0; i < 10; ++i) {
    const Tensor x = generator.normal({1000, 1000});
    products.push_back(leat::matmul(x, x));
    products.back().eval();
  }
  Times t;
  t.queued = ms_since(start);
  leat::wait(products);
  t.done = ms_since(start);
  return t;
}

// (b) Ten thousand additions.
constexpr int kAdditions = 10'000;

Times wait_each_time() {
  const Tensor x = leat::tensor({1.0f});
  const auto start = Clock::now();
  for (int i = 0; i < kAdditions; ++i) {
    const Tensor y = x + 1;
    y.wait();
  }
  const double t = ms_since(start);
  return {t, t};
}

Times keep_all_wait_once() {
  std::vector<Tensor> xs, ys;
  for (int i = 0; i < kAdditions; ++i) xs.push_back(leat::tensor({static_cast<float>(i)}));
  leat::wait(xs);
  ys.reserve(xs.size());
  Times t;
  const auto start = Clock::now();
  for (const Tensor& x : xs) ys.push_back(x + 1);
  leat::eval(ys);
  t.queued = ms_since(start);
  leat::wait(ys);
  t.done = ms_since(start);
  return t;
}

Times dependent_chain() {
  Tensor y = leat::tensor({0.0f});
  Times t;
  const auto start = Clock::now();
  for (int i = 0; i < kAdditions; ++i) y = y + 1;
  y.eval();
  t.queued = ms_since(start);
  y.wait();
  t.done = ms_since(start);
  if (y.item<float>() != kAdditions) std::printf("  wrong result!\n");
  return t;
}

Times only_the_last_is_asked_for() {
  const Tensor x = leat::tensor({1.0f});
  Tensor y;
  Times t;
  const auto start = Clock::now();
  for (int i = 0; i < kAdditions; ++i) y = x + 1;
  y.eval();
  t.queued = ms_since(start);
  y.wait();
  t.done = ms_since(start);
  return t;
}

// (c) One value, or all of them.
void waiting() {
  leat::Generator generator(7);
  const Tensor a = generator.normal({600, 600}), b = generator.normal({1200, 1200});
  leat::wait(a, b);
  auto one_or_all = [&](bool all) {
    const auto start = Clock::now();
    const Tensor small = leat::matmul(a, a), large = leat::matmul(b, b);
    small.eval();
    large.eval();
    Times t;
    t.queued = ms_since(start);
    if (all) {
      leat::wait_all();
    } else {
      small.wait();
    }
    t.done = ms_since(start);
    leat::wait_all();
    return t;
  };
  row("wait() for the small product of two", median(5, [&] { return one_or_all(false); }));
  row("wait_all()", median(5, [&] { return one_or_all(true); }));
  int blockers = 0;
  leat::BlockGuard guard([&](std::string_view line) {
    std::printf("  blocked: %.*s\n", static_cast<int>(line.size()), line.data());
    ++blockers;
  });
  (void)leat::sum(leat::matmul(a, a)).item<float>();
  (void)leat::matmul(a, a).data<float>();
  std::printf("  implicit blockers found by a BlockGuard: %d\n", blockers);
}

// (d) Branches that do not depend on each other.
Times branches(Context& context) {
  Context::Scope scope(context);
  leat::Generator generator(3);
  std::vector<Tensor> starts, ends;
  for (int i = 0; i < 8; ++i) starts.push_back(generator.normal({300, 300}));
  leat::wait(starts);
  Times t;
  const auto start = Clock::now();
  for (Tensor x : starts) {
    for (int k = 0; k < 4; ++k) x = leat::tanh(leat::matmul(x, x) * 0.01f);
    ends.push_back(x);
  }
  leat::eval(ends);
  t.queued = ms_since(start);
  leat::wait(ends);
  t.done = ms_since(start);
  return t;
}

// (e) A loop that queues faster than the engine computes.
struct RunAhead {
  Times times;
  double peak_mb = 0;
};
RunAhead run_ahead(std::int64_t bound) {
  Context context({.max_bytes_in_flight = bound});
  Context::Scope scope(context);
  leat::Generator generator(5);
  const Tensor weights = generator.normal({512, 512}), others = generator.normal({512, 512});
  leat::wait(weights, others);
  RunAhead r;
  std::vector<Tensor> results;
  const auto start = Clock::now();
  for (int i = 0; i < 100; ++i) {
    const Tensor batch = generator.normal({1024, 512});
    // Two branches: all of a run's memory is taken as it starts, and without a bound every run starts.
    results.push_back(leat::sum(leat::tanh(leat::matmul(batch, weights)) * leat::matmul(batch, others)));
    results.back().eval();
  }
  r.times.queued = ms_since(start);
  leat::wait(results);
  r.times.done = ms_since(start);
  r.peak_mb = static_cast<double>(context.stats().bytes_peak) / 1e6;
  return r;
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
  std::printf("  %s\n", path.string().c_str());
}

void pictures(const std::filesystem::path& folder) {
  Context context;
  Context::Scope scope(context);
  leat::Generator generator(1);
  const Tensor x = generator.normal({256, 256}), w = generator.normal({256, 256});
  leat::wait(x, w);
  auto build = [&] {
    std::vector<Tensor> ends;
    for (int i = 0; i < 4; ++i)
      ends.push_back(leat::softmax(leat::matmul(x * (0.1f * static_cast<float>(i + 1)), w), -1));
    return leat::sum(ends[0] + ends[1] + ends[2] + ends[3], {0});
  };
  const auto dot = context.Dump(std::vector<Tensor>{build()}, "dot");
  build().wait();
  context.SetTracing(true);
  build().wait();
  context.SetTracing(false);
  heading("written");
  write_file(folder / "graph.dot", dot.ok() ? *dot : dot.status().ToString());
  write_file(folder / "timeline.json", context.TakeTrace());
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : ".";
  std::filesystem::create_directories(folder);
  Context asynchronous, synchronous({.synchronous = true}), one({.workers = 1});
  std::printf("Leat: the experiments of asynchronous computation, on %d workers.\n",
              asynchronous.worker_count());
  std::printf(
      "Times are medians, in ms after the start, warm (the first run, which compiles, is not counted).\n");

  heading("(a) 10 x (1000x1000 random normal, then matmul)");
  columns("control back", "all done");
  row("asynchronous", median(5, [&] { return random_products(asynchronous); }));
  row("synchronous mode (eval computes, on the calling thread)",
      median(5, [&] { return random_products(synchronous); }));

  heading("(b) 10,000 x (y = x + 1), one float");
  columns("control back", "all done");
  {
    Context::Scope scope(asynchronous);
    row("waiting each time", median(5, wait_each_time));
    row("10,000 different x, every y kept, waiting once", median(5, keep_all_wait_once));
    row("a chain y = y + 1, waiting once", median(5, dependent_chain));
    row("one y overwritten, only the last asked for (9,999 dropped)", median(5, only_the_last_is_asked_for));
  }

  heading("(c) waiting for one value, or for all");
  columns("control back", "back from wait");
  {
    Context::Scope scope(asynchronous);
    waiting();
  }

  heading("(d) 8 independent branches of 4 x (300x300 matmul, tanh)");
  columns("control back", "all done");
  row("1 worker", median(5, [&] { return branches(one); }));
  row("all workers", median(5, [&] { return branches(asynchronous); }));

  heading("(e) 100 minibatches queued at once: run-ahead and its memory");
  columns("control back", "all done");
  for (const bool bounded : {false, true}) {
    double peak_mb = 0;
    const Times times = median(3, [&] {
      const RunAhead r = run_ahead(bounded ? std::int64_t{32} << 20 : std::int64_t{1} << 40);
      peak_mb = std::max(peak_mb, r.peak_mb);
      return r.times;
    });
    row(bounded ? "at most 32 MiB in flight (the others wait in the queue)" : "unbounded", times);
    std::printf("  %-58s %10.1f MB peak\n", "", peak_mb);
  }

  pictures(folder);
  return 0;
}
