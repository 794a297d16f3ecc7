// A pipeline over the host and a GPU: while the device computes one batch, the host prepares the next and
// finishes the one before. Without a GPU a virtual CPU with memory of its own stands in, and says so.
//
// Nothing in the loop waits: the order of the stages of one batch follows from its values, and what no value
// orders overlaps. `example_14_pipeline timeline.json` writes the timeline, for https://ui.perfetto.dev.
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "device.h"
#include "leat/leat.h"

using leat::Context, leat::CustomArray, leat::DType, leat::Status, leat::Tensor;
using Arrays = std::span<const CustomArray>;

namespace {

constexpr int kBatches = 8;
constexpr std::int64_t kRows = 64, kWidth = 256;

// The host's stage: any C++ function, here one that makes up the samples of a batch.
Status prepare(Arrays in, Arrays out) {
  const auto batch = in[0].as<std::int32_t>()[0];
  std::span<float> samples = out[0].as<float>();
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<float>((i * 37 + static_cast<std::size_t>(batch) * 101) % 1000) * 1e-3f;
  return {};
}

// The device's stage.
Tensor compute(Tensor x, const Tensor& w) {
  for (int layer = 0; layer < 4; ++layer) x = leat::tanh(leat::matmul(x, w));
  return leat::sum(x, {-1});
}

}  // namespace

int main(int argc, char** argv) {
  std::string device;
  const std::unique_ptr<Context> context = make_context(&device);
  const Context::Scope scope(*context);
  context->RegisterCustom("prepare", prepare);

  leat::Generator random(3);
  const Tensor weights = (random.normal({kWidth, kWidth}) * 0.05f).wait();
  const Tensor w = leat::to_device(weights, device).wait();

  context->SetTracing(true);
  std::vector<Tensor> results;
  for (int batch = 0; batch < kBatches; ++batch) {
    const Tensor samples = leat::custom("prepare", {Tensor(batch)}, {DType::f32, {kRows, kWidth}});
    const Tensor scores = compute(leat::to_device(samples, device), w);
    results.push_back(leat::max(leat::to_device(scores, "cpu:0")));  // the host's last stage
    results.back().eval();                                           // returns at once
  }
  for (const Tensor& result : results) result.wait();
  context->SetTracing(false);
  const std::string timeline = context->TakeTrace();
  CHECK(timeline.find("prepare") != std::string::npos);
  CHECK(timeline.find("copy") != std::string::npos);
  if (argc > 1) std::ofstream(argv[1]) << timeline;

  // Each batch alone, one stage after another, all on the host: the same bits.
  for (int batch = 0; batch < kBatches; ++batch) {
    const Tensor samples = leat::custom("prepare", {Tensor(batch)}, {DType::f32, {kRows, kWidth}}).wait();
    const Tensor scores = compute(samples, weights).wait();
    CHECK(leat::max(scores).item<float>() == results[static_cast<std::size_t>(batch)].item<float>());
  }
  std::printf("%d batches went through the host and %s; a timeline of %zu bytes\n", kBatches, device.c_str(),
              timeline.size());
}
