// Values come out: eval, wait, item, data, to_vector, printing, and the bookkeeping around them.
#include <gtest/gtest.h>

#include <bit>
#include <sstream>
#include <thread>
#include <vector>

#include "compiler/frontend/node.h"
#include "leat/leat.h"

namespace leat {
namespace {

TEST(Values, AScalarExpression) {
  const Tensor x = tensor({2.0f});
  EXPECT_EQ((x + 1).item<float>(), 3.0f);
  EXPECT_EQ((1 - x * 4).item<float>(), -7.0f);
}

TEST(Values, TheSameStructureIsPlannedOnce) {
  Context context({.workers = 2});
  Context::Scope scope(context);
  for (int i = 0; i < 10; ++i) {
    const Tensor x = tensor({static_cast<float>(i)});
    EXPECT_EQ((x * 2.5f).item<float>(), static_cast<float>(i) * 2.5f);
  }
  EXPECT_EQ(context.stats().plans, 1u);
  EXPECT_EQ(context.stats().plan_hits, 9u);
}

TEST(Values, ANewScalarNeedsNoNewPlan) {
  Context context({.workers = 1});
  Context::Scope scope(context);
  const Tensor x = tensor({1.0f, 2.0f, 3.0f});
  for (int i = 0; i < 20; ++i) {
    const float s = 1.5f + static_cast<float>(i);
    EXPECT_EQ((x * s).to_vector<float>(), (std::vector<float>{s, 2 * s, 3 * s}));
  }
  EXPECT_EQ(context.stats().plans, 1u);
}

TEST(Values, BroadcastingAndPrinting) {
  const Tensor m = tensor({{1.0f, 2.0f}, {3.0f, 4.0f}}), row = tensor({10.0f, 20.0f});
  std::ostringstream out;
  out << m + row;
  EXPECT_EQ(out.str(), "f32[2,2] {{11, 22}, {13, 24}}");
  EXPECT_EQ((arange(12) * 2).to_string(), "i64[12] {0, 2, 4, ..., 18, 20, 22}");
  EXPECT_EQ(tensor({true, false}).to_string(), "bool[2] {true, false}");
  EXPECT_EQ(zeros({0, 3}).to_string(), "f32[0,3] {}");
}

TEST(Values, EvalOfSeveralSharesTheWork) {
  Context context({.workers = 2});
  Context::Scope scope(context);
  const Tensor x = arange(1000, DType::f64);
  const Tensor y = exp(x * 0.001), a = y + 1, b = y * 2;
  eval(a, b);
  wait(a, b);
  EXPECT_EQ(a.data<double>()[0], 2.0);
  EXPECT_EQ(b.data<double>()[0], 2.0);
  EXPECT_EQ(context.stats().runs, 1u);
}

TEST(Values, WhatNobodyKeepsIsComputedAgain) {
  Context context({.workers = 1});
  Context::Scope scope(context);
  const Tensor x = arange(1000, DType::f32);
  const Tensor y = x * 3, z = y + 1;
  z.wait();
  EXPECT_EQ(context.stats().recomputed_bytes, 0u);
  EXPECT_EQ(y.data<float>()[10], 30.0f);
  EXPECT_EQ(context.stats().recomputed_bytes, 8000u);  // x and y
}

TEST(Values, AnEvaluatedNodeDropsItsInputs) {
  Context context({.workers = 2});
  Context::Scope scope(context);
  const std::int64_t before = frontend::live_nodes();
  Tensor x = tensor({1.0f});
  for (int i = 0; i < 100; ++i) x = x + 1;
  EXPECT_EQ(frontend::live_nodes() - before, 101);
  x.wait();
  context.wait_all();
  EXPECT_EQ(x.item<float>(), 101.0f);
  EXPECT_EQ(frontend::live_nodes() - before, 1);
}

TEST(Values, AChainOfAMillionNodesIsDestroyed) {
  Context context({.workers = 1, .auto_flush_depth = 0});
  Context::Scope scope(context);
  const std::int64_t before = frontend::live_nodes();
  {
    Tensor x = tensor({0.0f});
    for (int i = 0; i < 1'000'000; ++i) x = x + 1;
    EXPECT_EQ(frontend::live_nodes() - before, 1'000'001);
  }
  EXPECT_EQ(frontend::live_nodes() - before, 0);
}

TEST(Values, ALongChainFlushesItself) {
  Context context({.workers = 2, .auto_flush_depth = 2000});
  Context::Scope scope(context);
  Tensor x = tensor({0.0f});
  for (int i = 0; i < 10'000; ++i) x = x + 1;
  EXPECT_EQ(x.item<float>(), 10'000.0f);
  EXPECT_GE(context.stats().auto_flushes, 4u);
}

TEST(Values, OneEvalOfManyGraphsKeepsTheirScalarsApart) {
  constexpr int kCount = 100;
  std::vector<Tensor> results;
  const auto one_bits = std::bit_cast<std::int32_t>(1.0f);
  for (int i = 0; i < kCount; ++i) {
    results.push_back(tensor({static_cast<float>(i)}) + (i % 3 == 0 ? 2.5f : 1.0f));
    results.push_back(tensor({std::int32_t{i}}) + one_bits);  // the same bits, of another dtype
  }
  eval(results);
  for (int i = 0; i < kCount; ++i) {
    EXPECT_EQ(results[2 * i].item<float>(), static_cast<float>(i) + (i % 3 == 0 ? 2.5f : 1.0f)) << i;
    EXPECT_EQ(results[2 * i + 1].item<std::int32_t>(), i + one_bits) << i;
  }
}

TEST(Values, WaitForAndReady) {
  const Tensor y = arange(100) + 1;
  EXPECT_FALSE(y.ready());
  EXPECT_EQ(y.explain(), "not asked for yet");
  EXPECT_TRUE(y.wait_for(std::chrono::seconds(60)));
  EXPECT_TRUE(y.ready());
  EXPECT_EQ(y.explain(), "ready");
  EXPECT_TRUE(y.status().ok());
}

TEST(Values, AViewOutlivesTensorAndContext) {
  DataView<float> view(nullptr, nullptr, 0);
  Tensor survivor, lost;
  {
    Context context({.workers = 1});
    Context::Scope scope(context);
    const Tensor y = tensor({1.0f, 2.0f}) * 2;
    view = y.data<float>();
    survivor = y;
    lost = y + 1;
  }
  EXPECT_EQ(view[1], 4.0f);
  EXPECT_EQ(survivor.to_vector<float>(), (std::vector<float>{2, 4}));
  try {
    lost.wait();
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::context_gone);
  }
}

TEST(Values, BorrowedMemoryIsReleasedOnce) {
  Context context({.workers = 1});
  Context::Scope scope(context);
  std::vector<float> mine(1000, 2.0f);
  std::atomic<int> released{0};
  {
    const Tensor x = borrow(mine.data(), DType::f32, {1000}, [&] { ++released; });
    EXPECT_EQ(sum(x).item<float>(), 2000.0f);
    EXPECT_EQ(released, 0);
  }
  context.wait_all();
  EXPECT_EQ(released, 1);
}

TEST(Values, ManyThreadsOneContext) {
  Context context({.workers = 2});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  const Tensor shared = [&] {
    Context::Scope scope(context);
    return arange(100, DType::f32) * 2;
  }();
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Context::Scope scope(context);
      for (int i = 0; i < 50; ++i) {
        const Tensor y = shared + (t * 1000 + i);
        if (y.data<float>()[99] != 198.0f + static_cast<float>(t * 1000 + i)) ++wrong;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace leat
