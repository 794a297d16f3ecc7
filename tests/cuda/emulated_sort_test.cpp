// sort, top_k and scatter on the emulated GPU.
#include "tests/cuda/all_of.h"
#include "tests/cuda/emulated_op.h"

namespace leat::emulator {
namespace {

class EmulatedSort : public ::testing::TestWithParam<DType> {};

TEST_P(EmulatedSort, ShortAndLongLines) {
  Random random(1);
  for (const bool descending : {false, true}) {
    const auto sort = [&](Shape x, std::int64_t axis) {
      expect_emulated(OpCase(Op::sort, {{GetParam(), x}, {DType::i32, x}},
                             {{Attr::axis, axis}, {Attr::descending, descending}})
                          .Draw(random));
    };
    sort({1}, 0);
    sort({5, 7}, 1);
    sort({7, 5}, 0);
    sort({3, 40, 2}, 1);
    sort({1030}, 0);
    sort({2, 2500}, 1);
  }
}

TEST_P(EmulatedSort, TopKOfShortAndLongLines) {
  Random random(2);
  for (const bool least : {false, true}) {
    const auto top = [&](Shape x, std::int64_t k) {
      expect_emulated(
          OpCase(Op::top_k, {{GetParam(), x}}, {{Attr::k, k}, {Attr::least, least}}).Draw(random));
    };
    top({1}, 1);
    top({4, 9}, 3);
    top({4, 9}, 9);
    top({2, 3500}, 5);
    top({2100}, 1500);
  }
}
INSTANTIATE_TEST_SUITE_P(All, EmulatedSort, ::testing::ValuesIn(all_dtypes()),
                         [](const auto& info) { return std::string(name(info.param)); });

TEST(EmulatedSort, TiesAndExtremesOfTheType) {
  Random random(3);
  for (const std::byte fill : {std::byte{0}, std::byte{0xff}}) {
    for (DType dtype : {DType::u8, DType::u32, DType::u64, DType::i64}) {
      OpCase c(Op::sort, {{dtype, {1500}}, {DType::i16, {1500}}}, {{Attr::axis, std::int64_t{0}}});
      c.inputs = {Bytes(1500 * byte_size(dtype), fill)};
      expect_emulated(c.Draw(random));
    }
  }
}

class EmulatedScatter : public ::testing::TestWithParam<DType> {};

TEST_P(EmulatedScatter, CombinesInOrder) {
  Random random(4);
  for (const std::string kind : {"set", "min", "max", "add", "mul"}) {
    if (GetParam() == DType::bool_ && (kind == "add" || kind == "mul")) continue;
    const auto elements = [&](Shape x, std::int64_t axis, Shape updates, std::int64_t low) {
      OpCase c(Op::scatter_elements, {{GetParam(), x}, {DType::i32, updates}, {GetParam(), updates}},
               {{Attr::axis, axis}, {Attr::kind, kind}});
      c.inputs = {
          runtime::draw_array(GetParam(), x.num_elements(), ir::Domain::all, false, random),
          draw_indices(DType::i32, updates.num_elements(), low, x[static_cast<std::size_t>(axis)], random)};
      expect_emulated(c.Draw(random, false));
    };
    elements({10}, 0, {200}, 0);
    elements({4, 5}, 1, {3, 30}, 0);
    elements({4, 5}, 0, {7, 5}, 0);
    elements({4, 5}, 0, {7, 5}, -1);
    elements({6}, 0, {0}, 0);
    const auto slices = [&](Shape x, Shape indices, Shape updates, std::int64_t high) {
      OpCase c(Op::scatter_nd, {{GetParam(), x}, {DType::i64, indices}, {GetParam(), updates}},
               {{Attr::kind, kind}});
      c.inputs = {runtime::draw_array(GetParam(), x.num_elements(), ir::Domain::all, false, random),
                  draw_indices(DType::i64, indices.num_elements(), 0, high, random)};
      expect_emulated(c.Draw(random, false));
    };
    slices({5, 3}, {40, 1}, {40, 3}, 5);
    slices({3, 3, 2}, {4, 5, 2}, {4, 5, 2}, 3);
    slices({3, 3}, {50, 2}, {50}, 3);
    slices({3, 3}, {20, 2}, {20}, 4);
  }
}
INSTANTIATE_TEST_SUITE_P(All, EmulatedScatter, ::testing::ValuesIn(all_dtypes()),
                         [](const auto& info) { return std::string(name(info.param)); });

// More updates than a block sorts.
TEST(EmulatedScatter, ManyUpdates) {
  Random random(5);
  OpCase c(Op::scatter_elements, {{DType::f32, {50}}, {DType::i64, {3000}}, {DType::f32, {3000}}},
           {{Attr::axis, std::int64_t{0}}, {Attr::kind, std::string("add")}});
  c.inputs = {runtime::draw_array(DType::f32, 50, ir::Domain::all, false, random),
              draw_indices(DType::i64, 3000, 0, 50, random)};
  expect_emulated(c.Draw(random, false));
}

}  // namespace
}  // namespace leat::emulator
