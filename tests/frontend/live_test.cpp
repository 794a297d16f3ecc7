// What is in flight, as text: on demand, and by the environment when a signal arrives. And calls in the
// timeline. How a description is made, and what signals there are: tests/runtime/live_test.cpp.
#include "leat/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "leat/context.h"
#include "leat/create.h"
#include "leat/ops.h"

namespace leat {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A Context with a run that waits in a custom op until it is let go.
class Live : public ::testing::Test {
 protected:
  Live() : context_({.workers = 2}), scope_(context_) {
    context_.RegisterCustom("gate", [this](auto, std::span<const CustomArray> out) {
      inside_.set_value();
      gate_.wait();
      out[0].as<float>()[0] = 2;
      return Status();
    });
  }
  ~Live() override { Open(); }
  Tensor Start() {
    const Tensor held = custom("gate", {ones({1})}, {DType::f32, {1}});
    held.eval();
    inside_.get_future().wait();
    return held;
  }
  void Open() {
    if (!std::exchange(open_, true)) go_.set_value();
  }
  std::promise<void> go_, inside_;
  std::shared_future<void> gate_ = go_.get_future().share();
  bool open_ = false;
  Context context_;
  Context::Scope scope_;
};

TEST_F(Live, DescribesWhatRunsAndWaits) {
  const Tensor held = Start();
  EXPECT_THAT(explain(held), HasSubstr("(gate)"));
  EXPECT_THAT(explain(held + 1), HasSubstr("not asked for yet"));
  const std::string text = context_.Describe();
  EXPECT_THAT(text, HasSubstr("(gate) of "));
  EXPECT_THAT(text, HasSubstr("live_test.cpp:"));
  EXPECT_THAT(describe_engines(), HasSubstr(text.substr(text.find("\nrun "))));
  Open();
  EXPECT_EQ(held.item<float>(), 2);
  EXPECT_EQ(explain(held), "ready");
}

TEST_F(Live, AFaultIsInTheDescription) {
  context_.RegisterCustom("fail", [](auto, auto) { return Status(Code::invalid_argument, "no such thing"); });
  const Tensor bad = custom("fail", {ones({1})}, {DType::f32, {1}});
  const Tensor held = custom("gate", {ones({1})}, {DType::f32, {1}});
  eval(bad, held);  // one run
  inside_.get_future().wait();
  std::string text;
  while (!bad.status().ok() && bad.status().code() == Code::failed_precondition) std::this_thread::yield();
  text = context_.Describe();
  EXPECT_THAT(text, HasSubstr("poisoned: custom_op_failed: "));
  EXPECT_THAT(text, HasSubstr("no such thing"));
}

// The test starts itself anew: the environment is read when the first engine is made.
TEST_F(Live, TheEnvironmentNamesASignal) {
  if (std::getenv("LEAT_DUMP_SIGNAL") != nullptr) {
    const Tensor held = Start();
    EXPECT_EQ(dump_on_signal(SIGUSR2).code(), Code::failed_precondition);  // another one was chosen
    ASSERT_EQ(::raise(SIGUSR1), 0);
    const std::string path = std::getenv("LEAT_TEST_PATH");
    std::string text;
    while (text.find("(gate)") == std::string::npos) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::ifstream in(path);
      text.assign(std::istreambuf_iterator<char>(in), {});
    }
    return;
  }
  const std::string path =
      std::filesystem::temp_directory_path() / ("leat_live_" + std::to_string(::getpid()) + ".txt");
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string call = "LEAT_TEST_PATH='" + path + "' LEAT_DUMP_SIGNAL='USR1:" + path + "' '" + self +
                           "' --gtest_filter=Live.TheEnvironmentNamesASignal >/dev/null";
  EXPECT_EQ(std::system(call.c_str()), 0);
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(text, HasSubstr("leat: "));
  EXPECT_THAT(text, HasSubstr("is running on worker "));
  std::filesystem::remove(path);
}

TEST_F(Live, CallsAndBlockersAreInTheTimeline) {
  context_.SetTracing(true);
  const Tensor held = Start();
  std::thread opener([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    Open();
  });
  EXPECT_EQ(held.item<float>(), 2);
  opener.join();
  context_.wait_all();
  context_.SetTracing(false);
  const auto events = nlohmann::json::parse(context_.TakeTrace())["traceEvents"];
  bool eval = false, item = false, flow = false;
  for (const auto& e : events) {
    const std::string name = e["name"];
    if (e["ph"] == "X" && e["cat"] == "call" && name.starts_with("eval at ")) {
      eval = true;
      EXPECT_THAT(name, HasSubstr("live_test.cpp:"));
      EXPECT_GT(e["args"]["run"], 0);
    }
    item = item || (e["ph"] == "X" && e["cat"] == "blocker" && name.starts_with("item at "));
    flow = flow || (e["ph"] == "s" && e["cat"] == "call");
  }
  EXPECT_TRUE(eval);
  EXPECT_TRUE(item);
  EXPECT_TRUE(flow);
}

}  // namespace
}  // namespace leat
