// The bounds: tiny limits with many frontends, refusals, memory that runs out at the n-th allocation.
#include <gmock/gmock.h>

#include <thread>

#include "tests/concurrency/programs.h"

namespace leat::runtime {
namespace {

using State = Value::State;
using testing::HasSubstr;

std::unique_ptr<Engine> make_checked(EngineOptions options) {
  if (!options.allocator) options.allocator = std::make_shared<CheckingAllocator>();
  return Engine::Create(std::move(options)).value();
}

// Produces `bytes` after waiting for its input; chains of it must not deadlock at any bound.
std::shared_ptr<const Program> make_increment(std::int64_t bytes) {
  ProgramBuilder b;
  const auto x = b.Input(8);
  const auto t = b.Temporary(bytes);
  const auto y = b.Output(8);
  b.Step("copy", {x}, {t}, [](StepContext& c, std::int64_t, std::int64_t) {
    *static_cast<std::int64_t*>(c.pointers[1]) = *static_cast<std::int64_t*>(c.pointers[0]);
    return Status();
  });
  b.Step("increment", {t}, {y}, [](StepContext& c, std::int64_t, std::int64_t) {
    *static_cast<std::int64_t*>(c.pointers[1]) = *static_cast<std::int64_t*>(c.pointers[0]) + 1;
    return Status();
  });
  return b.Finish();
}

class AdmissionTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Workers, AdmissionTest, testing::Values(1, 2, 8));

TEST_P(AdmissionTest, ChainsFromManyFrontendsFinishAtTinyLimits) {
  for (const std::int64_t max_bytes : {std::int64_t{1}, std::int64_t{2000}, std::int64_t{5000}}) {
    for (const int max_runs : {1, 3, 40}) {
      auto engine = make_checked({.workers = GetParam(),
                                  .max_bytes_in_flight = max_bytes,
                                  .max_runs_in_flight = max_runs,
                                  .spin_us = 0,
                                  .always_concurrent = max_runs == 3});
      const auto small = make_increment(100), large = make_increment(3000);
      std::vector<std::thread> frontends;
      for (int t = 0; t < 6; ++t) {
        frontends.emplace_back([&, t] {
          Ref<Value> x = ready_i64(*engine, t);
          for (int k = 0; k < 15; ++k) {
            const Ref<Value> y = Value::Pending();
            engine->Submit({.program = (k + t) % 4 == 0 ? large : small,
                            .inputs = {x},
                            .outputs = {y},
                            .reserve_bytes = 8});
            x = y;
          }
          ASSERT_TRUE(x->Wait().ok());
          ASSERT_EQ(x->state(), State::ready) << x->status().ToString();
          EXPECT_EQ(as_i64(*x), t + 15);
        });
      }
      for (std::thread& t : frontends) t.join();
      ASSERT_TRUE(engine->WaitIdle().ok());
      const EngineStats stats = engine->stats();
      EXPECT_EQ(stats.bytes_in_flight, 0);
      EXPECT_EQ(stats.runs_in_flight, 0);
      EXPECT_LE(stats.peak_bytes_in_flight, std::max<std::int64_t>(max_bytes, large->peak_bytes));
    }
  }
}

TEST_P(AdmissionTest, ContinuationsMaySubmitAtTheBound) {
  auto engine = make_checked({.workers = GetParam(), .max_bytes_in_flight = 10, .max_runs_in_flight = 1});
  const auto program = make_increment(100);
  std::atomic<int> depth{0};
  std::function<void()> next = [&] {
    if (++depth > 20) return;
    const Ref<Value> y = Value::Pending();
    const auto run = engine->Submit({.program = program, .inputs = {ready_i64(*engine, 1)}, .outputs = {y}});
    run->OnQuiescent(next);
  };
  next();
  while (depth <= 20) std::this_thread::yield();
  ASSERT_TRUE(engine->WaitIdle().ok());
}

TEST_P(AdmissionTest, TrySubmitSaysNo) {
  auto engine = make_checked({.workers = GetParam(), .max_bytes_in_flight = 1000, .max_runs_in_flight = 8});
  const auto program = make_increment(700);
  const Ref<Value> gate = Value::Pending(), first = Value::Pending(), second = Value::Pending();
  auto run = engine->TrySubmit({.program = program, .inputs = {gate}, .outputs = {first}});
  ASSERT_TRUE(run.ok());
  const auto refused =
      engine->TrySubmit({.program = program, .inputs = {ready_i64(*engine, 1)}, .outputs = {second}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::resource_exhausted);
  EXPECT_THAT(refused.status().message(), HasSubstr("no room for a run of 712 bytes"));
  EXPECT_FALSE(second->done());
  gate->SetReady(ready_i64(*engine, 1)->buffer());
  ASSERT_TRUE((*run)->Wait().ok());
  EXPECT_TRUE(
      engine->TrySubmit({.program = program, .inputs = {ready_i64(*engine, 1)}, .outputs = {second}}).ok());
  ASSERT_TRUE(second->Wait().ok());
  EXPECT_EQ(as_i64(*second), 2);
}

TEST_P(AdmissionTest, ARunOverTheMemoryLimitFailsAndSaysTheSizes) {
  auto engine = make_checked({.workers = GetParam(), .memory_limit = 100'000});
  const Ref<Value> y = Value::Pending();
  const auto run =
      engine->Submit({.program = make_increment(200'000), .inputs = {ready_i64(*engine, 1)}, .outputs = {y}});
  ASSERT_TRUE(run->Wait().ok());
  EXPECT_EQ(run->status().code(), Code::resource_exhausted);
  EXPECT_THAT(run->status().message(), HasSubstr("200008 bytes"));
  EXPECT_THAT(run->status().message(), HasSubstr("100000"));
  EXPECT_EQ(y->state(), State::failed);
}

TEST_P(AdmissionTest, RunsWaitForMemoryThatOthersHold) {
  auto engine = make_checked({.workers = GetParam(), .memory_limit = 40'000, .always_concurrent = true});
  const auto program = make_increment(20'000);
  std::vector<Ref<Value>> values;
  for (int k = 0; k < 12; ++k) {
    values.push_back(Value::Pending());
    engine->Submit({.program = program, .inputs = {ready_i64(*engine, k)}, .outputs = {values.back()}});
  }
  for (int k = 0; k < 12; ++k) {
    ASSERT_TRUE(values[k]->Wait().ok());
    ASSERT_EQ(values[k]->state(), State::ready) << values[k]->status().ToString();
    EXPECT_EQ(as_i64(*values[k]), k + 1);
  }
  EXPECT_LE(engine->stats().memory[0].peak_bytes, 40'000);
}

TEST_P(AdmissionTest, AllocationFailureAtAnyPointFailsTheRunAndLeaksNothing) {
  const RandomProgram r = make_random_program(5, 30, 1, {}, 50);
  for (std::int64_t at = 0; at < 40; ++at) {
    const auto allocator = std::make_shared<CheckingAllocator>();
    auto engine = make_checked({.workers = GetParam(), .allocator = allocator});
    const Ref<Value> x = ready_i64(*engine, 3);
    allocator->fail_at = at;
    const auto outputs = pending_values(r.output_steps.size());
    const auto run = engine->Submit({.program = r.program, .inputs = {x}, .outputs = outputs});
    ASSERT_TRUE(run->Wait().ok());
    allocator->fail_at = -1;
    if (run->status().ok()) {
      for (const Ref<Value>& v : outputs) EXPECT_EQ(v->state(), State::ready);
      continue;
    }
    EXPECT_EQ(run->status().code(), Code::resource_exhausted);
    EXPECT_THAT(run->status().message(), HasSubstr("out of memory"));
    for (const Ref<Value>& v : outputs) ASSERT_TRUE(v->Retry());
    const auto again = engine->Submit({.program = r.program, .inputs = {x}, .outputs = outputs});
    ASSERT_TRUE(again->Wait().ok());
    const auto expected = r.Expected({3});
    for (std::size_t o = 0; o < outputs.size(); ++o) EXPECT_EQ(as_i64(*outputs[o]), expected[o]);
  }
}

}  // namespace
}  // namespace leat::runtime
