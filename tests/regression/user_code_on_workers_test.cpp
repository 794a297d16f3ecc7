// A thread that waits helped with a custom op, which waited for that thread: neither went on. User code
// runs on workers only, whether the plan is new, known and small, or inside the bound's helping.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "leat/leat.h"

namespace leat {
namespace {

TEST(UserCodeOnWorkers, NoWaitingCallerRunsACustomOp) {
  for (int workers : {1, 2, 4}) {
    Context context({.workers = workers, .max_runs_in_flight = 2});
    const Context::Scope scope(context);
    const std::thread::id here = std::this_thread::get_id();
    std::atomic<int> calls = 0, on_caller = 0;
    context.RegisterCustom("look", [&](std::span<const CustomArray> in, std::span<const CustomArray> out) {
      ++calls;
      if (std::this_thread::get_id() == here) ++on_caller;
      out[0].as<float>()[0] = in[0].as<float>()[0] + 1;
      return Status();
    });
    for (int i = 0; i < 50; ++i) {  // the first is planned, the others find a small plan
      EXPECT_EQ(custom("look", {Tensor(static_cast<float>(i))}, {DType::f32, {}}).item<float>(), i + 1);
    }
    std::vector<Tensor> all;
    for (int i = 0; i < 100; ++i) {  // more runs than the bound has room for: eval helps
      all.push_back(custom("look", {Tensor(1.0f)}, {DType::f32, {}}) * 2);
      all.back().eval();
    }
    for (const Tensor& t : all) EXPECT_EQ(t.item<float>(), 4);
    EXPECT_EQ(calls, 150);
    EXPECT_EQ(on_caller, 0) << workers << " workers";
  }
}

}  // namespace
}  // namespace leat
