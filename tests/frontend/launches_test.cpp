// Evals of small known plans, which are queued for a worker instead of becoming runs of their own.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "compiler/frontend/context_state.h"
#include "leat/leat.h"

namespace leat {
namespace {

// Makes the plan of an expression known and used, so that the next eval of its like is launched.
template <class Make>
void warm(const Make& make) {
  for (int k = 0; k < 3; ++k) make().wait();
}

TEST(Launches, ThousandsAllArriveInAnyOrderOfAsking) {
  Context context;
  const Context::Scope scope(context);
  constexpr int kCount = 5000;
  std::vector<Tensor> x, y;
  for (int i = 0; i < kCount; ++i) x.push_back(tensor({static_cast<float>(i)}));
  warm([&] { return x[0] * 2.5f; });
  const std::uint64_t before = context.stats().runs;
  for (int i = 0; i < kCount; ++i) {
    y.push_back(x[static_cast<std::size_t>(i)] * (2.5f + static_cast<float>(i % 3)));
    y.back().eval();
  }
  for (int i = kCount - 1; i >= 0; --i) {
    ASSERT_EQ(y[static_cast<std::size_t>(i)].item<float>(),
              static_cast<float>(i) * (2.5f + static_cast<float>(i % 3)));
  }
  EXPECT_EQ(context.stats().runs - before, static_cast<std::uint64_t>(kCount));
  // Launched, not submitted one by one: those are the few that were planned or warmed up.
  EXPECT_LT(context.state()->engine().stats().runs_submitted, 20u);
  EXPECT_EQ(context.stats().recomputed_bytes, 0u);
}

TEST(Launches, EachMayNeedTheOneBefore) {
  Context context;
  const Context::Scope scope(context);
  warm([] { return tensor({1.0f}) + 1; });
  Tensor state = tensor({0.0f});
  for (int k = 0; k < 3000; ++k) {
    state = state + 1;
    state.eval();
  }
  EXPECT_EQ(state.item<float>(), 3000.0f);
}

TEST(Launches, WaitAllLeavesNoneBehind) {
  Context context;
  const Context::Scope scope(context);
  const Tensor x = tensor({3.0f});
  warm([&] { return x + 1; });
  std::vector<Tensor> y;
  for (int k = 0; k < 1000; ++k) {
    y.push_back(x + 1);
    y.back().eval();
  }
  context.wait_all();
  for (const Tensor& t : y) ASSERT_TRUE(t.ready());
}

TEST(Launches, WhoReadsAtOnceGetsItsOwn) {
  Context context;
  const Context::Scope scope(context);
  const Tensor x = tensor({3.0f});
  warm([&] { return x * 2; });
  for (int k = 0; k < 1000; ++k) {
    Tensor y = x * 2;
    y.eval();
    ASSERT_EQ(y.item<float>(), 6.0f);
    ASSERT_TRUE(y.wait_for(std::chrono::seconds(10)));
  }
}

TEST(Launches, AFaultPoisonsOnlyWhatDependsOnItAndNamesTheLine) {
  Context context;
  const Context::Scope scope(context);
  const auto divide = [](int by) { return tensor({6}) / tensor({by}); };
  warm([&] { return divide(2); });
  const std::uint32_t line = __LINE__ + 1;
  const Tensor bad = tensor({6}) / tensor({0});
  const Tensor good = divide(3);
  bad.eval();
  good.eval();
  EXPECT_EQ(good.item<int>(), 2);
  try {
    bad.wait();
    FAIL() << "a division by zero went unnoticed";
  } catch (const Error& e) {
    EXPECT_EQ(e.status().code(), Code::invalid_argument);
    EXPECT_NE(e.status().message().find("integer division by zero"), std::string::npos)
        << e.status().message();
    EXPECT_EQ(e.status().where().line, line);
  }
  warm([] { return tensor({1}) * 3; });
  const Tensor worse = bad * 3;
  worse.eval();
  EXPECT_THROW(worse.wait(), Error);
  EXPECT_EQ(worse.status().where().line, line);
}

TEST(Launches, AContextMayEndWithLaunchesQueued) {
  for (int round = 0; round < 20; ++round) {
    std::vector<Tensor> y;
    {
      Context context;
      const Context::Scope scope(context);
      const Tensor x = tensor({1.0f});
      warm([&] { return x + 1; });
      for (int k = 0; k < 500; ++k) {
        y.push_back(x + 1);
        y.back().eval();
      }
    }
    for (const Tensor& t : y) {
      if (t.ready()) {
        ASSERT_EQ(t.item<float>(), 2.0f);
        continue;
      }
      try {
        t.wait();
        FAIL() << "a value of a Context that is gone";
      } catch (const Error& e) {
        ASSERT_EQ(e.status().code(), Code::context_gone);
      }
    }
  }
}

TEST(Launches, ManyThreadsShareOneQueue) {
  Context context;
  const Context::Scope scope(context);
  warm([] { return tensor({1.0f}) + 1; });
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const Context::Scope mine(context);
      std::vector<Tensor> y;
      for (int k = 0; k < 400; ++k) {
        y.push_back(tensor({static_cast<float>(t * 1000 + k)}) + 1);
        if (k % 7 != 0) y.back().eval();
        if (k % 11 == 0 && y.back().item<float>() != static_cast<float>(t * 1000 + k + 1)) ++wrong;
      }
      for (int k = 0; k < 400; ++k) {
        if (y[static_cast<std::size_t>(k)].item<float>() != static_cast<float>(t * 1000 + k + 1)) ++wrong;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(Launches, BoundedAndSynchronousContextsMakeRuns) {
  ContextOptions bounded, synchronous;
  bounded.max_runs_in_flight = 2;
  synchronous.synchronous = true;
  for (const ContextOptions& options : {bounded, synchronous}) {
    Context context(options);
    const Context::Scope scope(context);
    const Tensor x = tensor({1.0f});
    warm([&] { return x + 1; });
    std::vector<Tensor> y;
    for (int k = 0; k < 100; ++k) {
      y.push_back(x + 1);
      y.back().eval();
      ASSERT_TRUE(!options.synchronous || y.back().ready());
    }
    for (const Tensor& t : y) ASSERT_EQ(t.item<float>(), 2.0f);
  }
}

}  // namespace
}  // namespace leat
