// What the design promises and no other test of the frontend asserts: laziness, exact answers, what can be
// seen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <climits>
#include <future>
#include <type_traits>

#include "leat/leat.h"
#include "tests/errors/status_of.h"

namespace leat {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

static_assert(!std::is_constructible_v<bool, Tensor>, "a Tensor is no condition");
static_assert(std::is_same_v<decltype(std::declval<Tensor>() == std::declval<Tensor>()), Tensor>);

TEST(Promises, BuildingRunsNothingAndAnEffectRunsOnce) {
  Context context({.workers = 2});
  const Context::Scope scope(context);
  std::atomic<int> calls{0};
  context.RegisterCustom("count", [&](auto, std::span<const CustomArray> out) {
    ++calls;
    out[0].as<float>()[0] = 7;
    return Status();
  });
  const Tensor y = custom("count", {ones({1})}, {DType::f32, {1}});
  const Tensor a = y + 1, b = y * 2;
  EXPECT_EQ(context.stats().runs, 0u);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(a.item<float>(), 8);
  EXPECT_EQ(b.item<float>(), 14);
  EXPECT_EQ((y - 1).item<float>(), 6);
  EXPECT_EQ(calls, 1);
}

TEST(Promises, IntegersHaveOneResultEach) {
  for (const Tier tier : {Tier::tiles, Tier::machine_code}) {
    Context context({.workers = 1, .tier = tier});
    const Context::Scope scope(context);
    EXPECT_EQ((tensor({INT_MIN, 7, -7}) / tensor({-1, 2, 2})).to_vector<int>(),
              (std::vector<int>{INT_MIN, 3, -3}));
    EXPECT_EQ((tensor({INT_MIN, 7, -7}) % tensor({-1, 2, 2})).to_vector<int>(), (std::vector<int>{0, 1, -1}));
    EXPECT_EQ((tensor({INT_MAX}) + 1).item<int>(), INT_MIN);
    const Status s = status_of([] { (tensor({1, 2}) / tensor({1, 0})).wait(); });
    EXPECT_EQ(s.code(), Code::invalid_argument);
    EXPECT_THAT(s.message(), HasSubstr("div"));
    EXPECT_EQ(status_of([] { (tensor({1, 2}) % tensor({1, 0})).wait(); }).code(), Code::invalid_argument);
  }
}

TEST(Promises, AFaultThatNobodyAsksForIsNotReported) {
  Context context({.workers = 2});
  const Context::Scope scope(context);
  const Tensor x = tensor({1, 2});
  const Tensor bad = x / 0, good = x + 1;  // nor does folding evaluate it
  EXPECT_EQ(good.to_vector<int>(), (std::vector<int>{2, 3}));
  context.wait_all();
  EXPECT_EQ(status_of([&] { bad.wait(); }).code(), Code::invalid_argument);
}

TEST(Promises, NewSizesAndScalarsNeedNoLlvm) {
  Context context({.workers = 1, .tier = Tier::machine_code});
  const Context::Scope scope(context);
  const auto run = [](std::int64_t batch, float scale) {
    return sum(exp(full({batch, 8}, 0.0f)) * scale, 1).to_vector<float>()[0];
  };
  EXPECT_EQ(run(5, 3), 24.0f);
  const std::uint64_t compiled = context.stats().llvm_runs;
  EXPECT_GT(compiled, 0u);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(run(5, 3.25f + static_cast<float>(i)), 8 * (3.25f + static_cast<float>(i)));
  EXPECT_EQ(context.stats().llvm_runs, compiled);
  for (const std::int64_t batch : {2, 7, 32, 1000}) EXPECT_EQ(run(batch, 5), 40.0f) << batch;
  EXPECT_EQ(context.stats().llvm_runs, compiled);
}

// 0, 1 and -1 are arguments as other scalars are, but where they simplify away (x * 1, x / 1, x - 0, x +
// -0.0).
TEST(Promises, ScalarsThatSimplifyNothingShareAPlan) {
  Context context({.workers = 1, .tier = Tier::machine_code});
  const Context::Scope scope(context);
  const Tensor x = tensor({2.0f, -3.0f});
  const auto run = [&](float a) {
    return (maximum((x + a) / (x * (a + 2)), a) - minimum(x, a)).to_vector<float>();
  };
  EXPECT_EQ(run(5), (std::vector<float>{3, 8}));
  const std::uint64_t plans = context.stats().plans, compiled = context.stats().llvm_runs;
  EXPECT_EQ(run(0), (std::vector<float>{0.5f, 3.5f}));
  EXPECT_EQ(run(1), (std::vector<float>{0, 4}));
  EXPECT_EQ(run(-3), (std::vector<float>{3.5f, 1}));
  EXPECT_EQ(context.stats().plans, plans);
  EXPECT_EQ(context.stats().llvm_runs, compiled);
  EXPECT_EQ((x * 1 - 0.0f).to_vector<float>(), (std::vector<float>{2, -3}));
  EXPECT_EQ(context.stats().plans, plans + 1);
}

TEST(Promises, AHostThatFlushesDenormalsGetsTheSameBitsAndKeepsItsMode) {
  Context context({.workers = 2});
  const Context::Scope scope(context);
  const unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | 0x8040);  // flush to zero, denormals are zero
  std::vector<float> small, large;
  Status s = status_of([&] {
    small = (ones({4}) * 1e-39 * 2.0f).to_vector<float>();        // on this thread, most likely
    large = (ones({1 << 20}) * 1e-39 * 2.0f).to_vector<float>();  // on workers
  });
  const unsigned after = _mm_getcsr();
  _mm_setcsr(mode);
  EXPECT_TRUE(s.ok()) << s.ToString();
  EXPECT_EQ(after & 0xffc0u, (mode | 0x8040) & 0xffc0u);
  EXPECT_EQ(small, std::vector<float>(4, 2e-39f));
  EXPECT_EQ(large, std::vector<float>(1 << 20, 2e-39f));
}

TEST(Promises, EveryStageIsATextAndAPicture) {
  Context context({.workers = 2});
  const Context::Scope scope(context);
  const Tensor x = ones({64, 64});
  x.wait();
  const Tensor y = softmax(maximum(matmul(x, x), 0.0f), -1);
  const auto dump = [&](const std::string& stage) { return context.Dump(std::span(&y, 1), stage).value(); };
  for (const std::string stage :
       {"graph", "optimized", "placed", "fused", "kernels", "llvm", "asm", "program", "memory"}) {
    EXPECT_GT(dump(stage).size(), 20u) << stage;
    EXPECT_THAT(dump(stage + ":dot"), StartsWith("digraph \"")) << stage;
  }
  EXPECT_EQ(dump("dot"), dump("program:dot"));
  EXPECT_THAT(dump("program"), HasSubstr("promises_test.cpp:"));
  const Status s = context.Dump(std::span(&y, 1), "fast:dot").status();
  EXPECT_EQ(s.code(), Code::invalid_argument);
  EXPECT_THAT(s.message(), HasSubstr("no stage is called \"fast\"; there are graph, optimized"));
  EXPECT_FALSE(y.ready());  // seeing computes nothing
}

TEST(Promises, AWaitingValueSaysWhatItWaitsForAndARunIsATimeline) {
  Context context({.workers = 2});
  const Context::Scope scope(context);
  std::promise<void> go;
  std::shared_future<void> gate = go.get_future().share();
  context.RegisterCustom("gate", [gate](auto, std::span<const CustomArray> out) {
    gate.wait();
    out[0].as<float>()[0] = 2;
    return Status();
  });
  context.SetTracing(true);
  const Tensor held = custom("gate", {ones({1})}, {DType::f32, {1}});
  const Tensor y = held + 1;
  y.eval();
  EXPECT_FALSE(y.wait_for(std::chrono::milliseconds(20)));
  EXPECT_THAT(y.explain(), HasSubstr("gate"));
  go.set_value();
  EXPECT_EQ(y.item<float>(), 3);
  context.wait_all();
  context.SetTracing(false);
  const std::string timeline = context.TakeTrace();
  EXPECT_THAT(timeline, StartsWith("{"));
  EXPECT_THAT(timeline, HasSubstr("\"gate\""));
  EXPECT_THAT(timeline, HasSubstr("\"thread_name\""));
}

TEST(Promises, ContextsLiveSideBySideAndEndCleanly) {
  Tensor kept, pending;
  {
    Context a({.workers = 1}), b({.workers = 1});
    {
      const Context::Scope scope(a);
      kept = ones({2}) + 1;
      pending = kept * 3;
      kept.wait();
    }
    const Context::Scope scope(b);
    EXPECT_EQ((ones({2}) + 4).data<float>()[1], 5.0f);
  }
  EXPECT_EQ(kept.to_vector<float>(), (std::vector<float>{2, 2}));
  EXPECT_EQ(status_of([&] { pending.wait(); }).code(), Code::context_gone);
}

TEST(Promises, CapturedScalarsFreezeAndTheDumpShowsThem) {
  float scale = 2.5f;
  auto f = compile([&](const Tensor& x) { return x * scale; });
  EXPECT_EQ(f(ones({2})).data<float>()[0], 2.5f);
  scale = 9;
  EXPECT_EQ(f(ones({2})).data<float>()[0], 2.5f);
  EXPECT_THAT(f.Dump(), HasSubstr("is a C++ scalar, frozen when this was traced: "));
  EXPECT_THAT(f.Dump(), HasSubstr("2.5"));
}

TEST(Promises, AGeneratorSplitsInProgramOrder) {
  Generator g(5), h(5);
  const Tensor first = g.uniform({8}), second = g.uniform({8});
  const Tensor a = h.uniform({8}), b = h.uniform({8});
  EXPECT_EQ(second.to_vector<float>(), b.to_vector<float>());  // whatever is asked for first
  EXPECT_EQ(first.to_vector<float>(), a.to_vector<float>());
  EXPECT_NE(first.to_vector<float>(), second.to_vector<float>());
}

}  // namespace
}  // namespace leat
