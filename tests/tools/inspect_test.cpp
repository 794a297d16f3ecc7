// leat inspect: the summary as text and as JSON, of programs and models, and the roofline's cache.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/tools/command.h"

namespace leat::tool {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kModel = "/usr/share/libonnx-testdata/data/node/test_softmax_axis_1/model.onnx";

TEST(Inspect, HasEverySection) {
  const Command c = leat("inspect mlp.leat --size n=32 --roofline=none");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_EQ(c.err, "");
  for (const char* part : {"program @mlp\n", "inputs (5)\n", "outputs (2)\n", "ops as written\n",
                           "dot_general", "arithmetic intensity: ", "no roofline", "steps (", "not fused (",
                           "arg_max is not a loop: it has code of its own", "placement: everything on cpu:0",
                           "concurrency: ", "critical path: ", "memory: a run reserves ", "held by"}) {
    EXPECT_THAT(c.out, HasSubstr(part));
  }
}

TEST(Inspect, RowsBoundTheTables) {
  EXPECT_THAT(leat("inspect mlp.leat --size n=32 --roofline=none --rows=1").out,
              HasSubstr("... and 4 more inputs"));
  EXPECT_THAT(leat("inspect mlp.leat --size n=32 --roofline=none --rows=0").out, Not(HasSubstr("... and ")));
}

TEST(Inspect, CopiesSayWhoWantsThem) {
  const Command c = leat("inspect two_devices.leat --devices 2 --roofline=none");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_THAT(c.out,
              HasSubstr("copy f32[256,256] (262 kB) cpu:0 -> cpu:1: the program asks for this copy\n"));
  EXPECT_THAT(c.out, HasSubstr("  cpu:1: 2 nodes in "));
  EXPECT_THAT(c.out, HasSubstr("    its operands are there: %4 dot_general, %5 sigmoid\n"));
}

TEST(Inspect, PlacementSaysWhyOfEachNode) {
  const std::string program =
      file("placed.leat",
           R"(graph @placed(%x: f32[8,8], %y: f32[8,8], %i: i32[], %j: i64[]) -> (f32[8,8], f32[2,2]) {
  %there = copy %x {device="gpu:0"}
  %a = mul %there %there
  %b = add %a %y  // label="mixed"
  %c = dynamic_slice %a %i %j {sizes=[2,2]}
  return %b, %c
}
)");
  const Command c = leat("inspect '" + program + "' --gpus 1 --roofline=none --json");
  ASSERT_EQ(c.code, 0) << c.err;
  std::map<std::string, std::string> why;
  const nlohmann::json seen = nlohmann::json::parse(c.out);
  for (const auto& p : seen["placements"]) {
    why[p["op"].get<std::string>() + " on " + p["device"].get<std::string>()] +=
        p["why"].get<std::string>() + "; ";
  }
  EXPECT_EQ(why["mul on gpu:0"], "its operands are there; ");
  const std::string kNoCode =
      "dynamic_slice with starts of several dtypes has no code for a GPU; its operands are on gpu:0";
  EXPECT_EQ(why["dynamic_slice on cpu:0"], kNoCode + "; ");
  EXPECT_EQ(why["copy on cpu:0"], "for add \"mixed\" there; ");  // and the slice has it too
  const Command text = leat("dump '" + program + "' --gpus 1 --stage=placed");
  EXPECT_THAT(text.out, HasSubstr("  // cpu:0: " + kNoCode + "\n  %"));
  EXPECT_THAT(text.out, HasSubstr("  // gpu:0: the program asks for this copy\n  %"));
}

TEST(Inspect, AutomaticPlacementShowsTheEstimatesThatDecided) {
  std::string text = "graph @large(%a0: f32[2048,2048]) -> (f32[2048,2048]) {\n";
  for (int k = 0; k < 12; ++k) text += "%a" + std::to_string(k + 1) + " = sin %a" + std::to_string(k) + "\n";
  const std::string program = file("large.leat", text + "return %a12\n}\n");
  const std::string call = " '" + program + "' --gpus 1 --placement=automatic --workers 2";
  const Command placed = leat("dump" + call + " --stage=placed");
  ASSERT_EQ(placed.code, 0) << placed.err;
  EXPECT_THAT(placed.out, ::testing::StartsWith("// placed by estimates: "));
  EXPECT_THAT(placed.out, HasSubstr("; all on cpu:0: "));
  EXPECT_THAT(placed.out, HasSubstr("  // gpu:0: for sin there\n"));
  EXPECT_THAT(placed.out, HasSubstr("  // gpu:0: part of one kernel: with sin\n"));
  EXPECT_THAT(placed.out, HasSubstr("  // gpu:0: soonest here: done at "));
  EXPECT_THAT(placed.out, HasSubstr(", copies "));
  EXPECT_THAT(placed.out, HasSubstr("; cpu:0: done at "));
  const nlohmann::json page = nlohmann::json::parse(leat("dump" + call + " --format=json").out);
  int found = 0;
  for (const auto& stage : page["stages"]) {
    if (stage["stage"] != "placed") continue;
    EXPECT_THAT(stage["note"].get<std::string>(), HasSubstr("placed by estimates: "));
    for (const auto& node : stage["nodes"]) {
      if (node["op"] != "sin") continue;
      ++found;
      ASSERT_EQ(node["estimates"].size(), 2u);
      EXPECT_LT(node["estimates"][1]["finish_ns"].get<double>(),
                node["estimates"][0]["finish_ns"].get<double>());
      EXPECT_GT(node["estimates"][1]["copies_ns"].get<double>(), 0);
    }
  }
  EXPECT_EQ(found, 12);
  const Command c = leat("inspect" + call + " --roofline=none");
  EXPECT_THAT(c.out, HasSubstr("placed by estimates: "));
  EXPECT_THAT(c.out, HasSubstr("soonest here: "));
  EXPECT_THAT(leat("inspect" + call + " --roofline=none --json").out, HasSubstr("\"placement_summary\""));
  // Without it nothing moves.
  EXPECT_THAT(leat("dump '" + program + "' --gpus 1 --stage=placed").out, ::testing::Not(HasSubstr("copy")));
}

TEST(Inspect, ModelsHaveNamesAndJson) {
  const Command c = leat("inspect " + kModel + " --roofline=none --json");
  ASSERT_EQ(c.code, 0) << c.err;
  const auto j = nlohmann::json::parse(c.out);
  EXPECT_EQ(j["outputs"][0]["name"], "y");
  EXPECT_EQ(j["steps"].size(), 1u);
  EXPECT_EQ(j["transcendentals"], 3 * 4 * 5);
  EXPECT_TRUE(j["roofline"].is_null());
}

TEST(Inspect, TheRooflineIsMeasuredOnce) {
  const std::string cache = folder() / "cache";
  const std::string call =
      "XDG_CACHE_HOME='" + cache + "' '" LEAT_COMMAND "' inspect softmax.leat --size n=4 --json";
  const Command first = shell(call);
  ASSERT_EQ(first.code, 0) << first.err;
  const auto a = nlohmann::json::parse(first.out)["roofline"];
  EXPECT_GT(a["operations_per_second"].get<double>(), 1e6);
  EXPECT_GT(a["bytes_per_second"].get<double>(), 1e6);
  EXPECT_THAT(a["source"].get<std::string>(), HasSubstr("measured on "));
  const auto b = nlohmann::json::parse(shell(call).out)["roofline"];
  EXPECT_EQ(b["operations_per_second"], a["operations_per_second"]);
  EXPECT_THAT(b["source"].get<std::string>(), HasSubstr("roofline.json"));
  std::ofstream(cache + "/leat/roofline.json") << "{\"broken";
  EXPECT_EQ(shell(call).code, 0);  // measured anew
}

}  // namespace
}  // namespace leat::tool
