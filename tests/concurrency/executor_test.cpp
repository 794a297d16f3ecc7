// The executor at every worker count: random programs, many frontends, pending inputs, teardown.
#include <thread>

#include "tests/concurrency/programs.h"

namespace leat::runtime {
namespace {

using State = Value::State;

struct Mode {
  int workers;  // 0: synchronous
  double spin_us;
  bool concurrent;
};

class ExecutorTest : public testing::TestWithParam<Mode> {
 protected:
  std::unique_ptr<Engine> Make(EngineOptions options = {}) {
    options.synchronous = GetParam().workers == 0;
    options.workers = GetParam().workers;
    options.spin_us = GetParam().spin_us;
    options.always_concurrent = GetParam().concurrent;
    if (!options.allocator) options.allocator = std::make_shared<CheckingAllocator>();
    return Engine::Create(std::move(options)).value();
  }
};

INSTANTIATE_TEST_SUITE_P(Workers, ExecutorTest,
                         testing::Values(Mode{0, 0, false}, Mode{0, 0, true}, Mode{1, 5, false},
                                         Mode{1, 0, true}, Mode{2, 20, true}, Mode{2, 0, true},
                                         Mode{8, 5, true}, Mode{8, 0, false}, Mode{64, 0, true}),
                         [](const auto& info) {
                           return "w" + std::to_string(info.param.workers) + "_spin" +
                                  std::to_string(static_cast<int>(info.param.spin_us)) +
                                  (info.param.concurrent ? "_concurrent" : "");
                         });

void expect_outputs(const RandomProgram& r, const std::vector<std::int64_t>& inputs,
                    const std::vector<Ref<Value>>& outputs) {
  const std::vector<std::int64_t> expected = r.Expected(inputs);
  ASSERT_EQ(expected.size(), outputs.size());
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    ASSERT_EQ(outputs[o]->state(), State::ready) << outputs[o]->status().ToString();
    ASSERT_EQ(as_i64(*outputs[o]), expected[o]) << "output " << o;
  }
}

TEST_P(ExecutorTest, RandomProgramsRunEachStepOnceAfterItsPredecessors) {
  auto engine = Make();
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    const std::uint32_t n = seed % 4 == 0 ? 1500 : 1 + seed * 7;
    const RandomProgram r = make_random_program(seed, n, seed % 3, {}, seed % 2 ? 0 : 50);
    for (int repeat = 1; repeat <= 5; ++repeat) {
      std::vector<std::int64_t> inputs;
      std::vector<Ref<Value>> values;
      for (std::size_t i = 0; i < r.n_inputs; ++i) {
        inputs.push_back(static_cast<std::int64_t>(seed * 100 + i + static_cast<std::size_t>(repeat)));
        values.push_back(ready_i64(*engine, inputs.back()));
      }
      const auto outputs = pending_values(r.output_steps.size());
      const auto run = engine->Submit({.program = r.program, .inputs = values, .outputs = outputs});
      ASSERT_TRUE(run->Wait().ok());
      ASSERT_TRUE(run->status().ok()) << run->status().ToString();
      expect_outputs(r, inputs, outputs);
      for (std::uint32_t k = 0; k < n; ++k) ASSERT_EQ((*r.ran)[k].load(), repeat) << "step " << k;
    }
  }
}

TEST_P(ExecutorTest, ACallerWhoWaitsLeavesLongSharedWorkToTheWorkers) {
  auto engine = Make();
  const auto caller = std::this_thread::get_id();
  std::atomic<int> on_caller{0}, units{0};
  const auto work = [&](StepContext&, std::int64_t begin, std::int64_t end) {
    if (std::this_thread::get_id() == caller) ++on_caller;
    units += static_cast<int>(end - begin);
    return Status();
  };
  ProgramBuilder b;
  const std::uint32_t x = b.Temporary(8), y = b.Output(8);
  for (const auto& [reads, writes] : {std::pair{std::vector<std::uint32_t>{}, x}, {{x}, y}}) {
    Step& step = b.program().steps[b.Step("shared", reads, {writes}, work, 0.4e6)];
    step.units = 8;
    step.grain = 1;
  }
  const auto program = b.Finish();
  for (int repeat = 1; repeat <= 200; ++repeat) {
    const auto run = engine->Submit({.program = program, .inputs = {}, .outputs = pending_values(1)});
    ASSERT_TRUE(run->Wait().ok());
    ASSERT_TRUE(run->status().ok()) << run->status().ToString();
    ASSERT_EQ(units.load(), 16 * repeat);
  }
  if (GetParam().workers > 1) {
    EXPECT_EQ(on_caller.load(), 0);
  }
}

TEST_P(ExecutorTest, ManyFrontendsShareOneEngine) {
  auto engine = Make();
  const RandomProgram r = make_random_program(7, 60, 2, {}, 50);
  std::vector<std::thread> frontends;
  for (int t = 0; t < 8; ++t) {
    frontends.emplace_back([&, t] {
      for (int k = 0; k < 40; ++k) {
        const std::vector<std::int64_t> inputs{t, k};
        const auto outputs = pending_values(r.output_steps.size());
        const auto run = engine->Submit({.program = r.program,
                                         .inputs = {ready_i64(*engine, t), ready_i64(*engine, k)},
                                         .outputs = outputs});
        if (k % 2 == 0) {
          ASSERT_TRUE(run->Wait().ok());
        } else {
          for (const Ref<Value>& v : outputs) ASSERT_TRUE(v->Wait().ok());
        }
        expect_outputs(r, inputs, outputs);
      }
    });
  }
  for (std::thread& t : frontends) t.join();
  EXPECT_TRUE(engine->WaitIdle().ok());
  EXPECT_EQ(engine->stats().runs_finished, 320u);
}

TEST_P(ExecutorTest, RunsChainThroughPendingValues) {
  auto engine = Make();
  const RandomProgram r = make_random_program(3, 40, 1, {}, 50);
  std::vector<std::int64_t> expected{5};
  Ref<Value> x = Value::Pending();
  const Ref<Value> first = x;
  std::vector<Ref<leat::runtime::Run>> runs;
  for (int k = 0; k < 50; ++k) {
    const auto outputs = pending_values(r.output_steps.size());
    runs.push_back(engine->Submit({.program = r.program, .inputs = {x}, .outputs = outputs}));
    x = outputs[0];
    expected = r.Expected({expected[0]});
  }
  EXPECT_FALSE(x->done());
  Ref<Buffer> b = engine->Allocate(8).value();
  *static_cast<std::int64_t*>(b->data()) = 5;
  first->SetReady(b);
  ASSERT_TRUE(x->Wait().ok());
  ASSERT_EQ(x->state(), State::ready) << x->status().ToString();
  EXPECT_EQ(as_i64(*x), expected[0]);
  for (const auto& run : runs) ASSERT_TRUE(run->Wait().ok());
}

TEST_P(ExecutorTest, PlanRunsOnceAndItsErrorFailsTheRun) {
  auto engine = Make();
  const RandomProgram r = make_random_program(3, 10, 0);
  std::atomic<int> plans{0};
  const auto outputs = pending_values(r.output_steps.size());
  const auto run = engine->Submit({.plan = [&]() -> StatusOr<std::shared_ptr<const Program>> {
                                     ++plans;
                                     return r.program;
                                   },
                                   .outputs = outputs});
  ASSERT_TRUE(run->Wait().ok());
  expect_outputs(r, {}, outputs);
  EXPECT_EQ(plans, 1);
  const auto lost = pending_values(1);
  const auto bad = engine->Submit({.plan = []() -> StatusOr<std::shared_ptr<const Program>> {
                                     return Status(Code::invalid_argument, "no such plan");
                                   },
                                   .outputs = lost});
  ASSERT_TRUE(bad->Wait().ok());
  EXPECT_EQ(bad->status().code(), Code::invalid_argument);
  EXPECT_EQ(lost[0]->state(), State::failed);
  EXPECT_EQ(lost[0]->status().message(), "no such plan");
  EXPECT_TRUE(lost[0]->Retry());
  EXPECT_EQ(lost[0]->state(), State::pending);
}

TEST_P(ExecutorTest, SplitStepsCoverTheirUnitsOnce) {
  auto engine = Make();
  constexpr std::int64_t kUnits = 10'000;
  std::vector<std::atomic<int>> hits(kUnits);
  ProgramBuilder b;
  const auto y = b.Output(8), z = b.Output(8);
  for (const auto out : {y, z}) {
    b.Step(
        "split", {}, {out},
        [&](StepContext&, std::int64_t begin, std::int64_t end) {
          EXPECT_EQ(begin % 16, 0);
          for (std::int64_t u = begin; u < end; ++u) hits[static_cast<std::size_t>(u)].fetch_add(1);
          return Status();
        },
        1e6);
    b.program().steps.back().units = kUnits;
    b.program().steps.back().grain = 16;
  }
  const auto program = b.Finish();
  for (int k = 1; k <= 10; ++k) {
    const auto outputs = pending_values(2);
    const auto run = engine->Submit({.program = program, .outputs = outputs});
    ASSERT_TRUE(run->Wait().ok());
    ASSERT_EQ(outputs[1]->state(), State::ready);
    for (std::int64_t u = 0; u < kUnits; ++u) ASSERT_EQ(hits[static_cast<std::size_t>(u)].load(), 2 * k) << u;
  }
}

TEST_P(ExecutorTest, TeardownWithWorkInFlightFailsWhatIsMissing) {
  for (int round = 0; round < 10; ++round) {
    auto engine = Make();
    const RandomProgram r = make_random_program(static_cast<std::uint32_t>(round), 300, 1, {}, 0);
    std::vector<Ref<Value>> all;
    std::vector<Ref<leat::runtime::Run>> runs;
    const Ref<Value> never = Value::Pending();
    for (int k = 0; k < 20; ++k) {
      const auto outputs = pending_values(r.output_steps.size());
      all.insert(all.end(), outputs.begin(), outputs.end());
      runs.push_back(engine->Submit({.program = r.program,
                                     .inputs = {k % 5 == 4 ? never : ready_i64(*engine, k)},
                                     .outputs = outputs}));
    }
    engine.reset();
    for (const auto& run : runs) ASSERT_TRUE(run->done());
    for (const Ref<Value>& v : all) {
      ASSERT_TRUE(v->done());
      if (v->state() != State::ready) {
        ASSERT_EQ(v->state(), State::failed);
        ASSERT_EQ(v->status().code(), Code::context_gone);
      }
    }
    EXPECT_EQ(runs[4]->status().code(), Code::context_gone);
    never->SetFailed(Status(Code::cancelled, "late"));
  }
}

TEST_P(ExecutorTest, InlineRunsNeedNoPool) {
  auto engine = Make();
  const RandomProgram r = make_random_program(11, 30, 1);
  for (int k = 0; k < 5; ++k) {
    const auto outputs = pending_values(r.output_steps.size());
    ASSERT_TRUE(
        engine->RunInline({.program = r.program, .inputs = {ready_i64(*engine, k)}, .outputs = outputs})
            .ok());
    expect_outputs(r, {k}, outputs);
  }
}

TEST_P(ExecutorTest, ContinuationsRunOnThePoolWhereWaitingAnswersWouldDeadlock) {
  auto engine = Make();
  const Ref<Value> never = Value::Pending();
  std::atomic<int> code{-1};
  engine->Schedule([&] { code = static_cast<int>(never->Wait().code()); });
  ASSERT_TRUE(engine->WaitIdle().ok());
  EXPECT_EQ(code, static_cast<int>(Code::would_deadlock));
  const RandomProgram r = make_random_program(11, 30, 1);
  const auto outputs = pending_values(r.output_steps.size());
  const auto run = engine->Submit({.program = r.program, .inputs = {never}, .outputs = outputs});
  std::atomic<bool> rested{false};
  run->OnQuiescent([&] { rested = run->done(); });
  never->SetReady(engine->Allocate(8).value());
  ASSERT_TRUE(run->Wait().ok());
  ASSERT_TRUE(engine->WaitIdle().ok());
  EXPECT_TRUE(rested);
}

}  // namespace
}  // namespace leat::runtime
