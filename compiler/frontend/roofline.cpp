// What this machine reaches, measured through Leat itself.
#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "leat/create.h"
#include "leat/inspect.h"

namespace leat {
namespace {

using Clock = std::chrono::steady_clock;

// Seconds of the fastest of some runs: the first ones wake workers and touch memory.
double least_seconds(const Graph& graph, const std::vector<Tensor>& inputs, Context& context) {
  const Executable executable = Compile(graph, {.context = &context}).value();
  double least = 1e300;
  const auto end = Clock::now() + std::chrono::milliseconds(200);
  for (int i = 0; i < 4 || Clock::now() < end; ++i) {
    const auto start = Clock::now();
    const std::vector<Future> futures = executable.Run({.inputs = inputs}).value();
    if (Status s = futures[0].Wait(); !s.ok()) throw Error(s);
    least = std::min(least, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return least;
}

}  // namespace

Roofline measure_roofline(Context* context) {
  Context& here = context != nullptr ? *context : Context::Current();
  const Context::Scope scope(here);
  constexpr std::int64_t kRows = 1024, kElements = std::int64_t{16} << 20;
  Roofline roofline;
  {
    const Graph product = Graph::Parse(
                              "graph @product(%x: f32[1024,1024], %y: f32[1024,1024]) -> (f32[1024,1024]) {\n"
                              "  %z = matmul %x %y\n  return %z\n}\n")
                              .value();
    const Tensor x = full({kRows, kRows}, 0.5f), y = full({kRows, kRows}, 0.25f);
    wait(x, y);
    const double operations = 2.0 * kRows * kRows * kRows;
    roofline.operations_per_second = operations / least_seconds(product, {x, y}, here);
  }
  {
    const Graph sum =
        Graph::Parse(absl::StrCat("graph @sum(%x: f32[", kElements, "], %y: f32[", kElements, "]) -> (f32[",
                                  kElements, "]) {\n  %z = add %x %y\n  return %z\n}\n"))
            .value();
    const Tensor x = full({kElements}, 0.5f), y = full({kElements}, 0.25f);
    wait(x, y);
    roofline.bytes_per_second = 3.0 * 4.0 * static_cast<double>(kElements) / least_seconds(sum, {x, y}, here);
  }
  roofline.source =
      absl::StrCat("measured on ", here.worker_count(),
                   " workers: the best f32 product of 1024 cubed, and the best sum of two arrays "
                   "of 64 MiB");
  return roofline;
}

}  // namespace leat
