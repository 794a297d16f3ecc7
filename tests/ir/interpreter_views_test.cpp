// Views, sources and data movement of the interpreter, against values worked out by hand.
#include <gtest/gtest.h>

#include "tests/ir/evaluate_text.h"

namespace leat::ir {
namespace {

constexpr const char* kX23 = "%x = constant {value=[[1,2,3],[4,5,6]]} : i32[2,3]\n";

std::string with_x(std::string_view line) { return evaluate(kX23 + std::string(line)); }

TEST(InterpretView, Reshape) {
  EXPECT_EQ(with_x("%y = reshape %x : i32[3,2]"), "i32[3,2] [1, 2, 3, 4, 5, 6]");
  EXPECT_EQ(evaluate("%x = constant {value=5} : f64[]\n%y = reshape %x : f64[1,1]"), "f64[1,1] [5]");
  EXPECT_EQ(evaluate("%x = constant {value=5} : f64[0,3]\n%y = reshape %x : f64[7,0]"), "f64[7,0] []");
}

TEST(InterpretView, Broadcast) {
  EXPECT_EQ(evaluate("%x = constant {value=[1,2]} : u8[2]\n%y = broadcast %x {dims=[0]} : u8[2,3]"),
            "u8[2,3] [1, 1, 1, 2, 2, 2]");
  EXPECT_EQ(evaluate("%x = constant {value=[1,2]} : u8[2]\n%y = broadcast %x {dims=[1]} : u8[2,2]"),
            "u8[2,2] [1, 2, 1, 2]");
  EXPECT_EQ(
      evaluate("%x = constant {value=[[1],[2]]} : f16[2,1]\n%y = broadcast %x {dims=[0,2]} : f16[2,2,2]"),
      "f16[2,2,2] [1, 1, 1, 1, 2, 2, 2, 2]");
  // dims need not ascend: operand dimension 0 becomes result dimension 1.
  EXPECT_EQ(evaluate(std::string(kX23) + "%y = broadcast %x {dims=[1,0]} : i32[3,2]"),
            "i32[3,2] [1, 4, 2, 5, 3, 6]");
  EXPECT_EQ(evaluate("%x = constant {value=true} : bool[]\n%y = broadcast %x {dims=[]} : bool[2]"),
            "bool[2] true");
  EXPECT_EQ(evaluate("%x = constant {value=1} : f32[1]\n%y = broadcast %x {dims=[0]} : f32[0]"), "f32[0] []");
}

TEST(InterpretView, Transpose) {
  EXPECT_EQ(with_x("%y = transpose %x {dims=[1,0]}"), "i32[3,2] [1, 4, 2, 5, 3, 6]");
  EXPECT_EQ(evaluate("%x = iota {axis=0} : i64[24]\n%r = reshape %x : i64[2,3,4]\n"
                     "%y = transpose %r {dims=[2,0,1]}"),
            "i64[4,2,3] [0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, "
            "23]");
  EXPECT_EQ(evaluate("%x = constant {value=3} : bf16[]\n%y = transpose %x {dims=[]}"), "bf16[] 3");
}

TEST(InterpretView, TransposeInTiles) {
  // 37 x 70 is not a multiple of a tile; element i of the operand is i.
  for (const std::string t : {"i16", "i32", "i64"}) {
    const StatusOr<Graph> graph =
        parse("%i = iota {axis=0} : " + t + "[7770]\n%x = reshape %i : " + t +
              "[3,37,70]\n%y = transpose %x {dims=[2,0,1]}\n%z = convert %y {dtype=i64}");
    const Array y = (*interpret(*graph, {}))[0];
    for (std::int64_t e = 0; e < 7770; ++e) {
      const std::int64_t a = e / 111, b = e / 37 % 3, c = e % 37;
      ASSERT_EQ(y.as<std::int64_t>()[e], (b * 37 + c) * 70 + a) << t;
    }
  }
}

TEST(InterpretView, Slice) {
  EXPECT_EQ(with_x("%y = slice %x {starts=[0,1], limits=[2,3], strides=[1,1]}"), "i32[2,2] [2, 3, 5, 6]");
  EXPECT_EQ(with_x("%y = slice %x {starts=[1,0], limits=[2,3], strides=[1,2]}"), "i32[1,2] [4, 6]");
  EXPECT_EQ(with_x("%y = slice %x {starts=[2,0], limits=[2,3], strides=[1,1]}"), "i32[0,3] []");
}

TEST(InterpretView, Reverse) {
  EXPECT_EQ(with_x("%y = reverse %x {dims=[1]}"), "i32[2,3] [3, 2, 1, 6, 5, 4]");
  EXPECT_EQ(with_x("%y = reverse %x {dims=[0,1]}"), "i32[2,3] [6, 5, 4, 3, 2, 1]");
  EXPECT_EQ(with_x("%y = reverse %x {dims=[]}"), "i32[2,3] [1, 2, 3, 4, 5, 6]");
}

TEST(InterpretSource, Iota) {
  EXPECT_EQ(evaluate("%y = iota {axis=0} : f32[2,2]"), "f32[2,2] [0, 0, 1, 1]");
  EXPECT_EQ(evaluate("%y = iota {axis=1} : i8[2,3]"), "i8[2,3] [0, 1, 2, 0, 1, 2]");
  // Converted as `convert` does: u8 wraps, bf16 rounds to nearest even (257 is a tie, to 256).
  EXPECT_EQ(evaluate("%i = iota {axis=0} : u8[258]\n%y = slice %i {starts=[255], limits=[258], strides=[1]}"),
            "u8[3] [255, 0, 1]");
  EXPECT_EQ(
      evaluate("%i = iota {axis=0} : bf16[260]\n%y = slice %i {starts=[256], limits=[260], strides=[1]}"),
      "bf16[4] [256, 256, 258, 260]");
}

TEST(InterpretSource, RandomBits) {
  // Elements 0, 64, 128, 192 are the words of block 0, element 1 is word 0 of block 1: the known answers of
  // Philox 4x32-10 for counter 0, key 0 are 6627e8d5 e169c58d bc57ac4c 9b00dbd8 (Random123's kat_vectors).
  const std::string_view text = "%k = constant {value=[0,0]} : u64[2]\n%r = random_bits %k : u32[193]\n";
  EXPECT_EQ(evaluate(std::string(text) + "%y = slice %r {starts=[0], limits=[193], strides=[64]}"),
            "u32[4] [1713891541, 3781805453, 3159862348, 2600524760]");
  const std::string_view wide = "%k = constant {value=[0,0]} : u64[2]\n%r = random_bits %k : u64[65]\n";
  EXPECT_EQ(evaluate(std::string(wide) + "%y = slice %r {starts=[0], limits=[65], strides=[64]}"),
            "u64[2] [16242730742183356629, 11169168799798111308]");
}

TEST(InterpretSource, RandomBitsContinuesAtOffset) {
  // 256 u32 use up 64 counters.
  const std::string text = "%k = constant {value=[5,100]} : u64[2]\n%r = random_bits %k : u32[512]\n";
  const std::string later = "%k = constant {value=[5,164]} : u64[2]\n%r = random_bits %k : u32[256]\n";
  EXPECT_EQ(evaluate(text + "%y = slice %r {starts=[256], limits=[512], strides=[1]}"), evaluate(later));
  // A result that is not a multiple of a group is a prefix.
  EXPECT_EQ(evaluate("%k = constant {value=[5,100]} : u64[2]\n%r = random_bits %k : u32[300]\n"),
            evaluate(text + "%y = slice %r {starts=[0], limits=[300], strides=[1]}"));
}

TEST(InterpretMovement, Pad) {
  const std::string head = std::string(kX23) + "%v = constant {value=9} : i32[]\n";
  EXPECT_EQ(evaluate(head + "%y = pad %x %v {low=[1,0], high=[0,1], interior=[0,0]}"),
            "i32[3,4] [9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6, 9]");
  EXPECT_EQ(evaluate(head + "%y = pad %x %v {low=[0,0], high=[0,0], interior=[1,1]}"),
            "i32[3,5] [1, 9, 2, 9, 3, 9, 9, 9, 9, 9, 4, 9, 5, 9, 6]");
  EXPECT_EQ(evaluate(head + "%y = pad %x %v {low=[0,-1], high=[0,-1], interior=[0,0]}"), "i32[2,1] [2, 5]");
  // Cropping comes after the interior padding: 1 9 2 9 3 without the first and the last is 9 2 9.
  EXPECT_EQ(evaluate(head + "%y = pad %x %v {low=[0,-1], high=[-1,-1], interior=[0,1]}"),
            "i32[1,3] [9, 2, 9]");
  EXPECT_EQ(evaluate(head + "%y = pad %x %v {low=[0,-5], high=[0,4], interior=[0,1]}"), "i32[2,4] 9");
  EXPECT_EQ(evaluate("%x = constant {value=1} : f32[0]\n%v = constant {value=2} : f32[]\n"
                     "%y = pad %x %v {low=[1], high=[2], interior=[3]}"),
            "f32[3] 2");
}

TEST(InterpretMovement, Concat) {
  EXPECT_EQ(with_x("%y = concat %x %x {axis=1}"), "i32[2,6] [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]");
  EXPECT_EQ(with_x("%e = constant {value=0} : i32[0,3]\n%y = concat %e %x %e {axis=0}"),
            "i32[2,3] [1, 2, 3, 4, 5, 6]");
}

TEST(InterpretMovement, ReorderPadsWithZerosAndBack) {
  const auto reorder = [](std::string_view layout) {
    return with_x("%y = reorder %x {layout=\"" + std::string(layout) + "\"}");
  };
  EXPECT_EQ(reorder("ab>aB2b"), "i32[2,2,2] [1, 2, 3, 0, 4, 5, 6, 0]");
  EXPECT_EQ(reorder("ab>aB1b"), "i32[2,3,1] [1, 2, 3, 4, 5, 6]");
  EXPECT_EQ(reorder("ab>bA4a"), "i32[3,1,4] [1, 4, 0, 0, 2, 5, 0, 0, 3, 6, 0, 0]");
  EXPECT_EQ(reorder("ab>ba"), "i32[3,2] [1, 4, 2, 5, 3, 6]");
  for (const std::string layout : {"aB2b", "aB8b", "BA2a2b", "ba", "Ab4a"}) {
    EXPECT_EQ(with_x("%r = reorder %x {layout=\"ab>" + layout + "\"}\n%y = reorder %r {layout=\"" + layout +
                     ">ab\"} : i32[2,3]"),
              "i32[2,3] [1, 2, 3, 4, 5, 6]");
  }
  EXPECT_EQ(evaluate("%x = constant {value=1} : f64[0,3]\n%y = reorder %x {layout=\"ab>aB2b\"}"),
            "f64[0,2,2] []");
}

TEST(InterpretMovement, DynamicSliceClamps) {
  const auto slice = [](std::string_view a, std::string_view b) {
    return with_x("%a = constant {value=" + std::string(a) + "} : i32[]\n%b = constant {value=" +
                  std::string(b) + "} : i64[]\n%y = dynamic_slice %x %a %b {sizes=[1,2]}");
  };
  EXPECT_EQ(slice("0", "0"), "i32[1,2] [1, 2]");
  EXPECT_EQ(slice("1", "1"), "i32[1,2] [5, 6]");
  EXPECT_EQ(slice("7", "-9"), "i32[1,2] [4, 5]");
  EXPECT_EQ(slice("-2147483648", "9223372036854775807"), "i32[1,2] [2, 3]");
}

TEST(InterpretMovement, DynamicUpdateSliceClamps) {
  const auto update = [](std::string_view a, std::string_view b) {
    return with_x("%u = constant {value=[[70],[80]]} : i32[2,1]\n%a = constant {value=" + std::string(a) +
                  "} : i64[]\n%b = constant {value=" + std::string(b) +
                  "} : i64[]\n%y = dynamic_update_slice %x %u %a %b");
  };
  EXPECT_EQ(update("0", "1"), "i32[2,3] [1, 70, 3, 4, 80, 6]");
  EXPECT_EQ(update("5", "5"), "i32[2,3] [1, 2, 70, 4, 5, 80]");
  EXPECT_EQ(update("-5", "-5"), "i32[2,3] [70, 2, 3, 80, 5, 6]");
}

}  // namespace
}  // namespace leat::ir
