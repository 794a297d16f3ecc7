// Faults that only running can find: typed, sticky, and naming the op, the user's label and scope, the
// shapes, the line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <stdexcept>

#include "leat/leat.h"

namespace leat {
namespace {

using ::testing::HasSubstr;

Status status_of_wait(const Tensor& t) {
  try {
    t.wait();
  } catch (const Error& e) {
    return e.status();
  }
  return {};
}

class RunTimeErrors : public ::testing::TestWithParam<Tier> {
 protected:
  Context context_{{.workers = 2, .tier = GetParam()}};
  Context::Scope scope_{context_};
};
INSTANTIATE_TEST_SUITE_P(Tiers, RunTimeErrors, ::testing::Values(Tier::tiles, Tier::machine_code),
                         [](const auto& info) {
                           return info.param == Tier::tiles ? "tiles" : "machine_code";
                         });

TEST_P(RunTimeErrors, AResultThatSharesAKernelWithAPoisonedOneArrives) {
  const auto graph = Graph::Parse(R"(graph @g(%table: f32[8,4], %at: i64[3], %y: f32[3,4], %d: i32[3,4]) {
    %rows = gather %table %at {axis=0}
    %twice = add %y %y
    %sum = add %rows %twice
    %rest = rem %d %d
    return %twice, %sum, %rest
  })");
  ASSERT_TRUE(graph.ok()) << graph.status().ToString();
  const auto executable = Compile(*graph, {.tier = GetParam()});
  ASSERT_TRUE(executable.ok()) << executable.status().ToString();
  EXPECT_THAT(executable->Dump("fused").value(), HasSubstr("-> (f32[3,4], f32[3,4]"));  // one kernel
  const Tensor table = ones({8, 4}), y = ones({3, 4}) * 1.5, d = full({3, 4}, 7, DType::i32);
  const Tensor good = tensor({std::int64_t{3}, std::int64_t{0}, std::int64_t{1}});
  const Tensor bad = tensor({std::int64_t{3}, std::int64_t{-9}, std::int64_t{1}});
  for (const Tensor& at : {bad, good, bad, good}) {  // nothing of a poisoned run is left to the next
    const std::vector<Future> futures = executable->Run({.inputs = {table, at, y, d}}).value();
    ASSERT_EQ(futures.size(), 3u);
    EXPECT_EQ(futures[0].Get().value().data<float>()[11], 3.0f);
    EXPECT_EQ(futures[2].Get().value().data<std::int32_t>()[11], 0);
    const StatusOr<Tensor> sum = futures[1].Get();
    if (at.data<std::int64_t>()[1] < 0) {
      EXPECT_EQ(sum.status().code(), Code::out_of_range);
      EXPECT_THAT(sum.status().message(), HasSubstr("index -9"));
    } else {
      ASSERT_TRUE(sum.ok()) << sum.status().ToString();
      EXPECT_EQ(sum->data<float>()[11], 4.0f);
    }
  }
}

TEST_P(RunTimeErrors, AProductArrivesThoughItsEpilogueReadsAPoisonedValue) {
  const auto graph = Graph::Parse(R"(graph @g(%table: f32[8,40], %at: i64[], %x: f32[70,33], %w: f32[33,40]) {
    %row = gather %table %at {axis=0}
    %bias = broadcast %row {dims=[1]} : f32[70,40]
    %p = matmul %x %w
    %sum = add %p %bias
    return %p, %sum
  })");
  ASSERT_TRUE(graph.ok()) << graph.status().ToString();
  const auto executable = Compile(*graph, {.tier = GetParam(), .exact_contractions = true});
  ASSERT_TRUE(executable.ok()) << executable.status().ToString();
  EXPECT_THAT(executable->Dump("program").value(), HasSubstr("matmul+add"));  // one step
  const std::vector<Future> futures =
      executable->Run({.inputs = {ones({8, 40}), Tensor(std::int64_t{8}), ones({70, 33}), ones({33, 40})}})
          .value();
  EXPECT_EQ(futures[0].Get().value().data<float>()[2799], 33.0f);
  EXPECT_EQ(futures[1].Get().status().code(), Code::out_of_range);
}

TEST_P(RunTimeErrors, AnIndexOutOfRangeNamesLabelScopeShapesAndLine) {
  const Tensor table = ones({8, 4}), index = tensor({std::int64_t{3}, std::int64_t{-9}, std::int64_t{1}});
  Tensor rows;
  std::uint32_t line = 0;
  {
    const LabelScope model("model"), lookup("lookup");
    line = __LINE__ + 1;
    rows = gather(table, index);
    rows.label("rows of the table");
  }
  const Tensor doubled = rows * 2, unrelated = table * 3;
  eval(doubled, unrelated);
  const Status s = status_of_wait(doubled);
  EXPECT_EQ(s.code(), Code::out_of_range);
  EXPECT_THAT(s.message(), HasSubstr("gather"));
  EXPECT_THAT(s.message(), HasSubstr("index -9"));
  EXPECT_THAT(s.message(), HasSubstr("f32[8,4]"));
  EXPECT_THAT(s.message(), HasSubstr("\"rows of the table\" in scope \"model/lookup\""));
  EXPECT_EQ(s.where().line, line);
  EXPECT_THAT(s.where().file, HasSubstr("run_time_errors_test.cpp"));
  EXPECT_THAT(s.ToString().substr(0, s.ToString().find('\n')),
              HasSubstr("run_time_errors_test.cpp:" + std::to_string(line)));
  EXPECT_EQ(status_of_wait(doubled).message(), s.message());  // it sticks
  EXPECT_EQ(unrelated.data<float>()[31], 3.0f);
}

TEST_P(RunTimeErrors, EachPlaceOfOnePlanHasItsOwnLabel) {
  const Tensor x = tensor({1, 2, 3});
  Tensor first = x / tensor({1, 0, 1});
  first.label("first quotient");
  EXPECT_THAT(status_of_wait(first).message(), HasSubstr("\"first quotient\""));
  Tensor second = x / tensor({0, 1, 1});
  second.label("second quotient");
  const Status s = status_of_wait(second);
  EXPECT_THAT(s.message(), HasSubstr("\"second quotient\""));
  EXPECT_THAT(s.message(), HasSubstr("div i32[3] i32[3] -> i32[3]"));
}

TEST_P(RunTimeErrors, EveryIndexingOpChecksItsIndices) {
  const auto i64 = [](std::int64_t i) { return tensor({i}); };
  const Tensor x = ones({4});
  for (const std::int64_t bad : {std::int64_t{4}, std::int64_t{-5}, std::int64_t{1} << 40, INT64_MIN}) {
    EXPECT_EQ(status_of_wait(gather(x, i64(bad))).code(), Code::out_of_range) << bad;
    EXPECT_EQ(status_of_wait(gather_elements(x, i64(bad), 0)).code(), Code::out_of_range) << bad;
    EXPECT_EQ(status_of_wait(gather_nd(x, reshape(i64(bad), {1, 1}))).code(), Code::out_of_range) << bad;
    EXPECT_EQ(status_of_wait(scatter_elements(x, i64(bad), ones({1}), 0)).code(), Code::out_of_range) << bad;
    EXPECT_EQ(status_of_wait(scatter_nd(x, reshape(i64(bad), {1, 1}), ones({1}))).code(), Code::out_of_range)
        << bad;
  }
  EXPECT_EQ(status_of_wait(gather(x, i64(3))).code(), Code::ok);
}

TEST_P(RunTimeErrors, OnlyTheOutputsOfAFusedKernelThatDependOnTheFaultArePoisoned) {
  const Tensor x = tensor({1, 2, 3}), d = tensor({1, 0, 1});
  const Tensor sum = x + d, quotient = x / d, both = sum + quotient, twice = sum * 2;
  eval(both, twice);
  EXPECT_EQ(status_of_wait(both).code(), Code::invalid_argument);
  EXPECT_EQ(twice.to_vector<int>(), (std::vector<int>{4, 4, 8}));
}

TEST_P(RunTimeErrors, ACustomOpThatThrowsPoisonsItsResultsOnly) {
  int calls = 0;
  const auto registered = [&](const char* name, CustomFunction f) {
    context_.RegisterCustom(name, std::move(f));
  };
  registered("throws", [&](auto, auto) -> Status {
    ++calls;
    throw std::runtime_error("no such sensor");
  });
  registered("throws an int", [](auto, auto) -> Status { throw 7; });
  registered("says no", [](auto, auto) { return Status(Code::not_found, "no such file"); });
  registered("out of memory", [](auto, auto) -> Status { throw std::bad_alloc(); });
  const Tensor x = ones({2});
  const std::uint32_t line = __LINE__ + 1;
  const Tensor y = custom("throws", {x}, {DType::f32, {2}});
  const Tensor dependent = y + 1, unrelated = x + 1;
  const Status s = status_of_wait(dependent);
  EXPECT_EQ(s.code(), Code::custom_op_failed);
  EXPECT_THAT(s.message(), HasSubstr("custom op throws threw: no such sensor"));
  EXPECT_EQ(s.where().line, line);
  EXPECT_EQ(status_of_wait(y).code(), Code::custom_op_failed);
  EXPECT_EQ(calls, 1);  // an effect runs exactly once, also one that failed
  EXPECT_EQ(unrelated.data<float>()[1], 2.0f);
  const auto message = [&](const char* name) {
    const Status status = status_of_wait(custom(name, {x}, {DType::f32, {2}}));
    EXPECT_EQ(status.code(), Code::custom_op_failed) << name;
    return status.message();
  };
  EXPECT_THAT(message("throws an int"),
              HasSubstr("custom op throws an int threw something that is not a std::exception"));
  EXPECT_THAT(message("says no"), HasSubstr("custom op says no: no such file"));
  EXPECT_THAT(message("out of memory"), HasSubstr("custom op out of memory threw: std::bad_alloc"));
}

TEST_P(RunTimeErrors, ACustomOpThatNobodyRegistered) {
  const std::uint32_t line = __LINE__ + 1;
  Status s;
  try {
    custom("nobody's", {ones({2})}, {DType::f32, {2}}).wait();
  } catch (const Error& e) {
    s = e.status();
  }
  EXPECT_EQ(s.code(), Code::not_found);
  EXPECT_THAT(s.message(), HasSubstr("no function is registered under the name \"nobody's\""));
  EXPECT_EQ(s.where().line, line + 2);
}

TEST_P(RunTimeErrors, WaitingWhereItWouldDeadlockIsAnError) {
  std::promise<void> open;
  context_.RegisterCustom("late",
                          [opened = open.get_future().share()](auto, std::span<const CustomArray> out) {
                            opened.wait();
                            out[0].template as<float>()[0] = 3;
                            return Status();
                          });
  std::promise<Code> seen;
  const Tensor pending = custom("late", {ones({1})}, {DType::f32, {1}});
  context_.RegisterCustom("waits", [&](auto, std::span<const CustomArray> out) {
    seen.set_value(status_of_wait(pending).code());  // on a thread of the pool, for what is not ready
    out[0].template as<float>()[0] = 1;
    return Status();
  });
  const Tensor y = custom("waits", {ones({1})}, {DType::f32, {1}});
  EXPECT_EQ(y.item<float>(), 1.0f);
  EXPECT_EQ(seen.get_future().get(), Code::would_deadlock);
  open.set_value();
  EXPECT_EQ(pending.item<float>(), 3.0f);

  // In a callback, for what cannot come before the callback returns.
  std::promise<void> go;
  std::shared_future<void> gate = go.get_future().share();
  context_.RegisterCustom("gate", [gate](auto, std::span<const CustomArray> out) {
    gate.wait();
    out[0].template as<float>()[0] = 2;
    return Status();
  });
  const Tensor held = custom("gate", {ones({1})}, {DType::f32, {1}});
  held.eval();
  std::promise<Code> later;
  const Tensor there = ones({4}) + 1;
  there.wait();
  Future(there).Then([&](StatusOr<Tensor>) { later.set_value(status_of_wait(held).code()); });
  EXPECT_EQ(later.get_future().get(), Code::would_deadlock);
  go.set_value();
  EXPECT_EQ(held.item<float>(), 2.0f);
}

TEST_P(RunTimeErrors, OfTheExplicitLevelAreStatusesWithTheUsersNames) {
  GraphBuilder g("lookup");
  const auto table = g.Input("table", DType::f32, {4, 2}), index = g.Input("index", DType::i64, {"n"});
  const std::uint32_t line = __LINE__ + 1;
  const auto rows = g.Add("gather", {table, index}, {{"axis", std::int64_t{0}}}).value();
  g.Label(rows, "embedding");
  const Executable e = Compile(g.Finish({rows}).value(), {.tier = GetParam()}).value();
  const auto run = [&](std::vector<Tensor> inputs) { return e.Run({.inputs = std::move(inputs)}); };
  const std::vector<Future> y = run({ones({4, 2}), tensor({std::int64_t{4}})}).value();
  const Status s = y[0].Wait();
  EXPECT_EQ(s.code(), Code::out_of_range);
  EXPECT_THAT(s.message(), HasSubstr("\"embedding\""));
  EXPECT_EQ(s.where().line, line);
  EXPECT_EQ(y[0].Get().status().message(), s.message());
  EXPECT_THAT(run({ones({4, 2})}).status().message(), HasSubstr("input"));
  EXPECT_EQ(run({ones({4, 3}), tensor({std::int64_t{0}})}).status().code(), Code::invalid_argument);
  EXPECT_EQ(run({ones({4, 2}), ones({1})}).status().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace leat
