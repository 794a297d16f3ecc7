// gather, pad, concat and the dynamic slices on the emulated GPU.
#include "tests/cuda/emulated_op.h"

namespace leat::emulator {
namespace {

constexpr DType kSizes[] = {DType::bool_, DType::f16, DType::f32, DType::f64};

TEST(EmulatedGather, RunsOfAnyLength) {
  Random random(1);
  for (DType dtype : kSizes) {
    for (std::int64_t run : {1, 3, 4, 8, 16, 5}) {
      for (DType index : {DType::i64, DType::i32}) {
        const Type x{dtype, {3, 7, run}}, at{index, {2, 5}};
        OpCase c(Op::gather, {x, at}, {{Attr::axis, std::int64_t{1}}});
        c.inputs = {runtime::draw_array(dtype, 21 * run, ir::Domain::all, true, random),
                    draw_indices(index, 10, 0, 7, random)};
        expect_emulated(c);
      }
    }
  }
}

TEST(EmulatedGather, ManyElementsTakeSeveralRounds) {
  Random random(2);
  OpCase c(Op::gather, {{DType::f32, {100}}, {DType::i64, {40000}}}, {{Attr::axis, std::int64_t{0}}});
  c.inputs = {runtime::draw_array(DType::f32, 100, ir::Domain::all, true, random),
              draw_indices(DType::i64, 40000, 0, 100, random)};
  expect_emulated(c);
}

TEST(EmulatedGather, FaultsOutside) {
  Random random(3);
  const auto outside = [&](DType index, std::uint64_t bad, Shape x) {
    OpCase c(Op::gather, {{DType::f32, x}, {index, {50}}}, {{Attr::axis, std::int64_t{0}}});
    c.Draw(random);
    c.inputs[1] = draw_indices(index, 50, 0, 5, random);
    std::memcpy(c.inputs[1].data() + 33 * byte_size(index), &bad, byte_size(index));
    expect_emulated(c);
  };
  outside(DType::i64, 5, {5, 3});
  outside(DType::i64, ~std::uint64_t{0}, {5, 3});
  outside(DType::i64, std::uint64_t{1} << 32, {5});  // 0 in 32 bits
  outside(DType::i32, ~std::uint32_t{0}, {5});
  outside(DType::i32, 4, {5});  // inside, after all
  OpCase nothing(Op::gather, {{DType::f32, {0, 4}}, {DType::i64, {3}}}, {{Attr::axis, std::int64_t{0}}});
  nothing.inputs = {{}, draw_indices(DType::i64, 3, 0, 1, random)};
  expect_emulated(nothing);
  OpCase none(Op::gather, {{DType::f32, {0, 4}}, {DType::i64, {0}}}, {{Attr::axis, std::int64_t{0}}});
  none.Draw(random);
  expect_emulated(none);
}

TEST(EmulatedGatherElements, AnyAxis) {
  Random random(4);
  for (DType dtype : kSizes) {
    for (std::int64_t axis : {0, 1, 2}) {
      Shape at = {4, 5, 3};
      at[static_cast<std::size_t>(axis)] = 11;
      const Type x{dtype, {4, 6, 3}};
      OpCase c(Op::gather_elements, {x, {DType::i32, at}}, {{Attr::axis, axis}});
      c.Draw(random);
      c.inputs[1] =
          draw_indices(DType::i32, at.num_elements(), 0, x.shape[static_cast<std::size_t>(axis)], random);
      expect_emulated(c);
      c.inputs[1] = draw_indices(DType::i32, at.num_elements(), -1, 9, random);
      expect_emulated(c);
    }
  }
}

TEST(EmulatedGatherNd, BatchesDepthsAndRuns) {
  Random random(5);
  for (DType dtype : kSizes) {
    for (std::int64_t batch : {0, 1}) {
      for (std::int64_t depth : {1, 2, 3}) {
        if (batch + depth > 3) continue;
        Shape at = batch == 1 ? Shape{4, 7, depth} : Shape{7, 2, depth};
        OpCase c(Op::gather_nd, {{dtype, {4, 4, 4}}, {DType::i64, at}}, {{Attr::batch_dims, batch}});
        c.Draw(random);
        c.inputs[1] = draw_indices(DType::i64, at.num_elements(), 0, 4, random);
        expect_emulated(c);
        c.inputs[1] = draw_indices(DType::i64, at.num_elements(), -1, 4, random);
        expect_emulated(c);
      }
    }
  }
}

using Integers = std::vector<std::int64_t>;

TEST(EmulatedPad, EdgesHolesAndCrops) {
  Random random(6);
  for (DType dtype : kSizes) {
    const auto pad = [&](Shape x, Integers low, Integers high, Integers interior) {
      expect_emulated(OpCase(Op::pad, {{dtype, x}, {dtype, {}}},
                             {{Attr::low, low}, {Attr::high, high}, {Attr::interior, interior}})
                          .Draw(random));
    };
    pad({5}, {2}, {3}, {0});
    pad({5}, {-2}, {-1}, {2});
    pad({5}, {-7}, {9}, {1});
    pad({3, 4, 5}, {1, 0, -1}, {0, 2, 3}, {0, 1, 2});
    pad({0, 2}, {1, 1}, {1, 0}, {0, 0});
    pad({}, {}, {}, {});
    pad({2, 3}, {-2, 0}, {0, 0}, {0, 0});
  }
}

TEST(EmulatedConcat, FewAndMany) {
  Random random(7);
  for (DType dtype : kSizes) {
    const auto concat = [&](std::int64_t axis, std::vector<Shape> shapes) {
      std::vector<Type> types;
      for (const Shape& shape : shapes) types.push_back({dtype, shape});
      expect_emulated(OpCase(Op::concat, types, {{Attr::axis, axis}}).Draw(random));
    };
    concat(0, {{3}});
    concat(0, {{3, 4}, {1, 4}, {0, 4}, {8, 4}});
    concat(1, {{3, 4, 2}, {3, 5, 2}, {3, 1, 2}});
    concat(1, {{5, 16}, {5, 32}});
    concat(1, std::vector<Shape>(37, Shape{3, 2}));
  }
}

TEST(EmulatedDynamicSlice, StartsAreClamped) {
  Random random(8);
  for (DType dtype : kSizes) {
    for (DType index : {DType::i64, DType::i32}) {
      for (std::int64_t start : {0, 1, 2, 5, -3}) {
        Bytes at(byte_size(index));
        std::memcpy(at.data(), &start, at.size());
        OpCase slice(Op::dynamic_slice, {{dtype, {6, 7}}, {index, {}}, {index, {}}},
                     {{Attr::sizes, Integers{4, 3}}});
        slice.inputs = {runtime::draw_array(dtype, 42, ir::Domain::all, true, random), at, at};
        expect_emulated(slice);
        OpCase update(Op::dynamic_update_slice, {{dtype, {6, 7}}, {dtype, {4, 3}}, {index, {}}, {index, {}}},
                      {});
        update.inputs = {slice.inputs[0], runtime::draw_array(dtype, 12, ir::Domain::all, true, random), at,
                         at};
        expect_emulated(update);
      }
    }
    expect_emulated(OpCase(Op::dynamic_slice, {{dtype, {}}}, {{Attr::sizes, Integers{}}}).Draw(random));
    OpCase nothing(Op::dynamic_update_slice, {{dtype, {3}}, {dtype, {0}}, {DType::i64, {}}}, {});
    expect_emulated(nothing.Draw(random));
  }
}

TEST(EmulatedDynamicSlice, StartsOfSeveralDTypesHaveNoCode) {
  const OpCase c(Op::dynamic_slice, {{DType::f32, {6, 7}}, {DType::i64, {}}, {DType::i32, {}}},
                 {{Attr::sizes, Integers{4, 3}}});
  const auto plan = runtime::cuda::plan_op(*c.node(), c.operands, small_gpu());
  EXPECT_EQ(plan.status().message(), "dynamic_slice with starts of several dtypes has no code for a GPU");
}

}  // namespace
}  // namespace leat::emulator
