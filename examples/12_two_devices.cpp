// Two branches of one expression on two devices, at the same time: a GPU where there is one, else a virtual
// CPU with memory of its own, over the same scheduler. The timeline shows both sides.
#include <fstream>
#include <memory>
#include <string>

#include "check.h"
#include "leat/leat.h"

using leat::Context, leat::Tensor;

namespace {

// With a GPU if there is one; `device` is then its name.
std::unique_ptr<Context> make_context(std::string* device) {
  *device = "gpu:0";
  try {
    return std::make_unique<Context>(leat::ContextOptions{.gpu_devices = 1});
  } catch (const leat::Error& e) {
    std::printf("no GPU, a virtual CPU instead: %s\n", e.status().message().c_str());
  }
  *device = "cpu:1";
  return std::make_unique<Context>(leat::ContextOptions{.workers = 2, .cpu_devices = 2});
}

// Work for a while, the same wherever it runs.
Tensor iterate(Tensor x) {
  for (int k = 0; k < 30; ++k) x = leat::tanh(x * 1.01f + 0.1f) - leat::mean(x, -1, true) * 0.5f;
  return x;
}

}  // namespace

int main(int argc, char** argv) {
  std::string device;
  const std::unique_ptr<Context> context = make_context(&device);
  const Context::Scope scope(*context);

  leat::Generator random(5);
  const Tensor x = random.normal({512, 1024}).wait();
  const Tensor here = iterate(x);                            // on cpu:0
  const Tensor there = iterate(leat::to_device(x, device));  // on the other one, once x has been copied
  const Tensor joined = here + leat::to_device(there, "cpu:0");

  const std::string placed = context->Dump(std::span(&joined, 1), "placed").value();
  CHECK(placed.find("device=\"" + device + "\"") != std::string::npos);  // the copies are nodes of the graph

  context->SetTracing(true);
  joined.wait();
  context->SetTracing(false);
  const std::string timeline = context->TakeTrace();
  if (argc > 1) std::ofstream(argv[1]) << timeline;  // open it at https://ui.perfetto.dev
  std::printf("a timeline of %zu bytes\n", timeline.size());

  // The same bits on both devices, so that the sum is twice either side.
  const auto sum = joined.data<float>(), side = here.data<float>();
  for (std::size_t i = 0; i < sum.size(); i += 1000) CHECK(sum[i] == side[i] + side[i]);
}
