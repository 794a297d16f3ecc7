// Gathers and scatters of the interpreter: values, update order, and faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/ir/evaluate_text.h"

namespace leat::ir {
namespace {

constexpr const char* kX32 = "%x = constant {value=[[1,2],[3,4],[5,6]]} : f32[3,2]\n";

TEST(InterpretGather, Axis) {
  const std::string i = "%i = constant {value=[[2,0],[1,1]]} : i32[2,2]\n";
  EXPECT_EQ(evaluate(kX32 + i + "%y = gather %x %i {axis=0}"), "f32[2,2,2] [5, 6, 1, 2, 3, 4, 3, 4]");
  const std::string j = "%i = constant {value=[1]} : i64[1]\n";
  EXPECT_EQ(evaluate(kX32 + j + "%y = gather %x %i {axis=1}"), "f32[3,1] [2, 4, 6]");
  const std::string scalar = "%i = constant {value=1} : i64[]\n";
  EXPECT_EQ(evaluate(kX32 + scalar + "%y = gather %x %i {axis=0}"), "f32[2] [3, 4]");
  const std::string none = "%i = constant {value=0} : i64[0]\n";
  EXPECT_EQ(evaluate(kX32 + none + "%y = gather %x %i {axis=0}"), "f32[0,2] []");
}

TEST(InterpretGather, EveryElementSize) {
  const auto gather = [](std::string_view dtype) {
    return evaluate("%x = constant {value=[0,1,1]} : " + std::string(dtype) +
                    "[3]\n%i = constant {value=[2,0,1]} : i32[3]\n%y = gather %x %i {axis=0}");
  };
  EXPECT_EQ(gather("u8"), "u8[3] [1, 0, 1]");
  EXPECT_EQ(gather("bf16"), "bf16[3] [1, 0, 1]");
  EXPECT_EQ(gather("i32"), "i32[3] [1, 0, 1]");
  EXPECT_EQ(gather("f64"), "f64[3] [1, 0, 1]");
}

TEST(InterpretGather, Fault) {
  const std::string i = "%i = constant {value=[[2,0],[1,3]]} : i32[2,2]\n";
  EXPECT_EQ(evaluate(kX32 + i + "%y = gather %x %i {axis=0} // at train.cpp:41"),
            "out_of_range: gather: index 3 at [1,1] of the indices is outside axis 0 of f32[3,2] (extent 3) "
            "(at train.cpp:41)");
  const std::string negative = "%i = constant {value=-1} : i64[]\n";
  EXPECT_THAT(evaluate(kX32 + negative + "%y = gather %x %i {axis=1}"),
              testing::HasSubstr("out_of_range: gather: index -1 at [] of the indices is outside axis 1 of "
                                 "f32[3,2] (extent 2)"));
  // Where nothing would be copied, no index is read.
  EXPECT_EQ(evaluate("%x = constant {value=0} : f32[2,0]\n%i = constant {value=2} : i64[]\n"
                     "%y = gather %x %i {axis=0}"),
            "f32[0] []");
}

TEST(InterpretGather, NobodyAsked) {
  // A fault that no output depends on is not reported.
  EXPECT_EQ(evaluate(std::string(kX32) + "%i = constant {value=9} : i64[]\n%y = gather %x %i {axis=0}\n"
                                         "%z = neg %x\nreturn %z"),
            "f32[3,2] [-1, -2, -3, -4, -5, -6]");
}

TEST(InterpretGather, Elements) {
  const std::string i = "%i = constant {value=[[2,0],[0,1]]} : i64[2,2]\n";
  EXPECT_EQ(evaluate(kX32 + i + "%y = gather_elements %x %i {axis=0}"), "f32[2,2] [5, 2, 1, 4]");
  const std::string j = "%i = constant {value=[[1,1,0]]} : i32[1,3]\n";
  EXPECT_EQ(evaluate(kX32 + j + "%y = gather_elements %x %i {axis=1}"), "f32[1,3] [2, 2, 1]");
  const std::string bad = "%i = constant {value=[[1,-2,0]]} : i32[1,3]\n";
  EXPECT_THAT(evaluate(kX32 + bad + "%y = gather_elements %x %i {axis=1}"),
              testing::HasSubstr("gather_elements: index -2 at [0,1] of the indices is outside axis 1"));
}

TEST(InterpretGather, Nd) {
  const std::string full = "%i = constant {value=[[2,1],[0,0]]} : i64[2,2]\n";
  EXPECT_EQ(evaluate(kX32 + full + "%y = gather_nd %x %i"), "f32[2] [6, 1]");
  const std::string rows = "%i = constant {value=[[[2]],[[0]]]} : i64[2,1,1]\n";
  EXPECT_EQ(evaluate(kX32 + rows + "%y = gather_nd %x %i"), "f32[2,1,2] [5, 6, 1, 2]");
  const std::string batched = "%i = constant {value=[[1],[0],[1]]} : i64[3,1]\n";
  EXPECT_EQ(evaluate(kX32 + batched + "%y = gather_nd %x %i {batch_dims=1}"), "f32[3] [2, 3, 6]");
  const std::string bad = "%i = constant {value=[[2,1],[0,2]]} : i64[2,2]\n";
  EXPECT_THAT(evaluate(kX32 + bad + "%y = gather_nd %x %i"),
              testing::HasSubstr("gather_nd: index 2 at [1,1] of the indices is outside axis 1 of f32[3,2] "
                                 "(extent 2)"));
  const std::string batched_bad = "%i = constant {value=[[1],[0],[2]]} : i64[3,1]\n";
  EXPECT_THAT(evaluate(kX32 + batched_bad + "%y = gather_nd %x %i {batch_dims=1}"),
              testing::HasSubstr("index 2 at [2,0] of the indices is outside axis 1"));
}

std::string scatter(std::string_view kind, std::string_view dtype, std::string_view x, std::string_view u) {
  const std::string t(dtype);
  return evaluate("%x = constant {value=" + std::string(x) + "} : " + t +
                  "[3]\n%i = constant {value=[1,1,2]} : i64[3]\n%u = constant {value=" + std::string(u) +
                  "} : " + t + "[3]\n%y = scatter_elements %x %i %u {axis=0, kind=\"" + std::string(kind) +
                  "\"}");
}

TEST(InterpretScatter, ElementsInUpdateOrder) {
  EXPECT_EQ(scatter("set", "i32", "[7,8,9]", "[1,2,3]"), "i32[3] [7, 2, 3]");  // the last one wins
  EXPECT_EQ(scatter("add", "i8", "[7,127,9]", "[1,2,3]"), "i8[3] [7, -126, 12]");
  EXPECT_EQ(scatter("mul", "f64", "[7,8,9]", "[0.5,2,3]"), "f64[3] [7, 8, 27]");
  EXPECT_EQ(scatter("min", "u16", "[7,8,9]", "[5,6,10]"), "u16[3] [7, 5, 9]");
  EXPECT_EQ(scatter("max", "f32", "[7,8,-0]", "[1,nan,0]"), "f32[3] [7, nan, 0]");
  EXPECT_EQ(scatter("set", "bool", "[true,true,false]", "[true,false,true]"), "bool[3] [true, false, true]");
  EXPECT_EQ(scatter("max", "bool", "[true,false,false]", "[true,false,true]"), "bool[3] true");
}

TEST(InterpretScatter, AddRoundsToTheDtypeAtEachStep) {
  // 2048 + 1 ties to 2048 in f16, twice; a float sum rounded at the end would give 2050.
  EXPECT_EQ(scatter("add", "f16", "[0,2048,0]", "[1,1,1]"), "f16[3] [0, 2048, 1]");
  // 1e8 - 1e8 + 1 in this order: (1 + 1e8) - 1e8 is 0 in f32.
  EXPECT_EQ(scatter("add", "f32", "[0,1,0]", "[1e8,-1e8,1]"), "f32[3] [0, 0, 1]");
}

TEST(InterpretScatter, ElementsAlongAxis) {
  const std::string i =
      "%i = constant {value=[[1,0],[0,0]]} : i32[2,2]\n"
      "%u = constant {value=[[10,20],[30,40]]} : f32[2,2]\n";
  EXPECT_EQ(evaluate(kX32 + i + "%y = scatter_elements %x %i %u {axis=1, kind=\"add\"}"),
            "f32[3,2] [21, 12, 73, 4, 5, 6]");
}

TEST(InterpretScatter, Nd) {
  const std::string rows =
      "%i = constant {value=[[2],[2]]} : i64[2,1]\n"
      "%u = constant {value=[[10,20],[30,40]]} : f32[2,2]\n";
  EXPECT_EQ(evaluate(kX32 + rows + "%y = scatter_nd %x %i %u {kind=\"add\"}"),
            "f32[3,2] [1, 2, 3, 4, 45, 66]");
  EXPECT_EQ(evaluate(kX32 + rows + "%y = scatter_nd %x %i %u {kind=\"set\"}"),
            "f32[3,2] [1, 2, 3, 4, 30, 40]");
  const std::string full =
      "%i = constant {value=[[2,0],[0,1]]} : i64[2,2]\n"
      "%u = constant {value=[10,20]} : f32[2]\n";
  EXPECT_EQ(evaluate(kX32 + full + "%y = scatter_nd %x %i %u {kind=\"min\"}"), "f32[3,2] [1, 2, 3, 4, 5, 6]");
  EXPECT_EQ(evaluate(kX32 + full + "%y = scatter_nd %x %i %u {kind=\"max\"}"),
            "f32[3,2] [1, 20, 3, 4, 10, 6]");
}

TEST(InterpretScatter, Faults) {
  const std::string bad =
      "%i = constant {value=[[2],[-1]]} : i64[2,1]\n"
      "%u = constant {value=[[10,20],[30,40]]} : f32[2,2]\n";
  EXPECT_THAT(
      evaluate(kX32 + bad + "%y = scatter_nd %x %i %u {kind=\"add\"}"),
      testing::HasSubstr("out_of_range: scatter_nd: index -1 at [1,0] of the indices is outside axis 0 "
                         "of f32[3,2] (extent 3)"));
  const std::string i =
      "%i = constant {value=[[0,2]]} : i32[1,2]\n%u = constant {value=[[1,1]]} : f32[1,2]\n";
  EXPECT_THAT(evaluate(kX32 + i + "%y = scatter_elements %x %i %u {axis=1, kind=\"set\"}"),
              testing::HasSubstr("out_of_range: scatter_elements: index 2 at [0,1]"));
}

}  // namespace
}  // namespace leat::ir
