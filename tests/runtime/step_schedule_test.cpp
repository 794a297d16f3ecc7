// Orders of steps under an engine: two steps that share state give both results, and a replay the same one.
#include "leat/step_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/concurrency/programs.h"

namespace leat::runtime {
namespace {

using ::testing::HasSubstr;

std::int64_t& number_at(StepContext& c, std::size_t k) { return *static_cast<std::int64_t*>(c.pointers[k]); }

// Two steps that number themselves in the order in which they run: 10 * first + second. With them one of 64
// units, whose pieces note their order in `pieces`.
StatusOr<std::int64_t> race(const std::shared_ptr<StepSchedule>& schedule, std::string* pieces = nullptr) {
  auto engine = Engine::Create({.workers = 2, .schedule = schedule}).value();
  std::int64_t count = 0;
  ProgramBuilder b;
  const auto first = b.Temporary(8), second = b.Temporary(8), y = b.Output(8), z = b.Output(8);
  const auto number = [&count](StepContext& c, std::int64_t, std::int64_t) {
    number_at(c, 0) = ++count;
    return Status();
  };
  b.Step("first", {}, {first}, number);
  b.Step("second", {}, {second}, number);
  b.Step("both", {first, second}, {y}, [](StepContext& c, std::int64_t, std::int64_t) {
    number_at(c, 2) = 10 * number_at(c, 0) + number_at(c, 1);
    return Status();
  });
  b.Step(
      "pieces", {}, {z},
      [pieces](StepContext&, std::int64_t begin, std::int64_t end) {
        if (pieces != nullptr) *pieces += " " + std::to_string(begin) + "-" + std::to_string(end);
        return Status();
      },
      1e6);
  b.program().steps.back().units = 64;
  const auto outputs = pending_values(2);
  const auto run = engine->Submit({.program = b.Finish(), .outputs = outputs});
  if (Status s = run->Wait(); !s.ok()) return s;
  if (Status s = run->status(); !s.ok()) return s;
  return *static_cast<const std::int64_t*>(outputs[0]->buffer()->data());
}

TEST(StepSchedule, ARandomOrderFindsTheRaceAndAReplayReproducesIt) {
  std::set<std::int64_t> results;
  std::set<std::string> orders;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto schedule = StepSchedule::Random(seed);
    std::string pieces;
    const std::int64_t result = race(schedule, &pieces).value();
    results.insert(result);
    orders.insert(schedule->ToString());
    EXPECT_EQ(race(StepSchedule::Random(seed)).value(), result) << "the same seed, the same order";
    const std::string text = schedule->ToString();
    for (int i = 0; i < 3; ++i) {
      const auto again = StepSchedule::Replay(text).value();
      std::string same;
      EXPECT_EQ(race(again, &same).value(), result) << text;
      EXPECT_EQ(again->ToString(), text);
      EXPECT_EQ(same, pieces);
    }
  }
  EXPECT_EQ(results, (std::set<std::int64_t>{12, 21}));
  EXPECT_GT(orders.size(), 2u);
  EXPECT_THAT(*orders.begin(), HasSubstr("3:0-8"));
}

TEST(StepSchedule, RandomProgramsAreRightInEveryOrder) {
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    const RandomProgram r = make_random_program(seed, 60, 1);
    auto engine = Engine::Create({.workers = 2, .schedule = StepSchedule::Random(seed)}).value();
    const auto outputs = pending_values(r.output_steps.size());
    const auto run =
        engine->Submit({.program = r.program, .inputs = {ready_i64(*engine, seed)}, .outputs = outputs});
    ASSERT_TRUE(run->Wait().ok());
    ASSERT_TRUE(run->status().ok()) << run->status().ToString();
    const std::vector<std::int64_t> expected = r.Expected({static_cast<std::int64_t>(seed)});
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      EXPECT_EQ(*static_cast<const std::int64_t*>(outputs[o]->buffer()->data()), expected[o]);
    }
  }
}

TEST(StepSchedule, WhatDoesNotFitFailsTheRun) {
  const auto schedule = StepSchedule::Random(1);
  ASSERT_TRUE(race(schedule).ok());
  const std::string text = schedule->ToString();
  const auto error = [](const std::string& recorded) {
    const Status s = race(StepSchedule::Replay(recorded).value()).status();
    EXPECT_EQ(s.code(), Code::failed_precondition);
    return s.message();
  };
  EXPECT_THAT(error("leat schedule 1\n"), HasSubstr("the recorded schedule has 0 runs"));
  const std::size_t colon = text.rfind(" : ");
  EXPECT_THAT(error(text.substr(0, colon + 3) + "99\n"), HasSubstr("piece 99 cannot run now"));
  EXPECT_THAT(error(text.substr(0, colon + 3) + "\n"), HasSubstr("it ends too early"));
  EXPECT_THAT(error("leat schedule 1\nrun 4 other : 0\n"),
              HasSubstr("is of other with 4 steps, this one is of test"));
}

TEST(StepSchedule, BadTextNamesTheLine) {
  const auto message = [](const char* text) { return StepSchedule::Replay(text).status().message(); };
  EXPECT_THAT(message("nonsense"), HasSubstr("line 1: does not say"));
  EXPECT_THAT(message("leat schedule 1\nrun 3 f 0 1 2\n"), HasSubstr("line 2: is not of the form"));
  EXPECT_THAT(message("leat schedule 1\nrun x f : 0\n"), HasSubstr("line 2: does not say which run"));
  EXPECT_THAT(message("leat schedule 1\nrun 3 f : 0 1:2 3\n"), HasSubstr("line 2: has a piece"));
  EXPECT_THAT(message(""), HasSubstr("line 1: it is empty"));
}

}  // namespace
}  // namespace leat::runtime
