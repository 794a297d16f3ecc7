// Every stage of every sample program, as text and as a picture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/command.h"

namespace leat::tool {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Sample {
  const char* name;
  const char* arguments;
};
constexpr Sample kSamples[] = {{"softmax", "--size n=6"},
                               {"mlp", "--size n=6"},
                               {"newton", "--size n=6"},
                               {"lookup", "--size n=6"},
                               {"two_devices", "--devices 2"}};

class DumpTest : public ::testing::TestWithParam<Sample> {};

TEST_P(DumpTest, EveryStageIsTextAndPicture) {
  const bool draw = shell("command -v dot").code == 0;
  for (const char* stage :
       {"graph", "optimized", "placed", "fused", "kernels", "llvm", "asm", "ptx", "program", "memory"}) {
    const std::string call =
        std::string("dump ") + GetParam().name + ".leat " + GetParam().arguments + " --stage=" + stage;
    const Command text = leat(call);
    EXPECT_EQ(text.code, 0) << call << "\n" << text.err;
    EXPECT_GT(text.out.size(), 20u) << call;
    EXPECT_EQ(text.err, "") << call;
    const Command picture = leat(call + " --format=dot");
    EXPECT_EQ(picture.code, 0) << call << "\n" << picture.err;
    EXPECT_THAT(picture.out, StartsWith("digraph \"")) << call;
    if (!draw) continue;
    const Command drawn = shell("dot -Tsvg '" + file("picture.dot", picture.out) + "'");
    EXPECT_EQ(drawn.code, 0) << call << "\n" << drawn.err;
    EXPECT_EQ(drawn.err, "") << call;
    EXPECT_THAT(drawn.out, HasSubstr("</svg>")) << call;
  }
}

INSTANTIATE_TEST_SUITE_P(Samples, DumpTest, ::testing::ValuesIn(kSamples),
                         [](const auto& info) { return info.param.name; });

TEST(Dump, LabelsAndScopesReachEveryStage) {
  for (const char* stage :
       {"graph", "optimized", "placed", "fused", "kernels", "llvm", "asm", "ptx", "program"}) {
    for (const char* format : {"text", "dot"}) {
      const Command c =
          leat(std::string("dump mlp.leat --size n=6 --stage=") + stage + " --format=" + format);
      EXPECT_THAT(c.out, HasSubstr("relu")) << stage << " " << format;
      EXPECT_THAT(c.out, HasSubstr("head")) << stage << " " << format;
    }
  }
}

TEST(Dump, AfterTheFirstStageEveryOpSaysWhereItWasWritten) {
  EXPECT_THAT(leat("dump mlp.leat --size n=6 --stage=optimized").out,
              HasSubstr("// at mlp.leat:8 label=\"relu\""));
  EXPECT_THAT(leat("dump mlp.leat --size n=6 --stage=program").out, HasSubstr("mlp.leat:8 label=\"relu\""));
}

TEST(Dump, ProgramsShowCausesDevicesAndSubPrograms) {
  const std::string devices = leat("dump two_devices.leat --devices 2 --stage=program").out;
  EXPECT_THAT(devices, HasSubstr("copy"));
  EXPECT_THAT(devices, HasSubstr(" on 1 "));
  EXPECT_THAT(devices, HasSubstr("(use)"));
  const std::string loop = leat("dump newton.leat --size n=6 --stage=program").out;
  EXPECT_THAT(loop, HasSubstr("// condition of while_loop\nprogram @moves {"));
  EXPECT_THAT(loop, HasSubstr("// body of while_loop\nprogram @step {"));
}

TEST(Dump, PicturesOfProgramsShowWhatIsNoUse) {
  const Command c = leat("dump encoder.leat --stage=program --format=dot");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_THAT(c.out, HasSubstr("[style=dashed, label=\"reuse\"]"));
}

TEST(Dump, PtxNeedsNoGpu) {
  const std::string ptx = leat("dump mlp.leat --size n=6 --stage=ptx").out;
  EXPECT_THAT(ptx, HasSubstr(".target sm_90\n"));
  EXPECT_THAT(ptx, HasSubstr(".visible .entry leat_kernel("));
  EXPECT_THAT(ptx, HasSubstr("// launch on sm_90 with 132 multiprocessors: 1 blocks of "));
  EXPECT_THAT(ptx, HasSubstr("// matmul f32,f32 word=0 rank=32 variant="));
  EXPECT_THAT(leat("dump mlp.leat --size n=6 --stage=ptx --arch=sm_75").out, HasSubstr(".target sm_75\n"));
}

TEST(Dump, KernelsOfEpiloguesAndLoopsAreShown) {
  EXPECT_THAT(leat("dump mlp.leat --size n=6 --stage=kernels").out,
              HasSubstr("// on each panel of matmul+add+maximum"));
  EXPECT_THAT(leat("dump newton.leat --size n=6 --stage=kernels").out,
              HasSubstr("in the body of while_loop"));
}

TEST(Dump, ListsThePassesAndWhatTheyDid) {
  const Command all = leat("dump --list-passes");
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("\neliminate_dead_nodes#2 "));
  EXPECT_THAT(all.out, HasSubstr("[then stage fused]\n"));
  EXPECT_THAT(leat("dump mlp.leat --size n=6 --list-passes").out,
              HasSubstr("fuse_groups                       15 -> 10 nodes\n"));
}

TEST(Dump, EveryPassIsSeenFromBothSides) {
  const std::string list = leat("dump --list-passes").out;
  std::size_t passes = 0;
  for (std::size_t begin = 0; begin < list.size(); begin = list.find('\n', begin) + 1, ++passes) {
    const std::string pass = list.substr(begin, list.find(' ', begin) - begin);
    for (const char* const side : {"after", "before"}) {
      const Command c = leat(std::string("dump mlp.leat --size n=6 --") + side + "='" + pass + "'");
      EXPECT_EQ(c.code, 0) << pass << c.err;
      EXPECT_THAT(c.out, StartsWith("graph @mlp(")) << pass;
    }
  }
  EXPECT_GE(passes, 11u);
  const Command none = leat("dump mlp.leat --size n=6 --after=magic");
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, StartsWith("leat: there is no pass magic; passes: eliminate_dead_nodes, "));
}

TEST(Dump, ADifferenceOfTwoStages) {
  const std::string fusion = leat("dump mlp.leat --size n=6 --diff optimized fused").out;
  EXPECT_THAT(fusion, StartsWith("--- optimized\n+++ fused\n"));
  EXPECT_THAT(fusion, HasSubstr("\n-  %2 = add %0 %1 : f32[6,128]"));
  EXPECT_THAT(fusion, HasSubstr("\n+  %new0 = fused %0 %b1 {body=@kernel0} : f32[6,128]"));
  EXPECT_THAT(fusion, HasSubstr("\n   %0 = dot_general %x %w1"));  // in both, unchanged
  EXPECT_THAT(leat("dump mlp.leat --size n=6 --diff graph graph").out, HasSubstr("\nno difference\n"));
  EXPECT_EQ(leat("dump mlp.leat --size n=6 --diff graph llvm").code, 2);
}

TEST(Dump, AFocusShowsACone) {
  const Command c = leat("dump mlp.leat --focus relu --depth 1");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_THAT(c.out, StartsWith("// not parsable: 4 of 17 nodes: what is at most 1 away from relu\n"));
  EXPECT_THAT(c.out, HasSubstr("%5 = maximum %2 %4"));
  EXPECT_THAT(c.out, ::testing::Not(HasSubstr("arg_max")));
  const std::string step = leat("dump mlp.leat --size n=6 --stage=program --focus mlp.leat:12 --depth 0").out;
  EXPECT_THAT(step, HasSubstr("  step 2 arg_max "));
  EXPECT_THAT(step, ::testing::Not(HasSubstr("  step 0")));
  EXPECT_THAT(leat("dump mlp.leat --size n=6 --stage=llvm --focus logits --depth 0").out,
              ::testing::Not(HasSubstr("relu")));
  const Command none = leat("dump mlp.leat --focus nothing");
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, HasSubstr("stage graph has no value \"nothing\"; it has %x, %w1, "));
  EXPECT_THAT(none.err, HasSubstr("labels: relu, logits"));
}

TEST(Dump, PicturesThroughGraphviz) {
  if (shell("command -v dot").code != 0) GTEST_SKIP() << "no Graphviz";
  const std::string svg = folder() / "mlp.svg";
  const Command c = leat("dump mlp.leat --size n=6 --stage=fused --format=svg -o '" + svg + "'");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_EQ(c.out, "");
  EXPECT_THAT(read_file(svg), HasSubstr("</svg>"));
  EXPECT_THAT(leat("dump mlp.leat --format=png").out, StartsWith("\x89PNG"));
}

TEST(Dump, WithoutGraphvizItSaysSo) {
  const Command c = shell("PATH=/nowhere '" LEAT_COMMAND "' dump mlp.leat --format=svg");
  EXPECT_EQ(c.code, 1);
  EXPECT_THAT(
      c.err,
      HasSubstr("format svg: cannot run Graphviz's dot: No such file or directory; install graphviz, or "
                "take format dot, json or html"));
}

TEST(Dump, AFileThatCannotBeWritten) {
  const Command c = leat("dump mlp.leat -o /nowhere/x");
  EXPECT_EQ(c.code, 1);
  EXPECT_THAT(c.err, HasSubstr("/nowhere/x: cannot write: "));
  EXPECT_EQ(leat("dump").code, 2);
  EXPECT_EQ(leat("dump mlp.leat --constants=many").code, 2);
  EXPECT_EQ(leat("dump mlp.leat --stage=fused --after=fuse_groups").code, 2);
}

TEST(Dump, WhatItPrintsCanBeDumpedAgain) {
  const Command first = leat("dump newton.leat");
  const Command again = leat("dump '" + file("again.leat", first.out) + "'");
  EXPECT_EQ(again.out, first.out);
  EXPECT_EQ(shell("'" LEAT_COMMAND "' dump newton.leat | '" LEAT_COMMAND "' dump -").out, first.out);
}

TEST(Info, NamesTheLibrariesAndWhyOneIsAbsent) {
  const Command c = leat("info");
  EXPECT_EQ(c.code, 0);
  EXPECT_THAT(c.out, HasSubstr("LLVM 19."));
  EXPECT_THAT(c.out, HasSubstr("oneDNN "));
  EXPECT_THAT(c.out, HasSubstr("libdnnl"));  // where it lies
  EXPECT_THAT(c.out, HasSubstr("libcuda.so.1"));
  EXPECT_THAT(leat("info --json").out, StartsWith("{\n"));
}

TEST(Info, SaysWhoMakesMachineCodeForGpusAndWhy) {
  const auto info = [](const std::string& linker) {
    return shell("LEAT_NVJITLINK='" + linker + "' '" LEAT_COMMAND "' info").out;
  };
  EXPECT_THAT(info(LEAT_FAKE_JIT_LINK), HasSubstr("found: " LEAT_FAKE_JIT_LINK ", 13.9"));
  EXPECT_THAT(info("none"), HasSubstr("absent, so the driver compiles PTX: LEAT_NVJITLINK=none"));
  EXPECT_THAT(info("/nowhere"), HasSubstr("absent, so the driver compiles PTX: /nowhere: cannot open"));
}

TEST(Info, DescribesTheGpusOfTheDriver) {
  const Command c = shell("LEAT_CUDA_DRIVER='" LEAT_FAKE_CUDA "' '" LEAT_COMMAND "' info");
  EXPECT_EQ(c.code, 0);
  EXPECT_THAT(c.out, HasSubstr("found: " LEAT_FAKE_CUDA ", CUDA 12.4, 1 devices"));
  EXPECT_THAT(c.out, HasSubstr("Fake GPU 0, sm_90, 4 multiprocessors, 0.2 GiB"));
}

TEST(Dump, ShowsTheStreamsOfAGpuThatIsNotThere) {
  const std::string path = file("gpu.leat",
                                "graph @g(%x: f32[64,64]) -> (f32[64,64]) {\n"
                                "%there = copy %x {device=\"gpu:0\"}\n"
                                "%y = exp %there\n%back = copy %y {device=\"cpu:0\"}\nreturn %back\n}\n");
  const Command c = leat("dump '" + path + "' --gpus 1 --stage=program");
  EXPECT_EQ(c.code, 0) << c.err;
  EXPECT_THAT(c.out, HasSubstr("exp on 1 stream 0"));
  EXPECT_THAT(c.out, HasSubstr("launch: "));
  EXPECT_THAT(c.out, HasSubstr("copy: copy 16384B to the device"));
  EXPECT_THAT(c.out, HasSubstr("copy: copy 16384B from the device"));
  EXPECT_THAT(c.out, HasSubstr("(stream)"));
  const Command none = leat("dump '" + path + "' --stage=program");
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, HasSubstr("there is no device \"gpu:0\"; devices: cpu:0"));
}

TEST(Run, AGpuThatIsNotThereIsAnError) {
  const Command c = shell("LEAT_CUDA_DRIVER=/nowhere '" LEAT_COMMAND "' run lookup.leat --size n=1 --gpus 1");
  EXPECT_EQ(c.code, 1);
  EXPECT_THAT(c.err, HasSubstr("1 GPUs are asked for, but no CUDA driver: /nowhere"));
}

TEST(Ops, ListsTheTable) {
  EXPECT_THAT(leat("ops reduce_sum").out, HasSubstr("sum over dims {dims}"));
  EXPECT_THAT(leat("ops tanh").out, ::testing::Not(HasSubstr("reduce")));
  EXPECT_THAT(leat("ops scatter_nd --json").out, HasSubstr("\"name\": \"scatter_nd\""));
}

}  // namespace
}  // namespace leat::tool
