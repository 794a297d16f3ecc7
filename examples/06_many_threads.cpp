// Eight threads feed one Context. Tensors may be built, shared, evaluated and read from any thread; equal
// graphs that come at the same time are planned once.
#include <atomic>
#include <thread>
#include <vector>

#include "check.h"
#include "leat/leat.h"

using leat::Context, leat::Tensor;

int main() {
  constexpr int kThreads = 8, kRounds = 25;
  Context context;
  const Tensor shared = [&] {
    const Context::Scope scope(context);
    return leat::arange(1000, leat::DType::f64) * 0.5;  // not evaluated: the first reader starts it
  }();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const Context::Scope scope(context);  // current on this thread while it lives
      std::vector<Tensor> pending;
      for (int i = 0; i < kRounds; ++i) {
        pending.push_back(leat::sum(shared * (t + 1) + i));
        pending.back().eval();  // hand over, go on
      }
      for (int i = 0; i < kRounds; ++i) {
        const double want = 499500 * 0.5 * (t + 1) + 1000.0 * i;  // all exact in f64
        if (pending[static_cast<std::size_t>(i)].item<double>() != want) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  context.wait_all();
  const leat::ContextStats stats = context.stats();
  std::printf("%d threads, %llu runs, %llu plans\n", kThreads, static_cast<unsigned long long>(stats.runs),
              static_cast<unsigned long long>(stats.plans));
  CHECK(wrong == 0);
  CHECK(stats.plans < 20);  // 200 graphs, a few structures
}
