// Asynchronous computation on a GPU: eval() queues work for the device and returns, here even before the
// device can begin. Without a GPU a virtual CPU stands in, and says so.
//
// As in 02_asynchronous.cpp this is shown without a clock: by an op that ends only when main() says so.
#include <algorithm>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "device.h"
#include "leat/leat.h"

using leat::Context, leat::CustomArray, leat::DType, leat::Status, leat::Tensor;
using Arrays = std::span<const CustomArray>;

int main() {
  std::string device;
  const std::unique_ptr<Context> context = make_context(&device);
  const Context::Scope scope(*context);

  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  context->RegisterCustom("pass_gate", [open](Arrays in, Arrays out) {
    open.wait();
    const std::span<float> from = in[0].as<float>();
    std::copy(from.begin(), from.end(), out[0].as<float>().begin());
    return Status();
  });

  leat::Generator random(7);
  const Tensor x = random.normal({200, 200}).wait();
  const Tensor passed = leat::custom("pass_gate", {x}, {DType::f32, {200, 200}});
  const Tensor start = leat::to_device(passed, device);

  // Ten products of random matrices, all on the device, and none of them can have begun.
  std::vector<Tensor> products;
  for (int k = 0; k < 10; ++k)
    products.push_back(leat::matmul(start, start * (0.1f * static_cast<float>(k))));
  for (const Tensor& product : products) product.eval();
  for (const Tensor& product : products) CHECK(!product.ready());
  std::printf("waits for: %s\n", products[0].explain().c_str());

  // What does not need the gate does not wait for it.
  const Tensor other = leat::sum(leat::to_device(x, device) * 2);
  CHECK(other.item<float>() == leat::sum(x * 2).item<float>());
  CHECK(!products[0].ready());

  gate.set_value();  // the caller's own work goes here
  for (int k = 0; k < 10; ++k) {
    const Tensor here = leat::matmul(x, x * (0.1f * static_cast<float>(k)));
    CHECK(products[static_cast<std::size_t>(k)].to_vector<float>() == here.to_vector<float>());
  }
  std::printf("ten products were queued for %s before it could begin; they have the host's bits\n",
              device.c_str());
}
