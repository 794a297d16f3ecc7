// eval() returns while the work is still running, and independent ops run at the same time.
//
// Both are shown without a clock: by ops that end only when somebody else acts.
#include <chrono>
#include <future>
#include <latch>
#include <thread>

#include "check.h"
#include "leat/leat.h"

using leat::Context, leat::CustomArray, leat::DType, leat::Status, leat::Tensor;
using Arrays = std::span<const CustomArray>;

int main() {
  Context context({.workers = 2});
  const Context::Scope scope(context);

  // An op that waits until main() opens the gate.
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  context.RegisterCustom("pass_gate", [open](Arrays in, Arrays out) {
    open.wait();
    out[0].as<float>()[0] = in[0].as<float>()[0];
    return Status();
  });
  const Tensor y = leat::custom("pass_gate", {Tensor(20.0f)}, {DType::f32, {}}) * 2 + 2;
  y.eval();
  CHECK(!y.ready());  // we are here, and the op cannot have ended: nobody opened the gate
  gate.set_value();   // the caller's own work goes here
  CHECK(y.item<float>() == 42);

  // Two ops that end only when both have begun.
  std::latch both(2);
  context.RegisterCustom("meet", [&both](Arrays, Arrays out) {
    both.count_down();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!both.try_wait()) {
      if (std::chrono::steady_clock::now() > end) return Status(leat::Code::internal, "nobody came");
      std::this_thread::yield();
    }
    out[0].as<float>()[0] = 1;
    return Status();
  });
  const Tensor a = leat::custom("meet", {Tensor(0.0f)}, {DType::f32, {}});
  const Tensor b = leat::custom("meet", {Tensor(0.0f)}, {DType::f32, {}});
  const Tensor sum = a + b;  // ordered after both: it uses them
  CHECK(sum.item<float>() == 2);
  std::puts("eval() returned while the op was waiting for us; two ops met, so they overlapped");
}
