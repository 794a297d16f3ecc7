// What is wrong with a call is exit code 2, what is wrong with a program or a file is 1; each says what and
// where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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
    {"dump mlp.leat --size n=2 --diff fused llvm", 2,
     "--diff llvm: each such stage is a language of its own"},
    {"dump mlp.leat --size n=2 --diff fused magic", 2,
     "there is no pass magic; passes: eliminate_dead_nodes, "},
    {"dump mlp.leat --code=some", 2, "--code: some not in"},
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
    {"dump mlp.leat --size n=x", 2, "--size n=x: \"x\" is not an extent"},
    {"run mlp.leat --size n=2 --size n=3", 2, "--size n=3: n has a size already"},
    {"dump /dev/zero", 1, "/dev/zero: is larger than 1 GiB: no program"},
    {"run mlp.leat --size n=2 -o 0=/dev/full", 1, "/dev/full: cannot write: No space left on device"},
    {"bench softmax.leat --size n=2 -n 3 --save /dev/full", 1, "/dev/full: cannot write: No space"},
    {"reduce softmax.leat --size n=2 --command false -o /absent/s", 1,
     "/absent/s: cannot write: No such file"},
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

TEST(BadProgram, WhatIsNoFileIsWrittenToAndStays) {
  const Command c = leat("run lookup.leat --size n=1 --fill iota -o 0=/dev/stdout | head -c 6");
  EXPECT_EQ(c.out, "\x93NUMPY");
  const std::string link = folder() / "link.npy", target = folder() / "target.npy";
  std::filesystem::create_symlink(target, link);
  EXPECT_EQ(leat("run lookup.leat --size n=1 --fill iota -o 0='" + file("target.npy", "") + "'").code, 0);
  const std::string bytes = read_file(target);
  file("target.npy", "");
  EXPECT_EQ(leat("run lookup.leat --size n=1 --fill iota -o 0='" + link + "'").code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(read_file(target), bytes);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

// Garbage of every kind, for every command that reads a program.
TEST(BadProgram, GarbageIsOneLineThatNamesTheFile) {
  std::mt19937 random(5);
  std::string bytes(3000, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  std::filesystem::create_directory(folder() / "d.onnx");
  const std::string files[] = {file("garbage.leat", bytes), file("garbage.onnx", bytes),
                               file("empty.leat", ""),      file("empty.onnx", ""),
                               folder() / "d.onnx",         "/absent.onnx"};
  for (const char* command : {"dump", "inspect --roofline=none", "run", "bench -n 3", "trace -o t.json",
                              "check", "reduce", "export -o e.onnx"}) {
    for (const std::string& path : files) {
      const Command c = leat(std::string(command) + " '" + path + "'");
      EXPECT_EQ(c.code, 1) << command << " " << path;
      EXPECT_EQ(c.out, "") << command << " " << path;
      EXPECT_THAT(c.err, testing::StartsWith("leat: ")) << command << " " << path;
      EXPECT_THAT(c.err, HasSubstr(path)) << command;
      EXPECT_EQ(std::count(c.err.begin(), c.err.end(), '\n'), 1) << c.err;
    }
  }
}

// Examples are for copying: each works as it stands, where there are the files that it names.
TEST(Help, EveryExampleWorks) {
  namespace fs = std::filesystem;
  const fs::path here = folder() / "examples_here", source = LEAT_SOURCE_DIR;
  fs::create_directories(here / "bin");
  fs::create_directories(here / ".local/share/bash-completion/completions");
  fs::create_symlink(LEAT_COMMAND, here / "bin/leat");
  fs::create_symlink(source / "examples", here / "examples");
  fs::copy_file(source / "tests/onnx/models/resnet50/model.onnx", here / "model.onnx");
  std::ofstream(here / "big.leat") << "graph @big(%x: i32[4]) -> (i32[4], i32[4]) {\n  %z = sub %x %x\n"
                                      "  %d = div %x %z\n  %y = add %x %x\n  return %d, %y\n}\n";
  const std::string enter = "cd '" + here.string() + "' && PATH=\"$PWD/bin:$PATH\" HOME=\"$PWD\" && ";
  std::ofstream(here / "x.leat") << "graph @x() -> (f32[32,64]) {\n  %c = constant {value=1} : f32[32,64]\n"
                                    "  return %c\n}\n";
  ASSERT_EQ(shell(enter + "leat run x.leat -o 0=x.npy").code, 0);
  int calls = 0;
  for (const char* command : {"info", "ops", "dump", "inspect", "run", "bench", "trace", "check", "reduce",
                              "export", "manual", "completion"}) {
    const std::string help = leat(std::string(command) + " --help").out;
    std::size_t at = help.find("Example: leat ");
    ASSERT_NE(at, std::string::npos) << command;
    for (at += 9; at < help.size() && help.compare(at, 5, "leat ") == 0;) {
      const std::size_t end = std::min(help.find('\n', at), help.size());
      const std::string call = help.substr(at, end - at);
      at = std::min(help.find_first_not_of(" \n", end), help.size());
      if (call.find("| man") != std::string::npos && shell("command -v man").code != 0) continue;
      const Command c = shell(enter + call);
      ++calls;
      // The model is right: there is nothing to reduce in it.
      const bool agrees = call.starts_with("leat reduce model.onnx");
      EXPECT_EQ(c.code, agrees ? 1 : 0) << call << "\n" << c.err;
      EXPECT_THAT(c.err, HasSubstr(agrees ? "nothing to reduce" : ""));
    }
  }
  EXPECT_GE(calls, 20);
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
