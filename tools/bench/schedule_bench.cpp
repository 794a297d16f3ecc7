// Schedules, placement and memory plans (rows 8, 10 and 11 of the table).
//
//   schedule_bench [--json] [--rows=8,10,11] [--rounds=15] [WORD...]
//
// Row 8: a layered graph of steps of 10 us to 1 ms, of several kinds, each calibrated in every round with all
// cores busy, against max(critical path, work / threads). Row 10: what placing a node over three devices
// takes, by its operands and by estimates. Row 11: peak bytes of planned programs against the best sequential
// order that a search finds, and their makespan against that of plans without reuse.
#include <atomic>
#include <cmath>
#include <memory>
#include <numeric>
#include <random>

#include "compiler/compile.h"
#include "compiler/passes/passes.h"
#include "ir/parser.h"
#include "leat/leat.h"
#include "runtime/engine/engine.h"
#include "tools/bench/measure.h"

namespace leat::bench {
namespace {

using runtime::BufferInfo;
using runtime::Program;
using runtime::Step;

std::unique_ptr<runtime::Engine> make_engine() {
  return runtime::Engine::Create({.workers = Bench::threads()}).value();
}

/// Arithmetic in registers, sweeps over a block of its own in the second-level cache, or both.
class Work final : public runtime::StepBody {
 public:
  Work(int kind, int repeats) : kind_(kind), repeats_(repeats), block_(kind == 0 ? 64 : 32 << 10, 1.0f) {}
  Status Execute(runtime::StepContext&, std::int64_t, std::int64_t) const override {
    Run();
    return {};
  }
  void Run() const {
    for (int r = 0; r < repeats_; ++r) {
      for (std::size_t i = 0; i < block_.size(); i += 8) {
        for (std::size_t k = i; k < i + 8; ++k) {
          float v = block_[k];
          for (int turn = 0; turn < kind_ * 4; ++turn) v = v * 0.999f + 0.001f;
          block_[k] = kind_ == 0 ? v * 0.999f + 0.001f : v + 1e-9f;
        }
      }
    }
  }
  std::string_view kind() const override { return "kernel"; }
  std::string ToString() const override { return "work"; }

 private:
  int kind_, repeats_;
  mutable std::vector<float> block_;  // of this step alone
};

struct Layered {
  std::shared_ptr<Program> program = std::make_shared<Program>();
  std::vector<std::shared_ptr<Work>> bodies;
};

Layered make_layered() {
  constexpr std::uint32_t kLayers = 32, kWidth = 8;
  Layered g;
  std::mt19937 random(7);
  std::uniform_real_distribution<double> log_us(std::log(10), std::log(1000));
  for (std::uint32_t s = 0; s < kLayers * kWidth; ++s) {
    const int kind = static_cast<int>(random() % 3);
    const Work probe(kind, 20);
    probe.Run();
    const double begin = now_us();
    probe.Run();
    const double once = (now_us() - begin) / 20;
    g.bodies.push_back(
        std::make_shared<Work>(kind, std::max(1, static_cast<int>(std::exp(log_us(random)) / once))));
    Step step;
    step.name = "work";
    step.body = g.bodies.back();
    g.program->steps.push_back(std::move(step));
    if (s < kWidth) continue;
    std::vector<std::uint32_t> above(kWidth);
    std::iota(above.begin(), above.end(), s / kWidth * kWidth - kWidth);
    std::shuffle(above.begin(), above.end(), random);
    for (std::uint32_t k = 0; k < 1 + random() % 3; ++k) {
      g.program->edges.push_back({above[k], s, runtime::Cause::use});
    }
  }
  return g;
}

/// What each step takes while the other cores run steps too, in us.
std::vector<double> calibrate(const std::vector<std::shared_ptr<Work>>& bodies) {
  std::vector<double> cost(bodies.size());
  std::atomic<std::size_t> next{0};
  const auto serve = [&] {
    for (std::size_t s = next++; s < bodies.size(); s = next++) {
      const double begin = now_us();
      bodies[s]->Run();
      cost[s] = now_us() - begin;
    }
  };
  std::vector<std::thread> others;
  for (int t = 1; t < Bench::threads(); ++t) others.emplace_back(serve);
  serve();
  for (std::thread& t : others) t.join();
  return cost;
}

void bench_makespan(const Bench& bench) {
  const std::string name = "layered graph, 10 us to 1 ms";
  if (!bench.Wants(8, name)) return;
  Layered g = make_layered();
  const std::vector<double> estimate = calibrate(g.bodies);
  for (std::size_t s = 0; s < estimate.size(); ++s) g.program->steps[s].cost_ns = 1e3 * estimate[s];
  if (!g.program->Finish().ok()) std::exit(2);
  const auto engine = make_engine();
  std::vector<double> makespans, bounds, ratios;
  for (int round = -1; round < bench.rounds(); ++round) {
    const std::vector<double> cost = calibrate(g.bodies);
    std::vector<double> start(cost.size(), 0);
    double path = 0;
    for (std::size_t s = 0; s < cost.size(); ++s) {
      path = std::max(path, start[s] + cost[s]);
      for (std::uint32_t e = g.program->successor_begin[s]; e < g.program->successor_begin[s + 1]; ++e) {
        double& then = start[g.program->successors[e]];
        then = std::max(then, start[s] + cost[s]);
      }
    }
    const double work = std::accumulate(cost.begin(), cost.end(), 0.0);
    const double begin = now_us();
    runtime::RunRequest request;
    request.program = g.program;
    engine->Submit(std::move(request))->Wait().IgnoreError();
    const double makespan = now_us() - begin;
    if (round < 0) continue;
    makespans.push_back(makespan);
    bounds.push_back(std::max(path, work / Bench::threads()));
    ratios.push_back(makespan / bounds.back());
  }
  bench.Report(8, name, "leat", spread(makespans));
  bench.Report(8, name, "max(path, work/threads)", spread(bounds));
  bench.Report(8, name, "ratio of a round", spread(ratios), "x");
}

/// The least peak of temporaries over many orders: the given one, the one that always takes the step which
/// leaves the least memory live, and such orders with ties and one choice in eight made at random.
std::int64_t best_sequential_peak(const Program& program) {
  const auto aligned = [](std::int64_t bytes) { return (bytes + 63) / 64 * 64; };
  const std::size_t n = program.steps.size();
  std::vector<std::uint32_t> waits(n, 0), readers(program.buffers.size(), 0);
  std::vector<std::vector<std::uint32_t>> after(n);
  for (const runtime::Edge& e : program.edges) {
    if (e.cause != runtime::Cause::use) continue;
    after[e.from].push_back(e.to);
    ++waits[e.to];
  }
  for (const Step& step : program.steps) {
    for (const runtime::Use& use : step.uses) ++readers[use.buffer];
  }
  std::mt19937 random(1);
  std::int64_t best = INT64_MAX;
  for (int attempt = 0; attempt < 400; ++attempt) {
    std::vector<std::uint32_t> left = waits, uses = readers, ready;
    for (std::uint32_t s = 0; s < n; ++s) {
      if (left[s] == 0) ready.push_back(s);
    }
    std::vector<bool> live(program.buffers.size(), false);
    std::int64_t now = 0, peak = 0;
    while (!ready.empty()) {
      std::size_t choice = 0;
      std::int64_t least = INT64_MAX;
      for (std::size_t k = 0; k < ready.size(); ++k) {
        std::int64_t delta = 0;
        for (const runtime::Use& use : program.steps[ready[k]].uses) {
          const BufferInfo& info = program.buffers[use.buffer];
          if (info.kind != BufferInfo::Kind::temporary) continue;
          if (!live[use.buffer]) delta += aligned(info.bytes);
          if (uses[use.buffer] == 1) delta -= aligned(info.bytes);
        }
        if (delta < least || (delta == least && attempt > 0 && random() % 2 == 0)) {
          least = delta;
          choice = k;
        }
      }
      if (attempt > 0 && random() % 8 == 0) choice = random() % ready.size();
      const std::uint32_t s = ready[choice];
      ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(choice));
      std::int64_t freed = 0;
      for (const runtime::Use& use : program.steps[s].uses) {
        const BufferInfo& info = program.buffers[use.buffer];
        if (info.kind != BufferInfo::Kind::temporary) continue;
        if (!live[use.buffer]) now += aligned(info.bytes);
        live[use.buffer] = true;
        if (--uses[use.buffer] == 0) freed += aligned(info.bytes);
      }
      peak = std::max(peak, now);
      now -= freed;
      for (const std::uint32_t t : after[s]) {
        if (--left[t] == 0) ready.push_back(t);
      }
    }
    best = std::min(best, peak);
  }
  return best;
}

Tensor transformer(Generator& generator) {
  constexpr std::int64_t kTokens = 256, kWidth = 256, kHeads = 4;
  const auto weight = [&](std::int64_t a, std::int64_t b) {
    const Tensor w = generator.normal({a, b}, 0, 0.05);
    w.wait();
    return w;
  };
  Tensor x = weight(kTokens, kWidth);
  for (int layer = 0; layer < 4; ++layer) {
    const Tensor h = layer_norm(x);
    std::vector<Tensor> heads;
    for (std::int64_t k = 0; k < kHeads; ++k) {
      const std::int64_t d = kWidth / kHeads;
      const Tensor q = matmul(h, weight(kWidth, d)), key = matmul(h, weight(kWidth, d)),
                   v = matmul(h, weight(kWidth, d));
      heads.push_back(matmul(softmax(matmul(q, transpose(key)) * 0.125f), v));
    }
    x = x + matmul(concat(heads, 1), weight(kWidth, kWidth));
    x = x + matmul(gelu(matmul(layer_norm(x), weight(kWidth, 4 * kWidth))), weight(4 * kWidth, kWidth));
  }
  return x;
}

Tensor random_graph(Generator& generator) {
  std::mt19937 random(11);
  const std::int64_t extents[] = {128, 256, 384};
  std::vector<Tensor> values;
  for (const std::int64_t a : extents) {
    for (const std::int64_t b : extents) values.push_back(generator.normal({a, b}));
  }
  wait(values);
  for (int made = 0; made < 120;) {
    const Tensor a = values[values.size() - 1 - random() % 9], b = values[random() % values.size()];
    if (a.dim(1) != b.dim(0)) continue;
    values.push_back(tanh(matmul(a, b) * 0.01f));
    ++made;
  }
  Tensor all = sum(values.back());
  for (std::size_t k = values.size() - 9; k + 1 < values.size(); ++k) all = all + sum(values[k]);
  return all;
}

void bench_memory(const Bench& bench, const std::string& name, Tensor (*make)(Generator&)) {
  if (!bench.Wants(11, name)) return;
  Context context;
  const Context::Scope scope(context);
  Generator generator(3);
  const Tensor y = make(generator);
  const ir::Graph graph = ir::parse(context.Dump(std::span(&y, 1), "graph").value()).value();
  const auto code = compiler::make_code_cache({});
  compiler::CompileOptions options;
  options.tier = compiler::Tier::machine_code;
  options.devices[0].workers = Bench::threads();
  const std::shared_ptr<const Program> reused = compiler::compile(graph, options, *code).value();
  options.reuse_memory = false;
  const std::shared_ptr<const Program> apart = compiler::compile(graph, options, *code).value();

  const auto engine = make_engine();
  std::vector<runtime::Ref<runtime::Value>> inputs;
  for (const std::uint32_t input : apart->inputs) {
    const BufferInfo& info = apart->buffers[input];
    runtime::Ref<runtime::Buffer> buffer = engine->Allocate(static_cast<std::size_t>(info.bytes)).value();
    std::fill_n(static_cast<float*>(buffer->data()), info.bytes / 4, 0.01f);
    inputs.push_back(runtime::Value::Ready(std::move(buffer)));
  }
  const auto run = [&](const std::shared_ptr<const Program>& program) {
    runtime::RunRequest request;
    request.program = program;
    request.inputs = inputs;
    for (std::size_t k = 0; k < program->outputs.size(); ++k) {
      request.outputs.push_back(runtime::Value::Pending());
    }
    engine->Submit(std::move(request))->Wait().IgnoreError();
  };
  bench.Race(11, name, {{"leat", [&] { run(reused); }}, {"no reuse", [&] { run(apart); }}});
  const auto bytes = [&](const char* who, std::int64_t n) {
    const double kib = static_cast<double>(n) / 1024;
    bench.Report(11, name + ", peak", who, {kib, kib, kib}, "KiB");
  };
  std::int64_t outputs = 0;
  for (const BufferInfo& info : reused->buffers) {
    if (info.kind == BufferInfo::Kind::output) outputs += info.bytes;
  }
  bytes("leat", reused->peak_bytes);
  bytes("best sequential order", best_sequential_peak(*apart) + outputs);
  bytes("no reuse", apart->peak_bytes);
}

/// `count` sums and products, each of two of the 20 values before it.
ir::Graph layered_graph(int count) {
  std::mt19937 random(3);
  ir::Graph graph("layered");
  std::vector<ir::Value> values;
  const ir::Type type{DType::f32, {64, 64}};
  for (const char* name : {"x", "y"}) values.push_back(graph.AddParameter(name, type));
  for (int k = 0; k < count; ++k) {
    const auto pick = [&] {
      return values[values.size() - 1 - random() % std::min<std::size_t>(20, values.size())];
    };
    if (k % 2 == 0) {
      values.push_back(graph.Add(ir::Op::add, {pick(), pick()}).value());
    } else {
      values.push_back(graph
                           .Add(ir::Op::dot_general, {pick(), pick()},
                                {{ir::Attr::batch_x, std::vector<std::int64_t>{}},
                                 {ir::Attr::batch_y, std::vector<std::int64_t>{}},
                                 {ir::Attr::contract_x, std::vector<std::int64_t>{1}},
                                 {ir::Attr::contract_y, std::vector<std::int64_t>{0}}})
                           .value());
    }
  }
  graph.outputs = {values.back()};
  return graph;
}

void bench_placement(const Bench& bench) {
  std::vector<compiler::DeviceDescription> devices(2);
  devices[1].name = "cpu:1";
  devices.push_back(compiler::describe_gpu_device(0, *runtime::cuda::gpu_description("sm_90")));
  std::vector<std::string> names;
  for (const compiler::DeviceDescription& device : devices) names.push_back(device.name);
  for (const int count : {1'000, 10'000, 100'000}) {
    const std::string work = "placing " + std::to_string(count) + " nodes over 3 devices";
    if (!bench.Wants(10, work)) continue;
    const ir::Graph graph = layered_graph(count);
    const auto time = [&](const char* who, const std::function<void()>& run) {
      std::vector<double> samples;
      for (int round = -1; round < bench.rounds(); ++round) {
        const double begin = now_us();
        run();
        if (round >= 0) samples.push_back((now_us() - begin) * 1e3 / count);
      }
      bench.Report(10, work, who, spread(samples), "ns/node");
    };
    time("leat", [&] {
      const compiler::DevicePlan plan = compiler::choose_devices(graph, devices);
      compiler::place_nodes(graph, names, {}, nullptr, &plan);
    });
    time("leat, by operands", [&] { compiler::place_nodes(graph, names); });
  }
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) {
  using namespace leat::bench;
  const Bench bench(argc, argv);
  bench_makespan(bench);
  bench_placement(bench);
  bench_memory(bench, "transformer", transformer);
  bench_memory(bench, "random graph", random_graph);
  return 0;
}
