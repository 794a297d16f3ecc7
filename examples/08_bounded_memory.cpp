// A loop over minibatches that never waits for a result, yet does not fill the memory: work in flight is
// bounded in bytes. Over the bound eval() waits or helps; try_eval() says no.
#include <future>
#include <vector>

#include "check.h"
#include "leat/leat.h"

using leat::Code, leat::Context, leat::CustomArray, leat::DType, leat::Status, leat::Tensor;
using Arrays = std::span<const CustomArray>;

int main() {
  constexpr std::int64_t kBound = 8 << 20, kBatch = 256, kFeatures = 1024;  // a batch is 1 MiB
  Context context({.max_bytes_in_flight = kBound});
  const Context::Scope scope(context);

  leat::Generator random(3);
  std::vector<Tensor> losses;
  for (int i = 0; i < 200; ++i) {
    const Tensor x = random.uniform({kBatch, kFeatures});
    const Tensor centred = x - leat::mean(x, 0, true);
    losses.push_back(leat::mean(centred * centred));
    losses.back().eval();  // returns at once until the bound is reached
  }
  double total = 0;
  for (const Tensor& loss : losses) total += static_cast<double>(loss.item<float>());
  const leat::ContextStats stats = context.stats();
  std::printf("mean loss %.4f, peak %.1f MiB\n", total / 200,
              static_cast<double>(stats.bytes_peak) / (1 << 20));
  CHECK(total / 200 > 0.082 && total / 200 < 0.084);  // the variance of a uniform variable is 1/12
  CHECK(stats.bytes_peak < 2 * kBound);  // 200 MiB passed through; memory kept for reuse counts too

  // A value is there before its run has given back its memory; this waits for that too.
  context.wait_all();

  // try_eval: while one run holds most of the bound, another is refused and may be tried again.
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  context.RegisterCustom("pass_gate", [open](Arrays, Arrays) {
    open.wait();
    return Status();
  });
  const Tensor big = leat::custom("pass_gate", {}, {DType::u8, {kBound - 1000}});
  CHECK(leat::try_eval(big).ok());
  const Tensor more = leat::ones({1'000'000}) * random.uniform({1'000'000});
  CHECK(leat::try_eval(more).code() == Code::resource_exhausted);
  gate.set_value();
  big.wait();
  context.wait_all();
  CHECK(leat::try_eval(more).ok());
  more.wait();
}
