// What is wrong with a call is exit code 2, what is wrong with a program or a file is 1; each says what and
// where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/tools/command.h"

namespace leat::tool {
namespace {

using ::testing::HasSubstr;

struct Case {
  const char* arguments;
  int code;
  const char* message;
};

class BadCall : public ::testing::TestWithParam<Case> {};

TEST_P(BadCall, SaysWhatIsWrong) {
  const Command c = leat(GetParam().arguments);
  EXPECT_EQ(c.code, GetParam().code) << c.err;
  EXPECT_THAT(c.err, HasSubstr(GetParam().message));
  EXPECT_EQ(c.err.rfind("leat: ", 0), 0u) << c.err;
  EXPECT_EQ(c.out, "");
}

constexpr Case kCases[] = {
    {"", 2, "A subcommand is required; see leat --help"},
    {"draw x", 2, "there is no command draw; commands: info, ops, dump, inspect, run, bench, trace"},
    {"dump", 2, "program is required; see leat dump --help"},
    {"dump mlp.leat --stage=fast", 2, "--stage: fast not in"},
    {"dump mlp.leat --format=jpeg", 2, "--format: jpeg not in"},
    {"dump mlp.leat --stage=fused", 2, "mlp.leat: give sizes for its symbols: --size n=..."},
    {"dump mlp.leat --size m=3 --stage=fused", 2, "--size m=3: the program has no symbol m"},
    {"inspect mlp.leat", 2, "mlp.leat: give sizes for its symbols: --size n=..."},
    {"inspect mlp.leat --size n=2 --roofline=guess", 2, "--roofline: guess not in"},
    {"inspect mlp.leat --size n=2 --rows=-1", 2, "--rows"},
    {"inspect absent.leat", 1, "not_found: absent.leat: cannot open: No such file or directory"},
    {"run mlp.leat --size n=-1", 2, "--size n=-1: \"-1\" is not an extent"},
    {"run mlp.leat --size n=9999999999999999999999", 2, "is not an extent"},
    {"run mlp.leat --size n", 2, "\"n\" is not of the form symbol=extent"},
    {"run mlp.leat --size n=2 -i z=z.npy", 2, "the program has no input z; inputs: x, w1, b1, w2, b2"},
    {"run mlp.leat --size n=2 -o 2=y.npy", 2, "the program has outputs 0 to 1"},
    {"run mlp.leat --size n=2 --fill noise", 2, "--fill: noise not in"},
    {"run mlp.leat --size n=2 --workers=-1", 2, "--workers"},
    {"run mlp.leat --size n=2 --schedule=fast", 2, "--schedule fast: it is random:SEED or replay:FILE"},
    {"run mlp.leat --size n=2 --schedule=random:x", 2, "--schedule random:x: it is random:SEED"},
    {"run mlp.leat --size n=2 --schedule=replay:absent", 1, "absent: cannot open: No such file"},
    {"run mlp.leat --size n=2 --schedule=replay:mlp.leat", 1, "mlp.leat: schedule, line 1: does not say"},
    {"run mlp.leat --size n=2 --record-schedule=/absent/f", 1, "/absent/f: cannot write: No such file"},
    {"completion tcsh", 2, "shell: tcsh not in"},
    {"bench mlp.leat --size n=2 -n 0", 2, "--repetitions"},
    {"trace mlp.leat --size n=2", 2, "--output is required"},
    {"dump absent.leat", 1, "not_found: absent.leat: cannot open: No such file or directory"},
    {"dump .", 1, ".: cannot read: Is a directory"},
    {"run mlp.leat --size n=2 -i x=absent.npy", 1, "not_found: absent.npy: cannot open"},
    {"run mlp.leat --size n=2 -i x=.", 1, "invalid_argument: .: cannot read: Is a directory"},
    {"run mlp.leat --size n=2 -i x=mlp.leat", 1, "data_loss: mlp.leat: byte 0: not an .npy file"},
    {"run mlp.leat --size n=2 -o 0=/absent/y.npy", 1,
     "/absent/y.npy: cannot write: No such file or directory"},
    {"trace mlp.leat --size n=2 -o /absent/t.json", 1, "/absent/t.json: cannot write: No such file"},
    {"run two_devices.leat", 1, "copy: there is no device \"cpu:1\"; devices: cpu:0 (at two_devices.leat:5)"},
    {"run softmax.leat --size n=9007199254740992", 1, "softmax"},
};

INSTANTIATE_TEST_SUITE_P(All, BadCall, ::testing::ValuesIn(kCases));

TEST(BadProgram, NamesLineAndColumn) {
  const std::string path = file("bad.leat", "%x: f32[8]\n%y = reduce_sum %x {dims=[1]}\n");
  const Command c = leat("dump '" + path + "'");
  EXPECT_EQ(c.code, 1);
  EXPECT_THAT(c.err, HasSubstr("bad.leat:2:6: reduce_sum: "));
  EXPECT_THAT(c.err, HasSubstr("[C"));
}

TEST(BadProgram, AFullDiskIsAnError) {
  for (const char* call : {"info", "ops", "dump mlp.leat", "run lookup.leat --size n=1 --fill iota"}) {
    const Command c = shell(std::string("'" LEAT_COMMAND "' ") + call + " >/dev/full");
    EXPECT_EQ(c.code, 1) << call;
    EXPECT_THAT(c.err, HasSubstr("stdout: No space left on device")) << call;
  }
}

TEST(Help, EveryCommandHasAnExample) {
  for (const char* command :
       {"info", "ops", "dump", "inspect", "run", "bench", "trace", "manual", "completion"}) {
    const Command c = leat(std::string(command) + " --help");
    EXPECT_EQ(c.code, 0);
    EXPECT_THAT(c.out, HasSubstr(std::string("Example: leat ") + command));
  }
  EXPECT_EQ(leat("--version").out, "leat 0.1.0\n");
}

}  // namespace
}  // namespace leat::tool
