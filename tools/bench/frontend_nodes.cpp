// Rows 2, 3 and 10: what a value costs, alone, by the thousand and in graphs of up to a million nodes.
#include <algorithm>
#include <cmath>
#include <memory>
#include <random>

#include "leat/leat.h"
#include "tools/bench/frontend_bench.h"

namespace leat::bench {
namespace {

// An eager array in plain C++: what remains of a framework when all of it is taken away.
std::shared_ptr<std::vector<float>> eager_add(const std::vector<float>& x, float y) {
  auto z = std::make_shared<std::vector<float>>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) (*z)[i] = x[i] + y;
  return z;
}

}  // namespace

void item() {
  const leat::Graph graph = leat::Graph::Parse(
                                "graph @add_one(%x: f32[1]) -> (f32[1]) {\n"
                                "  %0 = constant {value=1} : f32[]\n"
                                "  %1 = broadcast %0 {dims=[]} : f32[1]\n"
                                "  %2 = add %x %1 : f32[1]\n"
                                "  return %2\n}\n")
                                .value();
  const leat::Executable prepared = leat::Compile(graph).value();
  float in = 1, out = 0;
  const void* inputs[] = {&in};
  void* outputs[] = {&out};
  float v = 0;
  const auto x = [&] {
    v += 1;
    return leat::from_memory(&v, leat::DType::f32, {1});
  };
  const Tensor kept = x();
  for (int k = 0; k < 2000; ++k) sink = (x() + 1).item<float>();
  leat::wait_all();
  interleave("2",
             {{"(x + 1).item() on a new x", [&] { sink = (x() + 1).item<float>(); }, "bar 1000"},
              {"the same on an old x", [&] { sink = (kept + 1).item<float>(); }},
              {"a new x alone", [&] { x(); }},
              {"eval, then wait",
               [&] {
                 const Tensor y = x() + 1;
                 y.eval();
                 y.wait();
               }},
              {"RunInto", [&] { prepared.RunInto(inputs, outputs).IgnoreError(); }, "bar 150, no new"},
              {"floor: an eager array in C++",
               [&] {
                 v += 1;
                 const std::vector<float> a(1, v);
                 sink = (*eager_add(a, 1))[0];
               }}},
             500, rounds_or(201));
}

// y_i = x_i + 1 for many distinct x_i, all kept, all computed.
void issue() {
  constexpr int kNodes = 10'000;
  std::vector<Tensor> x(kNodes), y(kNodes);
  for (int i = 0; i < kNodes; ++i) {
    const auto v = static_cast<float>(i);
    x[static_cast<std::size_t>(i)] = leat::from_memory(&v, leat::DType::f32, {1});
  }
  std::vector<double> build, eval_each, done, eval_all, done_all;
  const auto fill = [&] {
    const double begin = now_ns();
    for (std::size_t i = 0; i < kNodes; ++i) y[i] = x[i] + 1;
    return now_ns() - begin;
  };
  for (int round = -3; round < rounds_or(31); ++round) {
    fill();  // the old ones are dropped outside the time of the new
    for (Tensor& t : y) t = Tensor();
    const double building = fill();
    for (Tensor& t : y) t = Tensor();
    double begin = now_ns();
    for (std::size_t i = 0; i < kNodes; ++i) {
      y[i] = x[i] + 1;
      y[i].eval();
    }
    const double issued = now_ns() - begin;
    leat::wait_all();
    const double all = now_ns() - begin;
    for (Tensor& t : y) t = Tensor();
    const double again = fill();
    begin = now_ns();
    leat::eval(std::span<const Tensor>(y));
    const double issued_all = now_ns() - begin;
    leat::wait_all();
    if (round < 0) continue;
    build.push_back(building / kNodes);
    eval_each.push_back(issued / kNodes);
    done.push_back(all / kNodes);
    eval_all.push_back((again + issued_all) / kNodes);
    done_all.push_back((again + now_ns() - begin) / kNodes);
  }
  report("3", "building y = x + 1", spread(build), "ns/node");
  report("3", "building and eval of each: control is back", spread(eval_each), "ns/node", "bar 300");
  report("3", "building and eval of each: all is done", spread(done), "ns/node");
  report("3", "building and one eval of all: control is back", spread(eval_all), "ns/node", "bar 300");
  report("3", "building and one eval of all: all is done", spread(done_all), "ns/node");
}

namespace {

struct Phases {
  double build = 0, eval = 0, done = 0;
};

Phases run_chain(std::int64_t n, const Tensor& x, const Tensor& z) {
  Phases p;
  const double begin = now_ns();
  Tensor y = x;
  for (std::int64_t k = 0; k < n; ++k) y = k % 2 == 0 ? y + z : y * z;
  p.build = now_ns() - begin;
  y.eval();
  p.eval = now_ns() - begin;
  y.wait();
  p.done = now_ns() - begin;
  return p;
}

// Layers of sqrt(n); each node adds or multiplies two of the layer before. The last layer is asked for.
Phases run_layers(std::int64_t n, const Tensor& x, const Tensor& z) {
  const auto width = static_cast<std::size_t>(std::max(2.0, std::sqrt(static_cast<double>(n))));
  std::mt19937 random(7);
  Phases p;
  const double begin = now_ns();
  std::vector<Tensor> layer(width), next(width);
  for (std::size_t k = 0; k < width; ++k) layer[k] = k % 2 == 0 ? x : z;
  for (std::int64_t made = 0; made < n; made += static_cast<std::int64_t>(width)) {
    for (std::size_t k = 0; k < width; ++k) {
      const Tensor &a = layer[random() % width], &b = layer[random() % width];
      next[k] = k % 2 == 0 ? a + b : a * b;
    }
    layer.swap(next);
  }
  next.clear();
  p.build = now_ns() - begin;
  leat::eval(std::span<const Tensor>(layer));
  p.eval = now_ns() - begin;
  leat::wait(std::span<const Tensor>(layer));
  p.done = now_ns() - begin;
  return p;
}

}  // namespace

// Building, planning and running graphs of ever more nodes: no plan is kept, kernels are. By the clock, and
// in CPU time of all threads: large chains are cut into parts that two of them plan.
void scaling() {
  ContextOptions options;
  options.plan_cache_entries = 0;
  Context context(options);
  const Context::Scope scope(context);
  const Tensor x = leat::full({16}, 1.0f).wait(), z = leat::full({16}, 0.5f).wait();
  struct Shape {
    const char* name;
    Phases (*run)(std::int64_t, const Tensor&, const Tensor&);
  };
  const Shape shapes[] = {{"chain", run_chain}, {"layers", run_layers}};
  for (const Shape& shape : shapes) {
    std::vector<std::int64_t> sizes;
    for (std::int64_t n = 1000; n <= settings.nodes; n *= 10) sizes.push_back(n);
    std::vector<std::vector<double>> build(sizes.size()), eval(sizes.size()), done(sizes.size()),
        cpu(sizes.size());
    for (int round = -1; round < rounds_or(3); ++round) {
      for (std::size_t s = 0; s < sizes.size(); ++s) {
        if (round < 0 && sizes[s] > 100'000) continue;
        // Small graphs are repeated, so that every size is timed over a while.
        const std::int64_t times = std::max<std::int64_t>(1, 30'000 / sizes[s]);
        Phases sum;
        const double cpu_begin = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
        for (std::int64_t t = 0; t < times; ++t) {
          const Phases p = shape.run(sizes[s], x, z);
          sum.build += p.build;
          sum.eval += p.eval;
          sum.done += p.done;
        }
        if (round < 0) continue;
        const auto per = static_cast<double>(sizes[s] * times);
        cpu[s].push_back((cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin) / per);
        build[s].push_back(sum.build / per);
        eval[s].push_back(sum.eval / per);
        done[s].push_back(sum.done / per);
      }
    }
    const auto dearest = [](const std::vector<std::vector<double>>& costs) {
      double least = 1e300, most = 0;
      for (const std::vector<double>& cost : costs) {
        least = std::min(least, spread(cost).median);
        most = std::max(most, spread(cost).median);
      }
      return most / least;
    };
    for (std::size_t s = 0; s < sizes.size(); ++s) {
      const std::string name = std::string(shape.name) + " of " + std::to_string(sizes[s]);
      report("10", name + ": built", spread(build[s]), "ns/node");
      report("10", name + ": eval is back", spread(eval[s]), "ns/node");
      report("10", name + ": done", spread(done[s]), "ns/node");
      report("10", name + ": CPU time", spread(cpu[s]), "ns/node");
    }
    report("10", std::string(shape.name) + ": dearest size over cheapest", dearest(done), "x", "bar 2");
    report("10", std::string(shape.name) + ": dearest size over cheapest, CPU time", dearest(cpu), "x",
           "bar 2");
  }
}

}  // namespace leat::bench
