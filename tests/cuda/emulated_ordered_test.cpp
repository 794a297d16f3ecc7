// Windows, running reductions and arg-reductions on the emulated GPU.
#include "tests/cuda/all_of.h"
#include "tests/cuda/emulated_op.h"

namespace leat::emulator {
namespace {

using Integers = std::vector<std::int64_t>;

TEST(EmulatedWindow, KindsShapesAndPadding) {
  Random random(1);
  for (DType dtype : dtypes_of(Op::reduce_window)) {
    for (const char* kind : {"sum", "max", "min"}) {
      const auto pool = [&](Shape x, Integers window, Integers strides, Integers low, Integers high,
                            Integers dilation) {
        expect_emulated(OpCase(Op::reduce_window, {{dtype, x}},
                               {{Attr::kind, std::string(kind)},
                                {Attr::window, window},
                                {Attr::strides, strides},
                                {Attr::low, low},
                                {Attr::high, high},
                                {Attr::dilation, dilation}})
                            .Draw(random));
      };
      pool({20}, {3}, {1}, {1}, {1}, {1});
      pool({2, 3, 9, 8}, {1, 1, 3, 2}, {1, 1, 2, 2}, {0, 0, 1, 0}, {0, 0, 1, 1}, {1, 1, 1, 1});
      pool({7, 6}, {3, 2}, {2, 1}, {4, 0}, {4, 3}, {2, 3});  // some windows lie in the padding
      pool({4, 5}, {2, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1});
    }
  }
}

class EmulatedCumulative : public ::testing::TestWithParam<Op> {};

TEST_P(EmulatedCumulative, EveryDTypeAxisAndDirection) {
  Random random(2);
  for (DType dtype : dtypes_of(GetParam())) {
    for (const bool exclusive : {false, true}) {
      for (const bool backward : {false, true}) {
        const auto scan = [&](Shape x, std::int64_t axis) {
          expect_emulated(
              OpCase(GetParam(), {{dtype, x}},
                     {{Attr::axis, axis}, {Attr::exclusive, exclusive}, {Attr::backward, backward}})
                  .Draw(random, random() % 2 == 0));
        };
        scan({1}, 0);
        scan({100}, 0);
        scan({35, 33}, 1);
        scan({35, 33}, 0);
        scan({2, 9, 40}, 1);
        scan({3, 0}, 1);
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(All, EmulatedCumulative,
                         ::testing::Values(Op::cumulative_sum, Op::cumulative_prod, Op::cumulative_max,
                                           Op::cumulative_min),
                         [](const auto& info) { return std::string(ir::name(info.param)); });

TEST(EmulatedArgReduce, FirstExtremum) {
  Random random(3);
  for (Op op : {Op::arg_max, Op::arg_min}) {
    for (DType dtype : dtypes_of(op)) {
      for (const bool specials : {false, true}) {
        const auto arg = [&](Shape x, std::int64_t axis) {
          expect_emulated(OpCase(op, {{dtype, x}}, {{Attr::axis, axis}}).Draw(random, specials));
        };
        arg({1}, 0);
        arg({9, 3}, 1);
        arg({3, 700}, 1);
        arg({700, 3}, 0);
        arg({4, 5, 6}, 1);
      }
    }
  }
}

// Where every element is the least that a key can be, there still is a first one.
TEST(EmulatedArgReduce, ExtremesOfTheType) {
  for (Op op : {Op::arg_max, Op::arg_min}) {
    for (const std::byte fill : {std::byte{0}, std::byte{0xff}}) {
      for (DType dtype : {DType::u8, DType::u32, DType::u64, DType::i64}) {
        OpCase c(op, {{dtype, {2, 300}}}, {{Attr::axis, std::int64_t{1}}});
        c.inputs = {Bytes(600 * byte_size(dtype), fill)};
        expect_emulated(c);
      }
    }
  }
}

}  // namespace
}  // namespace leat::emulator
