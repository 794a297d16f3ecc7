// A run whose input no step reads (the graph ignores it, or only passes it on) ended before that input was
// there: its output said "internal: the run ended without writing this value", and the input's arrival
// touched a run that was over.
#include <gtest/gtest.h>

#include "leat/leat.h"

namespace leat {
namespace {

class UnreadPendingInput : public ::testing::TestWithParam<int> {
 protected:
  Context context_{{.workers = GetParam()}};
  Context::Scope scope_{context_};
  static Tensor pending(float value) { return full({3, 256}, value) * 2.0f; }
};
INSTANTIATE_TEST_SUITE_P(Workers, UnreadPendingInput, ::testing::Values(1, 2));

TEST_P(UnreadPendingInput, IsPassedOn) {
  const Executable e =
      Compile(Graph::Parse("%x: f32[n,256]\n%y: f32[n,256]\n%z = neg %y\nreturn %x, %z").value()).value();
  for (int i = 0; i < 200; ++i) {
    const float k = static_cast<float>(i);
    const std::vector<Future> y = e.Run({.inputs = {pending(k), pending(1)}}).value();
    ASSERT_TRUE(y[0].Wait().ok()) << y[0].Wait().ToString();
    EXPECT_EQ(y[0].Get().value().data<float>()[767], 2 * k);
    EXPECT_EQ(y[1].Get().value().data<float>()[0], -2.0f);
  }
}

TEST_P(UnreadPendingInput, IsAllOfTheProgram) {
  const Executable e = Compile(Graph::Parse("%x: f32[n,256]\n%y = exp %x\nreturn %x").value()).value();
  for (int i = 0; i < 200; ++i) {
    const std::vector<Future> y = e.Run({.inputs = {pending(static_cast<float>(i))}}).value();
    ASSERT_TRUE(y[0].Wait().ok()) << y[0].Wait().ToString();
  }
}

TEST_P(UnreadPendingInput, IsIgnored) {
  const Executable e =
      Compile(Graph::Parse("%x: f32[n,256]\n%y: f32[]\n%z = neg %y\nreturn %z").value()).value();
  for (int i = 0; i < 200; ++i) {
    const std::vector<Future> y = e.Run({.inputs = {pending(1), full({}, 4.0f)}}).value();
    ASSERT_TRUE(y[0].Wait().ok()) << y[0].Wait().ToString();
    EXPECT_EQ(y[0].Get().value().item<float>(), -4.0f);
  }
}

TEST_P(UnreadPendingInput, MayBeCancelled) {
  const Executable e = Compile(Graph::Parse("%x: f32[n,256]\nreturn %x").value()).value();
  for (int i = 0; i < 50; ++i) {
    std::stop_source stop;
    const std::vector<Future> y = e.Run({.inputs = {pending(1)}, .stop = stop.get_token()}).value();
    stop.request_stop();
    const Status s = y[0].Wait();
    EXPECT_TRUE(s.ok() || s.code() == Code::cancelled) << s.ToString();
  }
}

}  // namespace
}  // namespace leat
