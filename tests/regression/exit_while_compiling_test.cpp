// exit() destroyed LLVM's function-local statics while a kernel was being compiled: "LLVM ERROR: Do not know
// how to widen the result of this operator!", or a crash.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "leat/leat.h"

namespace leat {
namespace {

// In the child: kernels of different structures, each asked for twice, so that each is compiled in the
// background.
void start_compilations() {
  for (int n = 1; n < 6; ++n) {
    for (int twice = 0; twice < 2; ++twice) {
      Tensor x = full({1000}, 1.5f);
      for (int i = 0; i < n; ++i) x = tanh(x) * 2.0f + exp(x % 3.0f);
      x.wait();
    }
  }
}

TEST(ExitWhileCompiling, EndsInPeace) {
  if (const char* delay = std::getenv("LEAT_TEST_EXIT_AFTER_US")) {
    start_compilations();
    std::this_thread::sleep_for(std::chrono::microseconds(std::atoi(delay)));
    std::exit(0);
  }
  for (int run = 0; run < 40; ++run) {
    const std::string variable = "LEAT_TEST_EXIT_AFTER_US=" + std::to_string(run * 400);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      char* const environment[] = {const_cast<char*>(variable.c_str()), nullptr};
      char* const arguments[] = {const_cast<char*>("frontend_test"),
                                 const_cast<char*>("--gtest_filter=ExitWhileCompiling.EndsInPeace"), nullptr};
      execve("/proc/self/exe", arguments, environment);
      _exit(127);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << variable << ": status " << status;
  }
}

}  // namespace
}  // namespace leat
