// leat on ONNX models: run, bench and dump of files of ONNX's own test data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/tools/command.h"

namespace leat::tool {
namespace {

using ::testing::HasSubstr;

const std::string kData = "/usr/share/libonnx-testdata/data/";  // tools/setup installs it

TEST(Models, Run) {
  const Command c = leat("run " + kData + "simple/test_single_relu_model/model.onnx --fill iota");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_EQ(c.out, "output 0 f32[1,2] [0, 1]\n");
}

TEST(Models, OutputsHaveNames) {
  const std::string y = folder() / "y.npy";
  const std::string model = kData + "simple/test_single_relu_model/model.onnx";
  EXPECT_EQ(leat("run " + model + " -o y='" + y + "'").code, 0);
  EXPECT_EQ(read_file(y).size(), 128u + 8u);
  const Command c = leat("run " + model + " -o z='" + y + "'");
  EXPECT_EQ(c.code, 2);
  EXPECT_THAT(c.err, HasSubstr("the program has outputs 0 to 0: y"));
}

TEST(Models, EveryStageNamesTheNode) {
  const std::string model = kData + "simple/test_single_relu_model/model.onnx";
  for (const char* stage : {"graph", "optimized", "fused"}) {
    const Command c = leat("dump " + model + " --stage=" + stage);
    EXPECT_EQ(c.code, 0) << c.err;
    EXPECT_THAT(c.out, HasSubstr("model.onnx:1 scope=\"test\""));
  }
}

TEST(Models, Bench) {
  const Command c = leat("bench " + kData + "pytorch-converted/test_Linear/model.onnx -n 10 --json");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_THAT(c.out, HasSubstr("\"p50_us\""));
}

TEST(Models, BadOnesNameTheFileAndTheNode) {
  const Command value = leat("run " + kData + "simple/test_expand_shape_model1/model.onnx");
  EXPECT_EQ(value.code, 1);
  EXPECT_THAT(value.err, HasSubstr("(Expand, node 1): a shape depends on the value of i64[2]"));
  const std::string bad = file("bad.onnx", "no model");
  const Command c = leat("run '" + bad + "'");
  EXPECT_EQ(c.code, 1);
  EXPECT_THAT(c.err, HasSubstr("bad.onnx: not a valid ONNX file"));
  EXPECT_EQ(leat("run '" + bad + "' --value x").code, 1);
}

}  // namespace
}  // namespace leat::tool
