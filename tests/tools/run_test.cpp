// run, bench and trace: values, files, timelines, and the exit codes of what goes wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/runtime/trace_rules.h"
#include "tests/tools/command.h"
#include "tests/tools/gpu_program.h"

namespace leat::tool {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// An .npy file of little-endian elements.
template <class T>
std::string npy(const std::string& descr, const std::string& shape, const std::vector<T>& elements) {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes = std::string("\x93NUMPY\x01", 7) + '\0';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header +
         std::string(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T));
}

TEST(Run, PrintsValues) {
  const Command c = leat("run lookup.leat --size n=2 --fill iota");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_EQ(c.out,
            "output 0 f32[2,4] [0, 2, 4, 6, 8, 10, 12, 14]\n"
            "output 1 f32[8] [6, 22, 38, 54, 70, 86, 102, 118]\n");
}

TEST(Run, ReadsAndWritesNpy) {
  const std::string index = file("index.npy", npy<std::int64_t>("<i8", "3,", {7, 0, 1}));
  const std::string rows = folder() / "rows.npy";
  const Command c =
      leat("run lookup.leat --size n=3 --fill iota -i index='" + index + "' -o 0='" + rows + "'");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_EQ(c.out, "");
  EXPECT_EQ(read_file(rows), npy<float>("<f4", "3, 4", {56, 58, 60, 62, 0, 2, 4, 6, 8, 10, 12, 14}));
}

TEST(Run, EveryTierAndThreadCountHasTheSameBits) {
  for (const char* sample : {"mlp.leat --size n=7 --exact-contractions", "softmax.leat --size n=3",
                             "newton.leat --size n=9", "two_devices.leat --devices 2 --exact-contractions"}) {
    const std::string a = folder() / "a.npy", b = folder() / "b.npy";
    const std::string call = std::string("run ") + sample + " --seed 5 -o 0=";
    ASSERT_EQ(leat(call + "'" + a + "' --tier tiles --workers 1").code, 0);
    ASSERT_EQ(leat(call + "'" + b + "' --tier machine_code --workers 2").code, 0);
    EXPECT_EQ(read_file(a), read_file(b)) << sample;
    EXPECT_GT(read_file(a).size(), 128u);
  }
}

TEST(Run, FaultNamesTheOpTheLabelTheShapesAndTheLineAndLeavesTheRest) {
  const std::string index = file("bad.npy", npy<std::int64_t>("<i8", "2,", {3, 8}));
  const Command c = leat("run lookup.leat --size n=2 --fill iota -i index='" + index + "'");
  EXPECT_EQ(c.code, 1);
  EXPECT_EQ(c.out, "output 0 f32[2,4] has no value\noutput 1 f32[8] [6, 22, 38, 54, 70, 86, 102, 118]\n");
  EXPECT_EQ(
      c.err,
      "leat: out_of_range: gather: index 8 at [1] of the indices is outside axis 0 of f32[8,4] (extent 8) "
      "(at lookup.leat:3)\n"
      "  in gather f32[8,4] i64[2] -> f32[2,4], \"rows by index\"\n"
      "  needed by add f32[2,4] f32[2,4] -> f32[2,4] (at lookup.leat:4)\n");
}

TEST(Run, FaultInsideALoopNamesTheLineInTheLoop) {
  const std::string loop = file("loop.leat", R"(graph @main(%x: i32[4]) -> (i32[4]) {
  %r = while_loop %x {condition=@go, body=@step}
  return %r
}
graph @go(%x: i32[4]) -> (bool[]) { %t = constant {value=true} : bool[] return %t }
graph @step(%x: i32[4]) -> (i32[4]) {
  %one = constant {value=1} : i32[4]
  %y = sub %x %one
  %z = div %x %y  // label="shrinks to zero"
  return %y
}
)");
  // Nothing reads %z in the loop, so it must not run: the loop is endless without it. Divide into the result.
  std::string text = read_file(loop);
  text.replace(text.rfind("return %y"), 9, "return %z");
  const Command c = leat("run '" + file("loop.leat", text) + "' --fill ones");
  EXPECT_EQ(c.code, 1);
  EXPECT_THAT(c.err, StartsWith("leat: invalid_argument: div: "));
  EXPECT_THAT(c.err, HasSubstr("loop.leat:9)"));
  EXPECT_THAT(c.err, HasSubstr("\"shrinks to zero\""));
}

TEST(Run, JsonIsForPrograms) {
  const json j = json::parse(leat("run lookup.leat --size n=1 --fill iota --json").out);
  EXPECT_EQ(j[0]["type"], "f32[1,4]");
  EXPECT_EQ(j[0]["value"], "[0, 2, 4, 6]");
}

TEST(Run, AScheduleIsRecordedAndReplayed) {
  const std::string order = folder() / "order.txt", again = folder() / "again.txt";
  const std::string call = "run two_devices.leat --devices 2 --json ";
  const Command plain = leat(call),
                random = leat(call + "--schedule=random:7 --record-schedule='" + order + "'"),
                replay = leat(call + "--schedule=replay:'" + order + "' --record-schedule='" + again + "'");
  ASSERT_EQ(plain.code, 0) << plain.err;
  ASSERT_EQ(random.code, 0) << random.err;
  ASSERT_EQ(replay.code, 0) << replay.err;
  EXPECT_EQ(random.out, plain.out);
  EXPECT_EQ(replay.out, plain.out);
  EXPECT_THAT(read_file(order), StartsWith("leat schedule 1\nrun "));
  EXPECT_EQ(read_file(again), read_file(order));
  const Command other = leat("run softmax.leat --size n=2 --schedule=replay:'" + order + "'");
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.err, HasSubstr("of the recorded schedule is of two_devices"));
}

TEST(Bench, ReportsCompilationApartAndOrderedPercentiles) {
  const Command c = leat("bench softmax.leat --size n=4 -n 20 --json");
  ASSERT_EQ(c.code, 0) << c.err;
  const json j = json::parse(c.out);
  EXPECT_GT(j["compile_ms"], 0);
  EXPECT_EQ(j["runs"], 20);
  EXPECT_EQ(j["kernels"], 1);
  EXPECT_LE(j["least_us"], j["p50_us"]);
  EXPECT_LE(j["p50_us"], j["p90_us"]);
  EXPECT_LE(j["p90_us"], j["p99_us"]);
  EXPECT_LE(j["p99_us"], j["most_us"]);
  EXPECT_THAT(leat("bench softmax.leat --size n=4 -n 5").out, HasSubstr("p50_us"));
}

TEST(Trace, IsATimelineWithOneTrackPerThread) {
  const std::string path = folder() / "timeline.json";
  const Command c = leat("trace mlp.leat --size n=512 --workers 2 -o '" + path + "'");
  ASSERT_EQ(c.code, 0) << c.err;
  EXPECT_THAT(c.out, HasSubstr("ui.perfetto.dev"));
  const json j = json::parse(read_file(path));
  std::set<int> named;
  int steps = 0;
  bool labelled = false;
  for (const json& e : j["traceEvents"]) {
    const std::string phase = e["ph"];
    if (phase == "M" && e["name"] == "thread_name") {
      EXPECT_TRUE(named.insert(e["tid"].get<int>()).second);
    }
    if (phase != "X") continue;
    const int track = e["tid"];
    EXPECT_TRUE(named.contains(track));
    EXPECT_GT(track, 0);
    EXPECT_GE(e["dur"], 0);
    ++steps;
    labelled = labelled || e["args"]["detail"].get<std::string>().find("\"relu\" in scope \"hidden\"") !=
                               std::string::npos;
  }
  EXPECT_GE(steps, 3);
  EXPECT_TRUE(labelled);
  EXPECT_THAT(broken_rules(j), testing::ElementsAre());
}

TEST(Trace, StreamsAndCopyEnginesHaveTracksOfTheirOwn) {
  const std::string program = file("gpu.leat", test::kGpu);
  const std::string path = folder() / "gpu.json";
  const Command c = shell("LEAT_CUDA_DRIVER='" LEAT_FAKE_CUDA "' '" LEAT_COMMAND "' trace '" + program +
                          "' --gpus 1 -o '" + path + "'");
  ASSERT_EQ(c.code, 0) << c.err;
  const json j = json::parse(read_file(path));
  EXPECT_THAT(broken_rules(j), testing::ElementsAre());
  std::map<int, std::string> tracks;
  std::set<std::string> on;
  int queued = 0;
  for (const json& e : j["traceEvents"]) {
    if (e["name"] == "thread_name") tracks[e["tid"]] = e["args"]["name"];
    if (e.value("cat", "") == "device") on.insert(tracks[e["tid"]] + ": " + e["name"].get<std::string>());
    queued += e["name"] == "queue" && e["ph"] == "f" ? 1 : 0;
  }
  EXPECT_THAT(on, testing::Contains("gpu:0 copy in 0: copy"));
  EXPECT_THAT(on, testing::Contains("gpu:0 copy out 0: copy"));
  EXPECT_THAT(on, testing::Contains(testing::StartsWith("gpu:0 stream 0: exp")));
  EXPECT_GE(queued, 2);
}

}  // namespace
}  // namespace leat::tool
