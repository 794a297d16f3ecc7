// Profilers that start the command see steps by name: a fake library plays NVTX and ITT.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "tests/tools/command.h"

namespace leat::tool {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// The names that were pushed; every push is popped, on its thread.
std::vector<std::string> ranges(const std::string& path) {
  std::vector<std::string> names;
  std::map<int, int> depth;
  std::istringstream in(read_file(path));
  int thread = 0;
  for (std::string word; in >> thread >> word;) {
    if (word == "pop") {
      EXPECT_GE(--depth[thread], 0);
      continue;
    }
    std::string name;
    in >> name;
    if (word != "push") continue;
    ++depth[thread];
    names.push_back(name);
  }
  for (const auto& [id, open] : depth) EXPECT_EQ(open, 0);
  return names;
}

class Profiler : public ::testing::TestWithParam<const char*> {};

TEST_P(Profiler, SeesTheStepsByName) {
  const std::string out = folder() / GetParam();
  const Command c = shell(std::string(GetParam()) + "='" LEAT_FAKE_PROFILER "' FAKE_PROFILER_OUT='" + out +
                          "' '" LEAT_COMMAND "' run mlp.leat --size n=2");
  ASSERT_EQ(c.code, 0) << c.err;
  const std::vector<std::string> names = ranges(out);
  EXPECT_EQ(names.size(), 3u);
  EXPECT_THAT(names, Contains("matmul+add+maximum"));
  EXPECT_THAT(names, Contains("arg_max"));
  EXPECT_EQ(c.out, leat("run mlp.leat --size n=2").out);
}

INSTANTIATE_TEST_SUITE_P(All, Profiler, ::testing::Values("NVTX_INJECTION64_PATH", "INTEL_LIBITTNOTIFY64"));

TEST(ProfilerLibrary, ThatIsNotThereIsSaidByInfoAndChangesNothing) {
  const std::string set = "NVTX_INJECTION64_PATH=/absent/lib.so '" LEAT_COMMAND "' ";
  EXPECT_THAT(shell(set + "info").out, HasSubstr("/absent/lib.so"));
  EXPECT_EQ(shell(set + "run mlp.leat --size n=2").code, 0);
  EXPECT_THAT(leat("info").out, HasSubstr("no profiler asks"));
}

}  // namespace
}  // namespace leat::tool
