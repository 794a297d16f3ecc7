// Ops along an axis: reductions, arg-reductions, running reductions, windows, sort and top-k.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "tests/ir/evaluate_text.h"

namespace leat::ir {
namespace {

/// One op on a constant: apply("[1,2]", "i32[2]", "neg", "").
std::string apply(std::string_view value, std::string_view type, std::string_view op,
                  std::string_view attrs) {
  return evaluate("%x = constant {value=" + std::string(value) + "} : " + std::string(type) +
                  "\n%y = " + std::string(op) + " %x {" + std::string(attrs) + "}");
}

TEST(InterpretReduce, SmallIntegers) {
  EXPECT_EQ(apply("[[1,2,3],[4,5,6]]", "i32[2,3]", "reduce_sum", "dims=[0]"), "i32[3] [5, 7, 9]");
  EXPECT_EQ(apply("[[1,2,3],[4,5,6]]", "i32[2,3]", "reduce_sum", "dims=[1]"), "i32[2] [6, 15]");
  EXPECT_EQ(apply("[[1,2,3],[4,5,6]]", "i32[2,3]", "reduce_prod", "dims=[0,1]"), "i32[] 720");
  EXPECT_EQ(apply("[[1,2,3],[4,5,6]]", "i32[2,3]", "reduce_sum", "dims=[1,0]"), "i32[] 21");
  EXPECT_EQ(apply("[[1,2,3],[4,5,6]]", "i32[2,3]", "reduce_max", "dims=[]"), "i32[2,3] [1, 2, 3, 4, 5, 6]");
  EXPECT_EQ(apply("[100,100]", "i8[2]", "reduce_sum", "dims=[0]"), "i8[] -56");
  EXPECT_EQ(apply("[true,false]", "bool[2]", "reduce_and", "dims=[0]"), "bool[] false");
  EXPECT_EQ(apply("[true,false]", "bool[2]", "reduce_or", "dims=[0]"), "bool[] true");
  EXPECT_EQ(apply("[12,10]", "u8[2]", "reduce_and", "dims=[0]"), "u8[] 8");
  // The first and the last dimension, with one between that is kept.
  EXPECT_EQ(evaluate("%i = iota {axis=0} : i64[24]\n%x = reshape %i : i64[2,3,4]\n"
                     "%y = reduce_sum %x {dims=[0,2]}"),
            "i64[3] [60, 92, 124]");
}

TEST(InterpretReduce, OverNothing) {
  EXPECT_EQ(apply("0", "f32[2,0]", "reduce_sum", "dims=[1]"), "f32[2] 0");
  EXPECT_EQ(apply("0", "f16[2,0]", "reduce_prod", "dims=[1]"), "f16[2] 1");
  EXPECT_EQ(apply("0", "f64[0]", "reduce_max", "dims=[0]"), "f64[] -inf");
  EXPECT_EQ(apply("0", "i8[0]", "reduce_max", "dims=[0]"), "i8[] -128");
  EXPECT_EQ(apply("0", "u16[0]", "reduce_min", "dims=[0]"), "u16[] 65535");
  EXPECT_EQ(apply("0", "i32[0]", "reduce_and", "dims=[0]"), "i32[] -1");
  EXPECT_EQ(apply("0", "f32[0,3]", "reduce_max", "dims=[1]"), "f32[0] []");
}

TEST(InterpretReduce, NanAndZeros) {
  EXPECT_EQ(apply("[1,nan,2]", "f32[3]", "reduce_max", "dims=[0]"), "f32[] nan");
  EXPECT_EQ(apply("[-0,0]", "f32[2]", "reduce_max", "dims=[0]"), "f32[] 0");
  EXPECT_EQ(apply("[0,-0]", "f64[2]", "reduce_min", "dims=[0]"), "f64[] -0");
  EXPECT_EQ(apply("[-0,-0]", "bf16[2]", "reduce_sum", "dims=[0]"), "bf16[] -0");
}

TEST(InterpretReduce, HalfAccumulatesInFloat) {
  // 2048 + 1 + 1: 2050, where f16 steps would stay at 2048.
  EXPECT_EQ(apply("[2048,1,1]", "f16[3]", "reduce_sum", "dims=[0]"), "f16[] 2050");
}

TEST(InterpretArgReduce, FirstExtremum) {
  EXPECT_EQ(apply("[[1,3,3],[6,5,6]]", "i32[2,3]", "arg_max", "axis=1"), "i64[2] [1, 0]");
  EXPECT_EQ(apply("[[1,3,3],[6,5,2]]", "i32[2,3]", "arg_max", "axis=0"), "i64[3] [1, 1, 0]");
  EXPECT_EQ(apply("[3,1,1]", "u8[3]", "arg_min", "axis=0"), "i64[] 1");
  EXPECT_EQ(apply("[1,nan,inf,nan]", "f32[4]", "arg_max", "axis=0"), "i64[] 1");
  EXPECT_EQ(apply("[1,nan,-inf,nan]", "f16[4]", "arg_min", "axis=0"), "i64[] 1");
  EXPECT_EQ(apply("[-0,0,0]", "f64[3]", "arg_max", "axis=0"), "i64[] 1");
  EXPECT_EQ(apply("[0,-0]", "bf16[2]", "arg_min", "axis=0"), "i64[] 1");
  EXPECT_EQ(apply("[false,true]", "bool[2]", "arg_max", "axis=0"), "i64[] 1");
  EXPECT_EQ(apply("0", "f32[0,2]", "arg_max", "axis=1"), "i64[0] []");
}

TEST(InterpretCumulative, DirectionsAndIdentities) {
  EXPECT_EQ(apply("[1,2,3]", "i32[3]", "cumulative_sum", "axis=0"), "i32[3] [1, 3, 6]");
  EXPECT_EQ(apply("[1,2,3]", "i32[3]", "cumulative_sum", "axis=0, exclusive=true"), "i32[3] [0, 1, 3]");
  EXPECT_EQ(apply("[1,2,3]", "i32[3]", "cumulative_sum", "axis=0, backward=true"), "i32[3] [6, 5, 3]");
  EXPECT_EQ(apply("[1,2,3]", "i32[3]", "cumulative_sum", "axis=0, exclusive=true, backward=true"),
            "i32[3] [5, 3, 0]");
  EXPECT_EQ(apply("[2,3,4]", "f32[3]", "cumulative_prod", "axis=0, exclusive=true"), "f32[3] [1, 2, 6]");
  EXPECT_EQ(apply("[2,1,4]", "f32[3]", "cumulative_max", "axis=0, exclusive=true"), "f32[3] [-inf, 2, 2]");
  EXPECT_EQ(apply("[2,1,4]", "u8[3]", "cumulative_min", "axis=0, exclusive=true"), "u8[3] [255, 2, 1]");
  EXPECT_EQ(apply("[false,true,false]", "bool[3]", "cumulative_max", "axis=0"),
            "bool[3] [false, true, true]");
  EXPECT_EQ(apply("[1,nan,5]", "f64[3]", "cumulative_max", "axis=0"), "f64[3] [1, nan, nan]");
  EXPECT_EQ(apply("[100,100]", "i8[2]", "cumulative_sum", "axis=0"), "i8[2] [100, -56]");
}

TEST(InterpretCumulative, AnyAxis) {
  EXPECT_EQ(apply("[[1,2,3],[4,5,6]]", "i64[2,3]", "cumulative_sum", "axis=0"),
            "i64[2,3] [1, 2, 3, 5, 7, 9]");
  EXPECT_EQ(apply("[[1,2,3],[4,5,6]]", "i64[2,3]", "cumulative_sum", "axis=1"),
            "i64[2,3] [1, 3, 6, 4, 9, 15]");
  EXPECT_EQ(apply("0", "f32[2,0]", "cumulative_sum", "axis=1"), "f32[2,0] []");
}

TEST(InterpretCumulative, StartsAsTheFirstElement) {
  EXPECT_EQ(apply("[-0,-0]", "f32[2]", "cumulative_sum", "axis=0"), "f32[2] -0");
}

TEST(InterpretCumulative, HalfKeepsAFloat) {
  EXPECT_EQ(apply("[2048,1,1]", "f16[3]", "cumulative_sum", "axis=0"), "f16[3] [2048, 2048, 2050]");
}

TEST(InterpretWindow, OneDimension) {
  const std::string plain = "window=[2], strides=[1], low=[0], high=[0], dilation=[1]";
  EXPECT_EQ(apply("[1,2,3,4]", "i32[4]", "reduce_window", "kind=\"sum\", " + plain), "i32[3] [3, 5, 7]");
  EXPECT_EQ(apply("[1,4,3,2]", "f32[4]", "reduce_window", "kind=\"max\", " + plain), "f32[3] [4, 4, 3]");
  EXPECT_EQ(apply("[1,4,3,2]", "u8[4]", "reduce_window", "kind=\"min\", " + plain), "u8[3] [1, 3, 2]");
  const std::string strided = "window=[2], strides=[2], low=[1], high=[0], dilation=[2]";
  // Windows start at -1 and 1 and take every other place: {1?}: (-1, 1), (1, 3).
  EXPECT_EQ(apply("[1,2,3,4]", "i32[4]", "reduce_window", "kind=\"sum\", " + strided), "i32[2] [2, 6]");
}

TEST(InterpretWindow, PaddingIsSkipped) {
  const std::string all = "window=[2], strides=[2], low=[2], high=[2], dilation=[1]";
  EXPECT_EQ(apply("[5,6]", "i32[2]", "reduce_window", "kind=\"sum\", " + all), "i32[3] [0, 11, 0]");
  EXPECT_EQ(apply("[-5,-6]", "f32[2]", "reduce_window", "kind=\"max\", " + all), "f32[3] [-inf, -5, -inf]");
  EXPECT_EQ(apply("[5,6]", "i8[2]", "reduce_window", "kind=\"min\", " + all), "i8[3] [127, 5, 127]");
  EXPECT_EQ(apply("[-0,-0]", "f32[2]", "reduce_window", "kind=\"sum\", " + all), "f32[3] [0, -0, 0]");
}

TEST(InterpretWindow, TwoDimensionsInRowMajorOrder) {
  const std::string w =
      "kind=\"sum\", window=[1,2,2], strides=[1,1,1], low=[0,0,0], high=[0,0,0], "
      "dilation=[1,1,1]";
  EXPECT_EQ(apply("[[[1,2,3],[4,5,6]],[[10,20,30],[40,50,60]]]", "f64[2,2,3]", "reduce_window", w),
            "f64[2,1,2] [12, 16, 120, 160]");
  // ((1e8 + 1) - 1e8) + 1 = 1 in f32; any other order of these four gives 2 or 0.
  const std::string one = "kind=\"sum\", window=[2,2], strides=[1,1], low=[0,0], high=[0,0], dilation=[1,1]";
  EXPECT_EQ(apply("[[1e8,1],[-1e8,1]]", "f32[2,2]", "reduce_window", one), "f32[1,1] [1]");
}

TEST(InterpretSort, StableAndNanLast) {
  const auto sort = [](std::string_view value, std::string_view type, std::string_view attrs) {
    return evaluate("%x = constant {value=" + std::string(value) + "} : " + std::string(type) +
                    "[6]\n%i = iota {axis=0} : i32[6]\n%y:2 = sort %x %i {" + std::string(attrs) +
                    "}\nreturn %y#0, %y#1");
  };
  EXPECT_EQ(sort("[3,1,2,1,3,0]", "i32", "axis=0"), "i32[6] [0, 1, 1, 2, 3, 3]; i32[6] [5, 1, 3, 2, 0, 4]");
  EXPECT_EQ(sort("[3,1,2,1,3,0]", "u64", "axis=0, descending=true"),
            "u64[6] [3, 3, 2, 1, 1, 0]; i32[6] [0, 4, 2, 1, 3, 5]");
  EXPECT_EQ(sort("[nan,1,0,-inf,-0,nan]", "f32", "axis=0"),
            "f32[6] [-inf, -0, 0, 1, nan, nan]; i32[6] [3, 4, 2, 1, 0, 5]");
  EXPECT_EQ(sort("[nan,1,0,inf,-0,nan]", "f16", "axis=0, descending=true"),
            "f16[6] [inf, 1, 0, -0, nan, nan]; i32[6] [3, 1, 2, 4, 0, 5]");
  EXPECT_EQ(sort("[-1,127,-128,0,1,-1]", "i8", "axis=0"),
            "i8[6] [-128, -1, -1, 0, 1, 127]; i32[6] [2, 0, 5, 3, 4, 1]");
  EXPECT_EQ(sort("[true,false,true,false,true,false]", "bool", "axis=0"),
            "bool[6] [false, false, false, true, true, true]; i32[6] [1, 3, 5, 0, 2, 4]");
}

TEST(InterpretSort, ExtremesOfSixtyFourBits) {
  EXPECT_EQ(apply("[9223372036854775807,-9223372036854775808,0]", "i64[3]", "sort", "axis=0"),
            "i64[3] [-9223372036854775808, 0, 9223372036854775807]");
  EXPECT_EQ(apply("[0,18446744073709551615]", "u64[2]", "sort", "axis=0, descending=true"),
            "u64[2] [18446744073709551615, 0]");
  EXPECT_EQ(apply("[nan,inf,-inf]", "f64[3]", "sort", "axis=0, descending=true"), "f64[3] [inf, -inf, nan]");
}

TEST(InterpretSort, AlongAMiddleAxis) {
  EXPECT_EQ(apply("[[[3,1],[2,5]],[[1,1],[0,0]]]", "f64[2,2,2]", "sort", "axis=1"),
            "f64[2,2,2] [2, 1, 3, 5, 0, 0, 1, 1]");
  EXPECT_EQ(apply("0", "f64[2,0]", "sort", "axis=0"), "f64[2,0] []");
  EXPECT_EQ(apply("0", "f64[0,2]", "sort", "axis=0"), "f64[0,2] []");
}

TEST(InterpretTopK, TiesAndNan) {
  const auto top = [](std::string_view value, std::string_view type, std::string_view attrs) {
    return evaluate("%x = constant {value=" + std::string(value) + "} : " + std::string(type) +
                    "\n%y:2 = top_k %x {" + std::string(attrs) + "}\nreturn %y#0, %y#1");
  };
  EXPECT_EQ(top("[1,3,2,3]", "i32[4]", "k=3"), "i32[3] [3, 3, 2]; i64[3] [1, 3, 2]");
  EXPECT_EQ(top("[1,3,1,3]", "u8[4]", "k=3, least=true"), "u8[3] [1, 1, 3]; i64[3] [0, 2, 1]");
  EXPECT_EQ(top("[[1,nan],[inf,nan]]", "f32[2,2]", "k=1"), "f32[2,1] nan; i64[2,1] 1");
  EXPECT_EQ(top("[[1,nan],[-inf,nan]]", "f64[2,2]", "k=2, least=true"),
            "f64[2,2] [nan, 1, nan, -inf]; i64[2,2] [1, 0, 1, 0]");
  EXPECT_EQ(top("[-0,0]", "f32[2]", "k=2"), "f32[2] [0, -0]; i64[2] [1, 0]");
  EXPECT_EQ(top("[1,2]", "f32[2]", "k=0"), "f32[0] []; i64[0] []");
}

// Naive formulations, in another shape than the interpreter's, on random data.
TEST(InterpretOrdered, AgreesWithNaiveFormulations) {
  std::mt19937 random(7);
  constexpr std::int64_t kOuter = 3, kExtent = 70, kInner = 4;
  std::vector<float> x(kOuter * kExtent * kInner);
  for (float& v : x) v = static_cast<float>(static_cast<int>(random() % 41) - 20);
  const Array input = array_of<float>({kOuter, kExtent, kInner}, x);
  const auto run = [&](const std::string& line) {
    const StatusOr<Graph> graph = parse("%x: f32[3,70,4]\n%y = " + line);
    return (*interpret(*graph, {{input}}))[0];
  };
  const Array sorted = run("sort %x {axis=1}"), scanned = run("cumulative_sum %x {axis=1}"),
              first = run("arg_max %x {axis=1}");
  for (std::int64_t o = 0; o < kOuter; ++o) {
    for (std::int64_t i = 0; i < kInner; ++i) {
      const auto at = [&](std::int64_t k) { return (o * kExtent + k) * kInner + i; };
      std::vector<float> line;
      for (std::int64_t k = 0; k < kExtent; ++k) line.push_back(x[at(k)]);
      const auto top = std::max_element(line.begin(), line.end()) - line.begin();
      EXPECT_EQ(first.as<std::int64_t>()[o * kInner + i], top);
      float sum = 0;
      for (std::int64_t k = 0; k < kExtent; ++k) {
        sum += line[k];
        EXPECT_EQ(scanned.as<float>()[at(k)], sum);
      }
      std::sort(line.begin(), line.end());
      for (std::int64_t k = 0; k < kExtent; ++k) EXPECT_EQ(sorted.as<float>()[at(k)], line[k]);
    }
  }
}

}  // namespace
}  // namespace leat::ir
