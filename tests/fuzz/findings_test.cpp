// Every file that a fuzzer found something with (findings/TARGET/), replayed; and that the targets see what
// they are for.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "compiler/codegen/disk_cache.h"
#include "tests/fuzz/targets.h"

namespace leat::fuzz {
namespace {

namespace fs = std::filesystem;

struct Target {
  const char* name;
  void (*run)(std::string_view);
};
constexpr Target kTargets[] = {
    {"onnx", fuzz_onnx}, {"text", fuzz_text}, {"npy", fuzz_npy}, {"cache", fuzz_cache}};

class Findings : public ::testing::TestWithParam<Target> {};

TEST_P(Findings, AreMended) {
  std::size_t count = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(LEAT_SOURCE_DIR "/tests/fuzz/findings") / GetParam().name)) {
    SCOPED_TRACE(entry.path());
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    GetParam().run(bytes);
    ++count;
  }
  EXPECT_GT(count, 0u);
}

INSTANTIATE_TEST_SUITE_P(Of, Findings, ::testing::ValuesIn(kTargets),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace leat::fuzz
