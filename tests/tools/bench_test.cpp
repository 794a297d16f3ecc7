// leat bench: baselines and their verdicts, throughput, the breakdown. No figure is asserted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/tools/command.h"
#include "tools/leat/measure.h"

namespace leat::tool {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Measure, PercentilesInterpolate) {
  const std::vector<double> sorted = {1, 2, 3, 4};
  EXPECT_EQ(percentile(sorted, 0), 1);
  EXPECT_EQ(percentile(sorted, 0.5), 2.5);
  EXPECT_EQ(percentile(sorted, 1), 4);
  EXPECT_EQ(percentile({7}, 0.99), 7);
}

TEST(Measure, AComparisonKnowsNoiseFromADifference) {
  std::vector<double> before, same, slower;
  for (int i = 0; i < 200; ++i) {
    before.push_back(100 + i % 7);
    same.push_back(100 + (i + 3) % 7);
    slower.push_back(150 + i % 7);
  }
  const Comparison equal = compare_medians(before, same), worse = compare_medians(before, slower);
  EXPECT_NEAR(equal.ratio, 1, 0.02);
  EXPECT_LE(equal.low, 1);
  EXPECT_GE(equal.high, 1);
  EXPECT_NEAR(worse.ratio, 153.0 / 103, 0.01);
  EXPECT_GT(worse.low, 1.4);
  // A disturbance that lasts is one event, not fifty samples: the interval stays wide.
  std::vector<double> disturbed = before;
  for (int i = 0; i < 90; ++i) disturbed[static_cast<std::size_t>(i)] = 300;
  const Comparison wide = compare_medians(before, disturbed);
  EXPECT_LT(wide.low, 1.1);
  EXPECT_GT(wide.high, 2);
}

const std::string kCall = "bench softmax.leat --size n=4 -n 20 ";

TEST(Bench, BaselinesHaveAVerdictAndAnExitCode) {
  const std::string saved = folder() / "saved.json", fast = folder() / "fast.json";
  ASSERT_EQ(leat(kCall + "--save '" + saved + "'").code, 0);
  const json j = json::parse(read_file(saved));
  EXPECT_EQ(j["subject"], "@softmax(f32[4,1024])");
  EXPECT_EQ(j["times_us"].size(), 20u);
  const auto baseline = [&](double us) {
    json b = j;
    for (json& t : b["times_us"]) t = us;
    return file("baseline.json", b.dump());
  };
  Command c = leat(kCall + "--json --baseline '" + baseline(1e-3) + "'");
  EXPECT_EQ(c.code, 3) << c.err;
  EXPECT_EQ(json::parse(c.out)["baseline"]["verdict"], "slower");
  c = leat(kCall + "--baseline '" + baseline(1e9) + "'");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_THAT(c.out, HasSubstr("against the baseline: faster"));
  c = leat(kCall + "--json --tolerance 1e12 --baseline '" + saved + "'");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_EQ(json::parse(c.out)["baseline"]["verdict"], "no difference beyond noise");
}

TEST(Bench, ABaselineOfAnotherProgramIsAnError) {
  const std::string saved = folder() / "other.json";
  ASSERT_EQ(leat("bench softmax.leat --size n=8 -n 5 --save '" + saved + "'").code, 0);
  const Command c = leat(kCall + "--baseline '" + saved + "'");
  EXPECT_EQ(c.code, 1);
  EXPECT_THAT(c.err, HasSubstr("is of @softmax(f32[8,1024]), this is @softmax(f32[4,1024])"));
  EXPECT_THAT(leat(kCall + "--baseline '" + file("text.json", "{}") + "'").err,
              HasSubstr("is not what leat bench"));
  EXPECT_THAT(leat(kCall + "--baseline absent.json").err, HasSubstr("absent.json: cannot open"));
  EXPECT_EQ(leat(kCall + "--save /absent/x.json").code, 1);
}

TEST(Bench, ThroughputAndBreakdown) {
  const Command c = leat("bench mlp.leat --size n=64 -n 10 --in-flight 3 --per-op --json");
  ASSERT_EQ(c.code, 0) << c.err;
  EXPECT_EQ(c.err, "");  // no progress bar in a pipe
  const json j = json::parse(c.out);
  EXPECT_GT(j["runs_per_s"], 0);
  ASSERT_EQ(j["per_op"].size(), j["steps"]);
  double percent = 0;
  for (const json& row : j["per_op"]) percent += row["percent"].get<double>();
  EXPECT_NEAR(percent, 100, 1e-6);
  EXPECT_THAT(leat("bench mlp.leat --size n=64 -n 5 --per-op").out, HasSubstr("matmul+add"));
}

TEST(Bench, AProgressBarIsOnlyForTerminals) {
  if (shell("command -v script").code != 0) GTEST_SKIP() << "script(1), which makes a terminal, is not here";
  const std::string call = "'" LEAT_COMMAND "' bench softmax.leat --size n=4096 -n 40 --tier tiles";
  const Command c = shell("script -qec \"" + call + " > /dev/null\" /dev/null");
  EXPECT_EQ(c.code, 0);
  EXPECT_THAT(c.out, HasSubstr("timing ["));
  EXPECT_THAT(shell(call + " 2>&1").out, Not(HasSubstr("timing [")));
}

}  // namespace
}  // namespace leat::tool
