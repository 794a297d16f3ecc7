// Poison at every node, cancellation at every point, deadlines, failures that may be tried again.
#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/concurrency/programs.h"

namespace leat::runtime {
namespace {

using State = Value::State;
using testing::HasSubstr;

class FaultsTest : public testing::TestWithParam<int> {
 protected:
  std::unique_ptr<Engine> Make(EngineOptions options = {}) {
    options.synchronous = GetParam() == 0;
    options.workers = GetParam();
    options.always_concurrent = GetParam() > 1;
    options.allocator = std::make_shared<CheckingAllocator>();
    return Engine::Create(std::move(options)).value();
  }
};
INSTANTIATE_TEST_SUITE_P(Workers, FaultsTest, testing::Values(0, 1, 2, 8, 64));

TEST_P(FaultsTest, AFaultAtAnyStepPoisonsExactlyWhatDependsOnIt) {
  auto engine = Make();
  constexpr std::uint32_t kSteps = 40;
  for (std::uint32_t bad = 0; bad < kSteps; ++bad) {
    const RandomProgram r = make_random_program(
        5, kSteps, 1,
        [bad](std::uint32_t k) { return k == bad ? Status(Code::out_of_range, "index 9 of 4") : Status(); },
        50);
    const auto outputs = pending_values(r.output_steps.size());
    const auto run =
        engine->Submit({.program = r.program, .inputs = {ready_i64(*engine, 1)}, .outputs = outputs});
    ASSERT_TRUE(run->Wait().ok());
    ASSERT_TRUE(run->status().ok());
    const std::vector<bool> depends = r.DependsOn(1 + bad);
    const std::vector<std::int64_t> expected = r.Expected({1});
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      if (depends[1 + r.output_steps[o]]) {
        ASSERT_EQ(outputs[o]->state(), State::poisoned) << "step " << bad << " output " << o;
        EXPECT_EQ(outputs[o]->status().code(), Code::out_of_range);
        EXPECT_THAT(outputs[o]->status().message(), HasSubstr("index 9 of 4"));
        if (r.output_steps[o] != bad) {
          EXPECT_THAT(outputs[o]->status().message(),
                      HasSubstr("needed by step" + std::to_string(r.output_steps[o])));
        }
        EXPECT_FALSE(outputs[o]->Retry());  // poison sticks
      } else {
        ASSERT_EQ(outputs[o]->state(), State::ready);
        EXPECT_EQ(as_i64(*outputs[o]), expected[o]);
      }
    }
  }
}

TEST_P(FaultsTest, PoisonedAndFailedInputsSpreadAcrossRuns) {
  auto engine = Make();
  const RandomProgram r = make_random_program(9, 30, 2, {}, 50);
  for (const bool failed : {false, true}) {
    for (const bool late : {false, true}) {
      const Ref<Value> bad = Value::Pending();
      const auto complete = [&] {
        const Status s(failed ? Code::cancelled : Code::out_of_range, "the first cause");
        EXPECT_TRUE(failed ? bad->SetFailed(s) : bad->SetPoisoned(s));
      };
      if (!late) complete();
      const auto outputs = pending_values(r.output_steps.size());
      const auto run =
          engine->Submit({.program = r.program, .inputs = {ready_i64(*engine, 1), bad}, .outputs = outputs});
      if (late) complete();
      ASSERT_TRUE(run->Wait().ok());
      const std::vector<bool> depends = r.DependsOn(1);
      bool any = false;
      for (std::size_t o = 0; o < outputs.size(); ++o) {
        if (!depends[2 + r.output_steps[o]]) {
          EXPECT_EQ(outputs[o]->state(), State::ready);
          continue;
        }
        any = true;
        EXPECT_EQ(outputs[o]->state(), failed ? State::failed : State::poisoned);
        EXPECT_THAT(outputs[o]->status().message(), HasSubstr("the first cause"));
      }
      EXPECT_TRUE(any);
    }
  }
}

TEST_P(FaultsTest, AStepMayPoisonOneOfItsOutputs) {
  auto engine = Make();
  ProgramBuilder b;
  const auto x = b.Output(8), y = b.Output(8);
  b.Step("two", {}, {x, y}, [](StepContext& c, std::int64_t, std::int64_t) {
    *static_cast<std::int64_t*>(c.pointers[1]) = 7;
    c.Poison(0, Status(Code::out_of_range, "gather index 5 of 3"), 0);
    c.Poison(0, Status(Code::out_of_range, "a later one"), 0);
    return Status();
  });
  ir::NodeLocation location;
  location.source = {"train.cpp", 41};
  Source origin;
  origin.location = location;
  origin.signature = "gather f32[3] i32[1] -> f32[1]";
  b.program().sources.push_back(origin);
  b.program().steps[0].sources = {0};
  const auto outputs = pending_values(2);
  const auto run = engine->Submit({.program = b.Finish(), .outputs = outputs});
  ASSERT_TRUE(run->Wait().ok());
  EXPECT_EQ(outputs[0]->state(), State::poisoned);
  EXPECT_EQ(outputs[0]->status().message(), "gather index 5 of 3\n  in gather f32[3] i32[1] -> f32[1]");
  EXPECT_EQ(outputs[0]->status().where().line, 41u);
  ASSERT_EQ(outputs[1]->state(), State::ready);
  EXPECT_EQ(as_i64(*outputs[1]), 7);
}

TEST_P(FaultsTest, ThrowingStepsBecomeErrors) {
  auto engine = Make();
  ProgramBuilder b;
  const auto x = b.Output(8);
  b.Step("throws", {}, {x},
         [](StepContext&, std::int64_t, std::int64_t) -> Status { throw std::runtime_error("boom"); });
  const auto program = b.Finish();
  const auto outputs = pending_values(1);
  ASSERT_TRUE(engine->Submit({.program = program, .outputs = outputs})->Wait().ok());
  EXPECT_EQ(outputs[0]->state(), State::poisoned);
  EXPECT_EQ(outputs[0]->status().code(), Code::custom_op_failed);
  EXPECT_THAT(outputs[0]->status().message(), HasSubstr("boom"));
}

TEST_P(FaultsTest, CancellationAtEveryStepComesToRestAndHurtsNobodyElse) {
  auto engine = Make();
  constexpr std::uint32_t kSteps = 30;
  const RandomProgram other = make_random_program(6, 25, 0, {}, 50);
  for (std::uint32_t at = 0; at < kSteps; ++at) {
    std::stop_source source;
    const RandomProgram r = make_random_program(
        8, kSteps, 1,
        [&, at](std::uint32_t k) {
          if (k == at) source.request_stop();
          return Status();
        },
        at % 2 ? 0 : 50);
    const auto outputs = pending_values(r.output_steps.size());
    const auto others = pending_values(other.output_steps.size());
    const auto run = engine->Submit({.program = r.program,
                                     .inputs = {ready_i64(*engine, 1)},
                                     .outputs = outputs,
                                     .stop = source.get_token()});
    const auto bystander = engine->Submit({.program = other.program, .outputs = others});
    ASSERT_TRUE(run->Wait().ok());
    EXPECT_EQ(run->status().code(), Code::cancelled);
    bool missing = false;
    const std::vector<std::int64_t> expected = r.Expected({1});
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      if (outputs[o]->state() == State::ready) {
        EXPECT_EQ(as_i64(*outputs[o]), expected[o]);
        continue;
      }
      missing = true;
      EXPECT_EQ(outputs[o]->state(), State::failed);
      EXPECT_EQ(outputs[o]->status().code(), Code::cancelled);
      EXPECT_TRUE(outputs[o]->Retry());
    }
    EXPECT_TRUE(missing);
    // What failed may be tried again.
    std::vector<Ref<Value>> again;
    for (const Ref<Value>& v : outputs) again.push_back(v->done() ? Value::Pending() : v);
    const auto retry =
        engine->Submit({.program = r.program, .inputs = {ready_i64(*engine, 1)}, .outputs = again});
    ASSERT_TRUE(retry->Wait().ok());
    for (std::size_t o = 0; o < again.size(); ++o) {
      ASSERT_EQ(again[o]->state(), State::ready);
      EXPECT_EQ(as_i64(*again[o]), expected[o]);
    }
    ASSERT_TRUE(bystander->Wait().ok());
    for (const Ref<Value>& v : others) EXPECT_EQ(v->state(), State::ready);
  }
}

TEST_P(FaultsTest, CancelAndDeadlineEndRunsThatWaitForInputs) {
  auto engine = Make();
  const RandomProgram r = make_random_program(8, 30, 1, {}, 50);
  const Ref<Value> never = Value::Pending();
  const auto a = pending_values(r.output_steps.size()), b = pending_values(r.output_steps.size());
  const auto one = engine->Submit({.program = r.program, .inputs = {never}, .outputs = a});
  const auto two =
      engine->Submit({.program = r.program,
                      .inputs = {never},
                      .outputs = b,
                      .deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(5)});
  EXPECT_EQ(one->WaitUntil(std::chrono::steady_clock::now() + std::chrono::milliseconds(1)).code(),
            Code::deadline_exceeded);
  EXPECT_FALSE(one->done());
  const std::string why = engine->ExplainWait(*a[0]);
  if (!a[0]->done()) {
    EXPECT_THAT(why, HasSubstr("input 0 has not arrived"));
    EXPECT_THAT(why, HasSubstr("waited for by step"));
  }
  one->Cancel();
  ASSERT_TRUE(one->Wait().ok());
  EXPECT_EQ(one->status().code(), Code::cancelled);
  ASSERT_TRUE(two->Wait().ok());
  EXPECT_EQ(two->status().code(), Code::deadline_exceeded);
  EXPECT_EQ(explain_wait(*b.back()).find("the run of the value failed: deadline_exceeded"), 0u)
      << explain_wait(*b.back());
  EXPECT_EQ(explain_wait(*never), "no run produces the value: something else must complete it");
  never->SetFailed(Status(Code::cancelled, "late"));
}

TEST_P(FaultsTest, WrongRequestsFailWithTheirReason) {
  auto engine = Make();
  const RandomProgram r = make_random_program(8, 10, 1, {}, 50);
  const auto outputs = pending_values(r.output_steps.size());
  auto run = engine->Submit({.program = r.program, .outputs = outputs});
  ASSERT_TRUE(run->Wait().ok());
  EXPECT_EQ(run->status().code(), Code::invalid_argument);
  EXPECT_THAT(run->status().message(), HasSubstr("1 inputs"));
  const auto more = pending_values(r.output_steps.size());
  run = engine->Submit(
      {.program = r.program, .inputs = {Value::Ready(engine->Allocate(4).value())}, .outputs = more});
  ASSERT_TRUE(run->Wait().ok());
  EXPECT_EQ(run->status().message(), "input 0 of test has 4 bytes, 8 expected");
  std::int64_t memory = 0;
  const Ref<Value> x = Value::Ready(Buffer::Wrap(&memory, 8, {}));
  const auto mine = pending_values(r.output_steps.size());
  mine[0]->GiveBuffer(Buffer::Wrap(&memory, 8, {}));
  run = engine->Submit({.program = r.program, .inputs = {x}, .outputs = mine});
  ASSERT_TRUE(run->Wait().ok());
  EXPECT_THAT(run->status().message(), HasSubstr("overlaps an input"));
  run = engine->Submit({});
  ASSERT_TRUE(run->Wait().ok());
  EXPECT_EQ(run->status().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace leat::runtime
