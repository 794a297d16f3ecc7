// Orders of steps through a Context: a seeded one finds that two custom ops share state, and a replay shows
// it again. What a schedule is, and what is wrong with one: tests/runtime/step_schedule_test.cpp.
#include "leat/step_schedule.h"

#include <gtest/gtest.h>

#include <set>

#include "leat/context.h"
#include "leat/create.h"
#include "leat/executable.h"
#include "leat/ops.h"

namespace leat {
namespace {

// Two ops that number themselves in the order in which they run: 10 * first + second.
float race(const std::shared_ptr<StepSchedule>& schedule) {
  Context context({.schedule = schedule});
  const Context::Scope scope(context);
  float count = 0;
  context.RegisterCustom("number", [&count](std::span<const CustomArray>, std::span<const CustomArray> out) {
    out[0].as<float>()[0] = ++count;
    return Status();
  });
  const Tensor x = full({1}, 0.0f);
  const Tensor a = custom("number", {x}, {DType::f32, {1}}), b = custom("number", {x}, {DType::f32, {1}});
  return sum(a * 10 + b).item<float>();
}

TEST(StepSchedule, ARandomOrderFindsTheRaceAndAReplayReproducesIt) {
  std::set<float> results;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto schedule = StepSchedule::Random(seed);
    const float result = race(schedule);
    results.insert(result);
    const std::string text = schedule->ToString();
    EXPECT_EQ(race(StepSchedule::Replay(text).value()), result) << text;
  }
  EXPECT_EQ(results, (std::set<float>{12, 21}));
}

TEST(StepSchedule, PureProgramsGiveTheSameBitsInEveryOrder) {
  const auto compute = [](std::shared_ptr<StepSchedule> schedule) {
    Context context({.schedule = std::move(schedule)});
    const Context::Scope scope(context);
    const Graph graph = Graph::Parse(R"(
graph @split(%x: f32[300,300]) -> (f32[300], f32[300,300]) {
  %p = matmul %x %x
  %t = tanh %x
  %q = matmul %t %p
  %s = add %q %t
  %r = reduce_sum %s {dims=[1]}
  return %r, %q
})")
                            .value();
    const Tensor x = reshape(iota({300 * 300}, 0, DType::f32), {300, 300}) / 90000.0f;
    const Executable executable = Compile(graph, {.context = &context, .exact_contractions = true}).value();
    const auto futures = executable.Run({.inputs = {x}}).value();
    return futures[0].Get().value().to_vector<float>();
  };
  const std::vector<float> expected = compute(nullptr);
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto schedule = StepSchedule::Random(seed);
    EXPECT_EQ(compute(schedule), expected);
    orders.insert(schedule->ToString());
    const auto again = StepSchedule::Replay(schedule->ToString()).value();
    EXPECT_EQ(compute(again), expected);
    EXPECT_EQ(again->ToString(), schedule->ToString());
  }
  EXPECT_GT(orders.size(), 1u);
}

}  // namespace
}  // namespace leat
