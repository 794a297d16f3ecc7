// What an engine is doing, on demand and when a signal arrives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "runtime/engine/live_dump.h"
#include "tests/concurrency/programs.h"

namespace leat::runtime {
namespace {

using ::testing::HasSubstr;

// An engine with a run that waits in its only step until it is let go.
class Live : public ::testing::Test {
 protected:
  Live() {
    ProgramBuilder b;
    b.Step("gate", {}, {b.Output(8)}, [this](StepContext&, std::int64_t, std::int64_t) {
      inside_.set_value();
      gate_.wait();
      return Status();
    });
    run_ = engine_->Submit({.program = b.Finish(), .outputs = outputs_, .label = "held"});
    inside_.get_future().wait();
  }
  ~Live() override {
    if (!open_) Open();
  }
  void Open() {
    open_ = true;
    go_.set_value();
    EXPECT_TRUE(run_->Wait().ok());
  }
  std::promise<void> go_, inside_;
  std::shared_future<void> gate_ = go_.get_future().share();
  bool open_ = false;
  std::vector<Ref<Value>> outputs_ = pending_values(1);
  std::unique_ptr<Engine> engine_ = Engine::Create({.workers = 2, .always_concurrent = true}).value();
  Ref<leat::runtime::Run> run_;
};

TEST_F(Live, DescribesWhatRuns) {
  const std::string text = engine_->Describe();
  EXPECT_THAT(text, HasSubstr("engine of 2 workers: 1 runs in flight with "));
  EXPECT_THAT(text, HasSubstr("cpu:0: "));
  EXPECT_THAT(text, HasSubstr("'held' of test is running, with "));
  EXPECT_THAT(text, HasSubstr("step 0 (gate) is running on worker "));
  EXPECT_THAT(describe_engines(), HasSubstr("'held' of test is running"));
  Open();
  ASSERT_TRUE(engine_->WaitIdle().ok());
  EXPECT_THAT(engine_->Describe(), HasSubstr("0 runs in flight with 0 bytes"));
}

TEST_F(Live, ASignalWritesTheDescription) {
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGUSR2, nullptr, &before), 0);
  EXPECT_EQ(before.sa_handler, SIG_DFL);  // nobody asked: no handler
  const std::string path =
      std::filesystem::temp_directory_path() / ("leat_live_" + std::to_string(::getpid()) + ".txt");
  EXPECT_EQ(dump_on_signal(SIGKILL, path).code(), Code::invalid_argument);
  EXPECT_EQ(dump_on_signal(0, path).code(), Code::invalid_argument);
  ASSERT_TRUE(dump_on_signal(SIGUSR2, path).ok());
  EXPECT_EQ(dump_on_signal(SIGUSR1, path).code(), Code::failed_precondition);
  ASSERT_EQ(::raise(SIGUSR2), 0);
  std::string text;
  while (text.find("(gate)") == std::string::npos) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::ifstream in(path);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  EXPECT_THAT(text, HasSubstr("leat: "));
  std::filesystem::remove(path);
}

// The test itself, started anew by a profiler: the environment is read when the first engine is made.
TEST(ProfilerRanges, NameTheSteps) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  for (const std::string variable : {"NVTX_INJECTION64_PATH", "INTEL_LIBITTNOTIFY64"}) {
    const std::string out =
        std::filesystem::temp_directory_path() / ("leat_ranges_" + std::to_string(::getpid()) + ".txt");
    const std::string call = variable + "='" LEAT_FAKE_PROFILER "' FAKE_PROFILER_OUT='" + out + "' '" + self +
                             "' --gtest_filter=EngineTest.TracesStepsOnTheCallersThread >/dev/null";
    EXPECT_EQ(std::system(call.c_str()), 0);
    std::ifstream in(out);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t push = text.find("push add\n");
    EXPECT_NE(push, std::string::npos) << variable << "\n" << text;
    EXPECT_NE(text.find("pop\n", push), std::string::npos);
    std::filesystem::remove(out);
  }
}

}  // namespace
}  // namespace leat::runtime
