// compile(f) traces a function once per structure. A new batch size costs a plan: the kernels are those
// that are there already, because sizes are arguments of a kernel, not part of it.
#include <cmath>
#include <vector>

#include "check.h"
#include "leat/leat.h"

using leat::Context, leat::Tensor;

int main() {
  Context context({.tier = leat::Tier::machine_code});
  const Context::Scope scope(context);

  leat::Generator random(1);
  const Tensor w = random.normal({64, 10}), b = random.normal({10});
  int calls = 0;
  const auto classify = leat::compile([&](const Tensor& x) {
    ++calls;  // runs while tracing only
    return leat::softmax(leat::gelu(leat::linear(x, w, b)), -1);
  });

  const Tensor first = classify(random.normal({32, 64})).wait();
  classify(random.normal({32, 64})).wait();
  CHECK(calls == 1);  // the same structure: not traced again
  const std::uint64_t compiled = context.stats().llvm_runs;
  for (std::int64_t batch : {1, 7, 33, 200}) {
    const Tensor y = classify(random.normal({batch, 64}));
    CHECK((y.shape() == leat::Shape{batch, 10}));
    const std::vector<float> sums = leat::sum(y, -1).to_vector<float>();
    for (float s : sums) CHECK(std::fabs(s - 1) < 1e-5f);
  }
  std::printf("traced %zu times, %llu kernels compiled for the first batch size\n", classify.traces(),
              static_cast<unsigned long long>(compiled));
  // The sums above are one kernel of their own; four batch sizes brought nothing else.
  CHECK(context.stats().llvm_runs <= compiled + 1);
  CHECK(first.ready());
}
