// leat check and leat reduce, as a user calls them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/command.h"

namespace leat::tool {
namespace {

using ::testing::HasSubstr;

const std::string kModels = LEAT_SOURCE_DIR "/tests/onnx/models/";

TEST(Check, SamplesAgree) {
  for (const char* call :
       {"softmax.leat --size n=8", "mlp.leat --size n=8", "lookup.leat --size n=8",
        "two_devices.leat --devices 2", "mlp.leat --size n=8 --exact-contractions --rounds 2"}) {
    const Command c = leat(std::string("check ") + call);
    EXPECT_EQ(c.code, 0) << call << c.err;
    EXPECT_THAT(c.out, HasSubstr("seed 1: ")) << call;
    EXPECT_THAT(c.out, HasSubstr(" values (")) << call;
  }
}

TEST(Check, ModelsAgree) {
  for (const char* call : {"resnet50/model.onnx --size batch=1", "mobilenet_v2/model.onnx --size batch=2",
                           "bert_base/model.onnx --size batch=2 --size sequence=6",
                           "gpt2_step/model.onnx --size batch=1 --size step=1 --size past=4",
                           "lstm_tagger/model.onnx --size batch=1 --size sequence=5",
                           "unet/model.onnx --size batch=1 --exact-contractions"}) {
    const Command c = leat("check --tier tiles --json " + kModels + call);
    EXPECT_EQ(c.code, 0) << call << c.err;
    EXPECT_THAT(c.out, HasSubstr("\"agrees\": true")) << call;
    EXPECT_THAT(c.out, Not(HasSubstr("\"fault\""))) << call;
  }
}

TEST(Check, BadCalls) {
  EXPECT_EQ(leat("check").code, 2);
  EXPECT_EQ(leat("check softmax.leat").code, 2);
  EXPECT_EQ(leat("check /nowhere.leat").code, 1);
  const Command c = leat("check softmax.leat --size n=8 --rounds 0");
  EXPECT_EQ(c.code, 2);
}

TEST(Reduce, ToWhatACommandRejects) {
  const std::string small = folder() / "small.leat";
  const Command c =
      leat("reduce mlp.leat --size n=32 --quiet --command '! grep -q arg_max' -o '" + small + "'");
  EXPECT_EQ(c.code, 0) << c.err;
  const std::string text = read_file(small);
  EXPECT_THAT(text, HasSubstr("// ! grep -q arg_max ends with 1\n"));
  EXPECT_THAT(text, HasSubstr("arg_max"));
  EXPECT_THAT(text, Not(HasSubstr("dot_general")));
  EXPECT_EQ(leat("run '" + small + "'").code, 0);
}

TEST(Reduce, SaysWhereThereIsNothingToDo) {
  const Command right = leat("reduce softmax.leat --size n=4");
  EXPECT_EQ(right.code, 1);
  EXPECT_THAT(right.err, HasSubstr("agrees with the interpreter: nothing to reduce"));
  const Command fine = leat("reduce softmax.leat --size n=4 --command true");
  EXPECT_EQ(fine.code, 1);
  EXPECT_THAT(fine.err, HasSubstr("the command ends with 0"));
}

TEST(Reduce, EndsCommandsThatHang) {
  const Command c =
      leat("reduce softmax.leat --size n=4 --quiet --timeout 0.05 --max-tries 2 --command 'sleep 100 #'");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_THAT(c.out, HasSubstr("takes too long"));
}

}  // namespace
}  // namespace leat::tool
