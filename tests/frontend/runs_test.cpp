// What may happen to a run: cancelled, out of time, refused; and what its values are then.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leat/leat.h"

namespace leat {
namespace {

Code code_of_wait(const Tensor& t) {
  try {
    t.wait();
  } catch (const Error& e) {
    return e.code();
  }
  return Code::ok;
}

TEST(Runs, ACancelledValueMayBeTriedAgain) {
  Context context({.workers = 2});
  Context::Scope scope(context);
  const Tensor y = arange(1000, DType::f32) + 1;
  std::stop_source stop;
  stop.request_stop();
  eval(std::span(&y, 1), {.stop = stop.get_token()});
  context.wait_all();
  EXPECT_FALSE(y.ready());
  EXPECT_EQ(y.status().code(), Code::cancelled);
  y.wait();
  EXPECT_EQ(y.data<float>()[999], 1000.0f);
}

TEST(Runs, ADeadlineThatHasPassed) {
  Context context({.workers = 2});
  Context::Scope scope(context);
  const Tensor y = arange(1000, DType::f32) * 3;
  eval(std::span(&y, 1), {.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)});
  context.wait_all();
  EXPECT_EQ(y.status().code(), Code::deadline_exceeded);
  EXPECT_EQ(code_of_wait(y), Code::ok);
}

TEST(Runs, OverTheMemoryLimitIsAnErrorThatMayBeTriedAgain) {
  Context context({.workers = 1, .memory_limit = 1 << 20});
  Context::Scope scope(context);
  const Tensor big = full({1 << 20}, 1.0f) + full({1 << 20}, 2.0f);
  EXPECT_EQ(code_of_wait(big), Code::resource_exhausted);
  EXPECT_EQ(code_of_wait(big), Code::resource_exhausted);
  EXPECT_EQ((full({100}, 1.0f) + 1).data<float>()[0], 2.0f);
}

TEST(Runs, TryEvalSaysNoOverTheBound) {
  Context context({.workers = 1, .max_runs_in_flight = 1});
  Context::Scope scope(context);
  std::promise<void> go;
  std::shared_future<void> gate = go.get_future().share();
  context.RegisterCustom("gate", [gate](std::span<const CustomArray>, std::span<const CustomArray> out) {
    gate.wait();
    out[0].as<float>()[0] = 5;
    return Status();
  });
  const Tensor held = custom("gate", {zeros({1})}, {DType::f32, {1}});
  held.eval();
  const Tensor y = ones({4}) + 1;
  const Status s = try_eval(y);
  EXPECT_EQ(s.code(), Code::resource_exhausted) << s.ToString();
  EXPECT_FALSE(y.ready());
  go.set_value();
  EXPECT_EQ(held.item<float>(), 5);
  context.wait_all();
  EXPECT_TRUE(try_eval(y).ok());
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{2, 2, 2, 2}));
}

TEST(Runs, SynchronousModeComputesAtEval) {
  Context context({.workers = 1, .synchronous = true});
  Context::Scope scope(context);
  const Tensor y = ones({4}) + 1;
  y.eval();
  EXPECT_TRUE(y.ready());
}

TEST(Runs, AForkedChildGetsAnError) {
  Context context({.workers = 1});
  Context::Scope scope(context);
  const Tensor x = ones({4}) + 1;
  const pid_t child = fork();
  if (child == 0) _exit(code_of_wait(x) == Code::failed_precondition ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(code_of_wait(x), Code::ok);
}

TEST(Runs, LabelsAndScopesReachTheDump) {
  Context context({.workers = 1});
  Context::Scope scope(context);
  Tensor y;
  {
    LabelScope outer("encoder"), inner("layer0");
    y = exp(ones({4}));
    y.label("activations");
  }
  const std::string text = context.Dump(std::span(&y, 1), "graph").value();
  EXPECT_NE(text.find("activations"), std::string::npos) << text;
  EXPECT_NE(text.find("encoder/layer0"), std::string::npos) << text;
}

}  // namespace
}  // namespace leat
