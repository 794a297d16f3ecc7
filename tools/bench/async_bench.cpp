// Queueing against computing (row 4 of the table), and graphs that were never seen before (row 9).
//
//   async_bench [--json] [--rows=4,9] [--rounds=15] [WORD...]
//
// Row 4: ten times a 1000x1000 random normal and its product with itself: when the caller has control back,
// and when all is done. Row 9: the time from the first op of a new graph of 100 ops to its value in a warm
// process, against the same graph once machine code is there; then LLVM runs over 1,000 scalars and the
// batches 1, 2, 7 and 32, of which there should be none after the first.
#include <random>

#include "leat/leat.h"
#include "tools/bench/measure.h"

namespace leat::bench {
namespace {

void bench_products(const Bench& bench) {
  const std::string name = "10 x (normal, matmul) 1000^2";
  if (!bench.Wants(4, name)) return;
  std::vector<double> queued;
  Context context;
  const Context::Scope scope(context);
  bench.Race(4, name, {{"leat", [&] {
                          Generator generator(42);
                          const double begin = now_us();
                          std::vector<Tensor> products;
                          for (int i = 0; i < 10; ++i) {
                            const Tensor x = generator.normal({1000, 1000});
                            products.push_back(matmul(x, x));
                            products.back().eval();
                          }
                          queued.push_back(now_us() - begin);
                          wait(products);
                        }}});
  bench.Report(4, name, "leat, queued", spread(queued));
}

/// A graph of 100 ops on square matrices that no other seed makes: each op uses the one before.
Tensor new_graph(const Tensor& x, const Tensor& y, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Tensor> values = {x, y};
  while (values.size() < 102) {
    const Tensor& a = values.back();
    const Tensor& b = values[random() % values.size()];
    switch (random() % 16) {
      case 0: values.push_back(softmax(a)); break;
      case 1: values.push_back(transpose(a)); break;
      case 2: values.push_back(a - mean(a, {1}, true)); break;
      case 3: values.push_back(tanh(a)); break;
      case 4: values.push_back(sqrt(abs(a))); break;
      case 5: values.push_back(exp(minimum(a, 1.0f))); break;
      case 6: values.push_back(maximum(a, b)); break;
      case 7: values.push_back(a * 0.5f); break;
      case 8:
      case 9: values.push_back(tanh(a * b)); break;
      case 10: values.push_back(where(a < b, a, b)); break;
      case 11:
      case 12: values.push_back(a - b); break;
      default: values.push_back(a + b); break;
    }
  }
  return values.back();
}

void bench_new_graphs(const Bench& bench, std::int64_t extent, const std::string& name) {
  if (!bench.Wants(9, name)) return;
  Context automatic, compiled({.tier = Tier::machine_code});
  std::vector<double> first, steady, bar;
  for (int round = 0; round < bench.rounds(); ++round) {
    const auto make = [&](Context& context) {
      const Context::Scope scope(context);
      Generator generator(1);
      std::pair<Tensor, Tensor> p{generator.normal({extent, extent}), generator.normal({extent, extent})};
      wait(p.first, p.second);
      return p;
    };
    const auto seed = static_cast<std::uint32_t>(1000 + round);
    {
      const auto [x, y] = make(automatic);
      const Context::Scope scope(automatic);
      if (round == 0) new_graph(x, y, 1).wait();  // a warm process
      automatic.wait_all();
      Bench::Settle();
      const double begin = now_us();
      new_graph(x, y, seed).wait();
      first.push_back(now_us() - begin);
      automatic.wait_all();
    }
    const auto [x, y] = make(compiled);
    const Context::Scope scope(compiled);
    new_graph(x, y, seed).wait();
    std::vector<double> runs;
    for (int k = 0; k < 5; ++k) {
      Bench::Settle();
      const double begin = now_us();
      new_graph(x, y, seed).wait();
      runs.push_back(now_us() - begin);
    }
    steady.push_back(spread(runs).median);
    bar.push_back(2000 + 3 * steady.back());
  }
  bench.Report(9, name, "leat", spread(first));
  bench.Report(9, name, "leat, machine code", spread(steady));
  bench.Report(9, name, "2 ms + 3 x machine code", spread(bar));
}

void bench_llvm_runs(const Bench& bench) {
  const std::string name = "LLVM runs after the first";
  if (!bench.Wants(9, name)) return;
  Context context({.tier = Tier::machine_code});
  const Context::Scope scope(context);
  Generator generator(1);
  const auto evaluate = [](const Tensor& x, float scale, float shift) {
    layer_norm(tanh(x * scale + shift) - softmax(x / scale)).wait();
  };
  const auto batch_of = [&](std::int64_t batch) {
    const Tensor x = generator.normal({batch, 257});
    x.wait();
    return x;
  };
  const Tensor x = batch_of(16);
  evaluate(x, 0.5f, 0.25f);
  const auto count = [&](const char* what, const std::function<void()>& work) {
    const double before = static_cast<double>(context.stats().llvm_runs);
    work();
    const double runs = static_cast<double>(context.stats().llvm_runs) - before;
    bench.Report(9, name, what, {runs, runs, runs}, "runs");
  };
  count("1,000 scalars", [&] {
    for (int i = 1; i <= 1000; ++i)
      evaluate(x, 1 + 0.001f * static_cast<float>(i), 0.01f * static_cast<float>(i));
  });
  // By 1 nothing is multiplied or divided: another structure, by design. Counted once.
  count("a factor of 1", [&] { evaluate(x, 1, 0.25f); });
  count("batches 1, 2, 7, 32", [&] {
    for (const std::int64_t batch : {1, 2, 7, 32}) evaluate(batch_of(batch), 0.5f, 0.25f);
  });
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) {
  using namespace leat::bench;
  const Bench bench(argc, argv);
  bench_products(bench);
  bench_new_graphs(bench, 32, "new graph of 100 ops, 1k");
  bench_new_graphs(bench, 1024, "new graph of 100 ops, 1M");
  bench_llvm_runs(bench);
  return 0;
}
