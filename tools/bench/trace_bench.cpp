// What recording costs: the same runs with tracing off, on and off again, in turn, for a program of long
// steps and for one of many short ones. Usage: trace_bench [rounds].
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "leat/context.h"
#include "leat/create.h"
#include "leat/executable.h"

namespace leat {
namespace {

using Clock = std::chrono::steady_clock;

// Layers of a matmul with its epilogue, some 100 us each.
Graph layers() {
  std::string text =
      "graph @layers(%x: f32[256,256], %w: f32[256,256]) -> (f32[256,256]) {\n  %y0 = tanh %x\n";
  for (int i = 0; i < 8; ++i) {
    const std::string k = std::to_string(i), next = std::to_string(i + 1);
    text += "  %p" + k + " = matmul %y" + k + " %w\n  %y" + next + " = tanh %p" + k + "\n";
  }
  return Graph::Parse(text + "  return %y8\n}\n").value();
}

// A chain beside a chain, each of a hundred small products: steps of a few microseconds.
Graph many() {
  std::string text =
      "graph @many(%x: f32[32,32], %w: f32[32,32]) -> (f32[32,32], f32[32,32]) {\n"
      "  %a0 = tanh %x\n  %b0 = exp %x\n";
  for (int i = 0; i < 100; ++i) {
    const std::string k = std::to_string(i), next = std::to_string(i + 1);
    for (const std::string chain : {"a", "b"}) {
      text += "  %p" + chain + k + " = matmul %" + chain + k + " %w\n  %" + chain + next + " = tanh %p" +
              chain + k + "\n";
    }
  }
  return Graph::Parse(text + "  return %a100, %b100\n}\n").value();
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

void measure(const char* name, const Graph& graph, const std::vector<Tensor>& inputs, int rounds,
             Context& context) {
  const Executable executable = Compile(graph, {.context = &context}).value();
  const auto once = [&] {
    const auto start = Clock::now();
    const auto futures = executable.Run({.inputs = inputs}).value();
    if (Status s = futures[0].Wait(); !s.ok()) throw Error(s);
    context.wait_all();
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
  };
  for (int i = 0; i < 20; ++i) once();
  // Runs take turns, so that what changes on the machine meanwhile falls on each alike; `again` is what two
  // equal series differ by.
  enum Series { off, on, again, kSeries };
  std::vector<double> times[kSeries];
  std::size_t bytes = 0;
  constexpr int kTurns = 10;
  for (int r = 0; r < rounds; ++r) {
    for (int i = 0; i < 3; ++i) once();  // taking the trace let the workers sleep and the caches cool
    for (int i = 0; i < kTurns * kSeries; ++i) {
      const int which = (r + i) % kSeries;
      context.SetTracing(which == on);
      times[which].push_back(once());
    }
    context.SetTracing(false);
    bytes = context.TakeTrace().size();
  }
  const double base = median(times[off]);
  std::printf("%-8s off %9.1f us  on %9.1f us  ratio %.3f  off again %.3f  (%zu bytes of JSON for %d runs)\n",
              name, base, median(times[on]), median(times[on]) / base, median(times[again]) / base, bytes,
              kTurns);
}

}  // namespace
}  // namespace leat

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 100;
  leat::Context context;
  const leat::Context::Scope scope(context);
  const leat::Tensor x = leat::full({256, 256}, 0.01f), w = leat::full({256, 256}, 0.02f);
  leat::measure("layers", leat::layers(), {x, w}, rounds, context);
  const leat::Tensor a = leat::full({32, 32}, 0.01f), b = leat::full({32, 32}, 0.02f);
  leat::measure("many", leat::many(), {a, b}, rounds, context);
}
