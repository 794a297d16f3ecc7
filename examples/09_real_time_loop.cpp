// A control loop with a deadline: x' = tanh(A x + B u), a thousand times a second. Once warm,
// Executable::RunInto uses the caller's thread and the caller's buffers: no allocation, no lock, no hand-off.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <new>

#include "check.h"
#include "leat/leat.h"

// Counts every allocation of the process, Leat's included.
static std::atomic<long> allocations = 0;
void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size > 0 ? size : 1)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size > 0 ? size : 1);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

int main() {
  // The explicit level: text IR (or a GraphBuilder), compiled before the loop begins. It throws nothing.
  const leat::StatusOr<leat::Graph> graph = leat::Graph::Parse(R"(
graph @step(%x: f64[4], %u: f64[2], %a: f64[4,4], %b: f64[4,2]) -> (f64[4]) {
  %0 = dot_general %a %x {batch_x=[], batch_y=[], contract_x=[1], contract_y=[0]} : f64[4]
  %1 = dot_general %b %u {batch_x=[], batch_y=[], contract_x=[1], contract_y=[0]} : f64[4]
  %2 = add %0 %1 : f64[4]
  %3 = tanh %2 : f64[4]
  return %3
})");
  if (!graph.ok()) std::fprintf(stderr, "%s\n", graph.status().ToString().c_str());
  CHECK(graph.ok());
  const leat::StatusOr<leat::Executable> step = leat::Compile(*graph);
  CHECK(step.ok());

  std::array<double, 16> a{};
  std::array<double, 8> b{};
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = 0.4 * std::sin(static_cast<double>(i));
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = 0.3 * std::cos(static_cast<double>(i));
  std::array<std::array<double, 4>, 2> state{{{0.1, -0.2, 0.3, -0.4}, {}}};  // read one, write the other
  std::array<double, 4> check = state[0];
  std::array<double, 2> u{};

  constexpr int kWarm = 10, kSteps = 2000;
  long before = 0;
  double worst = 0;
  for (int i = 0; i < kSteps; ++i) {
    if (i == kWarm) before = allocations;
    u = {std::sin(0.01 * i), std::cos(0.02 * i)};
    const void* const inputs[] = {state[i % 2].data(), u.data(), a.data(), b.data()};
    void* const outputs[] = {state[(i + 1) % 2].data()};
    const auto start = std::chrono::steady_clock::now();
    CHECK(step->RunInto(inputs, outputs).ok());
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    if (i >= kWarm) worst = std::max(worst, took.count());

    std::array<double, 4> next{};
    for (std::size_t r = 0; r < 4; ++r) {
      for (std::size_t c = 0; c < 4; ++c) next[r] += a[4 * r + c] * check[c];
      next[r] = std::tanh(next[r] + b[2 * r] * u[0] + b[2 * r + 1] * u[1]);
    }
    check = next;
    for (std::size_t r = 0; r < 4; ++r) CHECK(std::fabs(next[r] - state[(i + 1) % 2][r]) < 1e-12);
  }
  std::printf("%d steps, worst %.1f us, %ld allocations once warm\n", kSteps, worst, allocations - before);
  CHECK(allocations == before);
}
