// The rules that the frontend applies before it builds: promotion, implicit broadcast, checked sizes.
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "ir/inference.h"

namespace leat::ir {
namespace {

// As printed in ir/inference.h.
constexpr std::string_view kTable = R"(
bool bool i8   i16  i32  i64  u8   u16  u32  u64  f16  bf16 f32  f64
i8   i8   i8   i16  i32  i64  i16  i32  i64  !    f16  bf16 f32  f64
i16  i16  i16  i16  i32  i64  i16  i32  i64  !    f16  bf16 f32  f64
i32  i32  i32  i32  i32  i64  i32  i32  i64  !    f16  bf16 f32  f64
i64  i64  i64  i64  i64  i64  i64  i64  i64  !    f16  bf16 f32  f64
u8   u8   i16  i16  i32  i64  u8   u16  u32  u64  f16  bf16 f32  f64
u16  u16  i32  i32  i32  i64  u16  u16  u32  u64  f16  bf16 f32  f64
u32  u32  i64  i64  i64  i64  u32  u32  u32  u64  f16  bf16 f32  f64
u64  u64  !    !    !    !    u64  u64  u64  u64  f16  bf16 f32  f64
f16  f16  f16  f16  f16  f16  f16  f16  f16  f16  f16  f32  f32  f64
bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 f32  bf16 f32  f64
f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f64
f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64
)";

TEST(Promote, All169Pairs) {
  std::istringstream table{std::string(kTable)};
  int pairs = 0;
  for (int a = 0; a < kDTypeCount; ++a) {
    std::string row, want;
    table >> row;
    EXPECT_EQ(row, leat::name(static_cast<DType>(a)));
    for (int b = 0; b < kDTypeCount; ++b, ++pairs) {
      table >> want;
      const StatusOr<DType> got = promote(static_cast<DType>(a), static_cast<DType>(b));
      EXPECT_EQ(got.ok() ? leat::name(*got) : "!", want) << row << " with column " << b;
      const StatusOr<DType> swapped = promote(static_cast<DType>(b), static_cast<DType>(a));
      EXPECT_EQ(swapped.ok(), got.ok());
      if (got.ok() && swapped.ok()) {
        EXPECT_EQ(*swapped, *got);
      }
    }
  }
  EXPECT_EQ(pairs, 169);
  EXPECT_EQ(promote(DType::u64, DType::i32).status().message(),
            "u64 and i32 have no common dtype: convert one of them [C57]");
  EXPECT_EQ(promote(DType::u64, DType::i32).status().code(), Code::invalid_argument);
}

std::string broadcast(const Shape& a, const Shape& b) {
  const StatusOr<Shape> shape = broadcast_shapes(a, b);
  return shape.ok() ? shape->ToString() : shape.status().message();
}

TEST(BroadcastShapes, FromTheLastDimension) {
  constexpr std::int64_t n = symbol_dim(0), m = symbol_dim(1);
  EXPECT_EQ(broadcast({2, 3}, {2, 3}), "[2,3]");
  EXPECT_EQ(broadcast({}, {2, 3}), "[2,3]");
  EXPECT_EQ(broadcast({2, 1, 4}, {3, 1}), "[2,3,4]");
  EXPECT_EQ(broadcast({3, 1}, {2, 1, 4}), "[2,3,4]");
  EXPECT_EQ(broadcast({0}, {1}), "[0]");
  EXPECT_EQ(broadcast({n, 3}, {1, 3}), "[s0,3]");
  EXPECT_EQ(broadcast({n, 3}, {n, 1}), "[s0,3]");
  EXPECT_EQ(broadcast({2, 3}, {4}),
            "shapes [2,3] and [4] do not broadcast together (dimension 1: 3 against 4) [C56]");
  EXPECT_EQ(broadcast({4}, {2, 3}),
            "shapes [4] and [2,3] do not broadcast together (dimension 1: 4 against 3) [C56]");
  EXPECT_EQ(broadcast({0}, {2}),
            "shapes [0] and [2] do not broadcast together (dimension 0: 0 against 2) [C56]");
  EXPECT_EQ(broadcast({n}, {m}),
            "shapes [s0] and [s1] do not broadcast together (dimension 0: s0 against s1) [C56]");
}

TEST(CheckedArithmetic, RefusesWhatDoesNotFit) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(checked_mul(3, 4), 12);
  EXPECT_EQ(checked_mul(0, kMax), 0);
  EXPECT_EQ(checked_mul(kMax, 1), kMax);
  EXPECT_EQ(checked_mul(kMax, 2), std::nullopt);
  EXPECT_EQ(checked_mul(-1, 2), std::nullopt);
  EXPECT_EQ(checked_mul(2, -1), std::nullopt);
  EXPECT_EQ(checked_add(kMax, 0), kMax);
  EXPECT_EQ(checked_add(kMax, 1), std::nullopt);
  EXPECT_EQ(checked_add(-1, 5), std::nullopt);
}

}  // namespace
}  // namespace leat::ir
