// What the executor costs per step: empty steps, prebuilt graphs run repeatedly (row 1 of the table).
//
// Each shape is run by a plain loop over a CSR graph with atomic counters (the floor), in a fixed order (what
// no scheduler can beat), by the engine as it decides by itself ("auto": such cheap steps run in order on one
// thread), and by the engine's concurrent path at 1 and at 2 threads. Rounds are interleaved; medians are
// compared. Then what it costs to run a one-step program in the several ways there are, and how often that
// calls operator new. Usage: executor_bench [rounds].
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/engine/futex.h"
#include "runtime/executor/prepared_run.h"
#include "runtime/executor/step_graph.h"

namespace {
std::atomic<std::int64_t> news{0};
}
// noinline: else g++ sees malloc paired with delete.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  news.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(bytes)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace leat::runtime {
namespace {

class EmptyStep final : public StepBody {
 public:
  Status Execute(StepContext&, std::int64_t, std::int64_t) const override { return {}; }
  std::string_view kind() const override { return "empty"; }
  std::string ToString() const override { return "nothing"; }
};

struct Shape {
  std::string name;
  std::uint32_t steps = 0;
  std::vector<Edge> edges;
};

std::vector<Shape> make_shapes() {
  std::vector<Shape> shapes;
  Shape chain{"chain 100k", 100'000, {}};
  for (std::uint32_t s = 0; s + 1 < chain.steps; ++s) chain.edges.push_back({s, s + 1, Cause::use});
  shapes.push_back(std::move(chain));
  shapes.push_back({"independent 100k", 100'000, {}});
  Shape tree{"binary tree 2^17", (1u << 17) - 1, {}};
  for (std::uint32_t s = 0; 2 * s + 2 < tree.steps; ++s) {
    tree.edges.push_back({s, 2 * s + 1, Cause::use});
    tree.edges.push_back({s, 2 * s + 2, Cause::use});
  }
  shapes.push_back(std::move(tree));
  Shape wave{"wavefront 300x300", 90'000, {}};
  for (std::uint32_t i = 0; i < 300; ++i) {
    for (std::uint32_t j = 0; j < 300; ++j) {
      if (j + 1 < 300) wave.edges.push_back({i * 300 + j, i * 300 + j + 1, Cause::use});
      if (i + 1 < 300) wave.edges.push_back({i * 300 + j, (i + 1) * 300 + j, Cause::use});
    }
  }
  shapes.push_back(std::move(wave));
  Shape layered{"layered 100x1000 x3", 100'000, {}};
  std::mt19937 random(12345);
  for (std::uint32_t s = 1000; s < layered.steps; ++s) {
    const std::uint32_t below = (s / 1000 - 1) * 1000;
    std::uint32_t p[3];
    for (int k = 0; k < 3;) {
      p[k] = below + random() % 1000;
      if (std::find(p, p + k, p[k]) == p + k) ++k;
    }
    for (const std::uint32_t from : p) layered.edges.push_back({from, s, Cause::use});
  }
  shapes.push_back(std::move(layered));
  return shapes;
}

std::shared_ptr<const Program> make_program(const Shape& shape) {
  auto program = std::make_shared<Program>();
  program->name = shape.name;
  const auto body = std::make_shared<EmptyStep>();
  program->steps.resize(shape.steps);
  for (Step& step : program->steps) {
    step.name = "empty";
    step.body = body;
    step.cost_ns = 1;
  }
  program->edges = shape.edges;
  if (const Status s = program->Finish(); !s.ok()) {
    std::fprintf(stderr, "%s\n", s.ToString().c_str());
    std::exit(2);
  }
  return program;
}

class NoContext final : public StepContext {
 public:
  void Poison(std::size_t, const Status&, std::size_t) override {}
  bool stopping() const override { return false; }
};

// A stack of ready steps and a counter per step: the least that any dynamic executor does.
class Floor {
 public:
  explicit Floor(const Program& p) : p_(p), pending_(p.steps.size()), ready_(p.steps.size()) {
    for (std::size_t s = 0; s < p.steps.size(); ++s) {
      bodies_.push_back(p.steps[s].body.get());
      pending_[s].store(p.in_degree[s], std::memory_order_relaxed);
      if (p.in_degree[s] == 0) sources_.push_back(static_cast<std::uint32_t>(s));
    }
  }
  void Run() {
    NoContext context;
    std::size_t top = 0;
    for (const std::uint32_t s : sources_) ready_[top++] = s;
    while (top > 0) {
      const std::uint32_t s = ready_[--top];
      bodies_[s]->Execute(context, 0, 1).IgnoreError();
      for (std::uint32_t e = p_.successor_begin[s]; e < p_.successor_begin[s + 1]; ++e) {
        const std::uint32_t t = p_.successors[e];
        if (pending_[t].fetch_sub(1, std::memory_order_acq_rel) == 1) {
          pending_[t].store(p_.in_degree[t], std::memory_order_relaxed);
          ready_[top++] = t;
        }
      }
    }
  }
  void RunInOrder() {
    NoContext context;
    for (const StepBody* body : bodies_) body->Execute(context, 0, 1).IgnoreError();
  }

 private:
  const Program& p_;
  std::vector<std::atomic<std::uint32_t>> pending_;
  std::vector<std::uint32_t> ready_, sources_;
  std::vector<const StepBody*> bodies_;
};

std::unique_ptr<Engine> make_engine(int workers, bool concurrent) {
  EngineOptions options;
  options.workers = workers;
  options.synchronous = workers == 1;  // on this thread, with nothing handed over
  options.always_concurrent = concurrent;
  return Engine::Create(std::move(options)).value();
}

void run_on(Engine& engine, const std::shared_ptr<const Program>& program) {
  RunRequest request;
  request.program = program;
  engine.Submit(std::move(request))->Wait().IgnoreError();
}

struct Summary {
  double median, lowest;
};
Summary summarise(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return {v[v.size() / 2], v.front()};
}

class AddOne final : public StepBody {
 public:
  Status Execute(StepContext& c, std::int64_t, std::int64_t) const override {
    *static_cast<float*>(c.pointers[1]) = *static_cast<const float*>(c.pointers[0]) + 1;
    return {};
  }
  std::string_view kind() const override { return "kernel"; }
  std::string ToString() const override { return "add one"; }
};

std::shared_ptr<const Program> make_add_one() {
  auto program = std::make_shared<Program>();
  BufferInfo x, y;
  x.kind = BufferInfo::Kind::input;
  y.kind = BufferInfo::Kind::output;
  x.bytes = y.bytes = 4;
  program->buffers = {x, y};
  program->inputs = {0};
  program->outputs = {1};
  program->peak_bytes = 4;
  Step step;
  step.name = "add";
  step.body = std::make_shared<AddOne>();
  step.uses = {{0, false}, {1, true}};
  step.cost_ns = 20;
  program->steps.push_back(std::move(step));
  if (const Status s = program->Finish(); !s.ok()) std::exit(2);
  return program;
}

void measure_latency(int rounds) {
  const auto engine = make_engine(2, false);
  const std::shared_ptr<const Program> program = make_add_one();
  const auto prepared = PreparedRun::Create(*engine, program).value();
  float in = 1, out = 0;
  const void* inputs[] = {&in};
  void* outputs[] = {&out};
  const auto request = [&](const Ref<Value>& y) {
    RunRequest r;
    r.program = program;
    r.inputs.push_back(Value::Ready(engine->Allocate(4).value()));
    r.outputs.push_back(y);
    return r;
  };
  const std::vector<std::pair<const char*, std::function<void()>>> ways = {
      {"RunInto", [&] { prepared->RunInto(inputs, outputs).IgnoreError(); }},
      {"RunInline on a new input", [&] { engine->RunInline(request(Value::Pending())).IgnoreError(); }},
      {"Submit, Wait",
       [&] {
         const Ref<Value> y = Value::Pending();
         engine->Submit(request(y));
         y->Wait().IgnoreError();
       }},
      {"Submit x 100, Wait (per run)", [&] {
         std::vector<Ref<Run>> runs;
         for (int k = 0; k < 100; ++k) runs.push_back(engine->Submit(request(Value::Pending())));
         for (const Ref<Run>& run : runs) run->Wait().IgnoreError();
       }}};
  std::printf("\none-step program: ns, median [lowest] of %d batches; operator new calls\n", rounds);
  for (const auto& [name, way] : ways) {
    const bool many = std::string(name).find("100") != std::string::npos;
    const int batch = many ? 1 : 200;
    const double per = many ? 100 : batch;
    for (int k = 0; k < 50; ++k) way();
    std::vector<double> times;
    const std::int64_t before = news.load();
    for (int round = 0; round < rounds; ++round) {
      const std::int64_t begin = now_ns();
      for (int k = 0; k < batch; ++k) way();
      times.push_back(static_cast<double>(now_ns() - begin) / per);
    }
    const double allocations = static_cast<double>(news.load() - before) / (rounds * per);
    const Summary s = summarise(times);
    std::printf("%-30s %9.0f [%7.0f] %8.1f\n", name, s.median, s.lowest, allocations);
  }
}

int Main(int rounds) {
  const auto automatic = make_engine(2, false);
  const auto one = make_engine(1, true);
  const auto two = make_engine(2, true);
  const char* const names[] = {"in order", "floor", "auto", "1 thread", "2 threads"};
  std::printf("ns per step: median [lowest] of %d interleaved rounds; ratios of medians [of lowest]\n%-20s",
              rounds, "");
  for (const char* name : names) std::printf(" %15s", name);
  std::printf(" %13s %13s %8s\n", "1 thr/floor", "2 thr/1 thr", "B/node");
  for (const Shape& shape : make_shapes()) {
    const std::shared_ptr<const Program> program = make_program(shape);
    Floor floor(*program);
    const std::vector<std::function<void()>> systems = {
        [&] { floor.RunInOrder(); }, [&] { floor.Run(); }, [&] { run_on(*automatic, program); },
        [&] { run_on(*one, program); }, [&] { run_on(*two, program); }};
    std::vector<std::vector<double>> times(systems.size());
    for (int round = -2; round < rounds; ++round) {
      for (std::size_t k = 0; k < systems.size(); ++k) {
        const std::int64_t begin = now_ns();
        systems[k]();
        if (round >= 0) times[k].push_back(static_cast<double>(now_ns() - begin) / shape.steps);
      }
    }
    std::printf("%-20s", shape.name.c_str());
    std::vector<Summary> m;
    for (const std::vector<double>& t : times) {
      m.push_back(summarise(t));
      std::printf(" %7.2f [%5.2f]", m.back().median, m.back().lowest);
    }
    // 4 bytes of each edge are the edge's, the rest is the step's.
    const double edges = 4.0 * static_cast<double>(shape.edges.size());
    std::printf(" %5.2f [%5.2f] %5.2f [%5.2f] %8.1f\n", m[3].median / m[1].median, m[3].lowest / m[1].lowest,
                m[4].median / m[3].median, m[4].lowest / m[3].lowest,
                (static_cast<double>(program->graph->bytes()) - edges) / shape.steps);
  }
  return 0;
}

}  // namespace
}  // namespace leat::runtime

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 41;
  if (rounds < 1) {
    std::fprintf(stderr, "usage: executor_bench [rounds]\n");
    return 2;
  }
  leat::runtime::measure_latency(rounds);
  return leat::runtime::Main(rounds);
}
