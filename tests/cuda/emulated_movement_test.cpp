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

// A 3-dimensional convolution's columns by plain loops; of fewer dimensions the first have one tap and place.
TEST(EmulatedIm2col, EveryTapReadsItsElement) {
  Random random(12);
  using Integers = std::vector<std::int64_t>;
  const auto check = [&](DType dtype, Integers x, Integers taps, Integers strides, Integers low,
                         Integers positions, Integers dilation) {
    runtime::cpu::ConvolutionDescriptor d;
    d.dtype = dtype;
    d.batch = 2;
    d.channels = 3;
    const std::size_t rank = x.size(), bytes = byte_size(dtype);
    d.input = x;
    d.kernel = taps;
    d.output = positions;
    d.strides = strides;
    d.low = low;
    d.dilation = dilation;
    const auto padded = [&](Integers of, std::int64_t with) {
      of.insert(of.begin(), 3 - rank, with);
      return of;
    };
    const Integers X = padded(x, 1), T = padded(taps, 1), S = padded(strides, 1), L = padded(low, 0),
                   P = padded(positions, 1), D = padded(dilation, 1);
    const auto in_bytes = static_cast<std::size_t>(6 * X[0] * X[1] * X[2]) * bytes;
    const Bytes in = runtime::draw_array(dtype, 6 * X[0] * X[1] * X[2], ir::Domain::all, true, random);
    Bytes want;
    for (std::int64_t plane = 0; plane < 6; ++plane) {
      for (std::int64_t t = 0; t < T[0] * T[1] * T[2]; ++t) {
        for (std::int64_t p = 0; p < P[0] * P[1] * P[2]; ++p) {
          const Integers tap = {t / (T[1] * T[2]), t / T[2] % T[1], t % T[2]};
          const Integers place = {p / (P[1] * P[2]), p / P[2] % P[1], p % P[2]};
          std::int64_t at = plane;
          bool inside = true;
          for (std::size_t s = 0; s < 3; ++s) {
            const std::int64_t index = place[s] * S[s] - L[s] + tap[s] * D[s];
            inside = inside && index >= 0 && index < X[s];
            at = at * X[s] + index;
          }
          const std::byte* const element = in.data() + at * static_cast<std::int64_t>(bytes);
          for (std::size_t k = 0; k < bytes; ++k) want.push_back(inside ? element[k] : std::byte{0});
        }
      }
    }
    std::vector<DeviceBytes> uses;
    uses.emplace_back(in_bytes);
    uses.emplace_back(want.size());
    std::memcpy(uses[0].data(), in.data(), in_bytes);
    run_plan(runtime::cuda::plan_im2col(d, small_gpu()), uses, "im2col");
    EXPECT_EQ(std::memcmp(uses[1].data(), want.data(), want.size()), 0);
  };
  for (const DType dtype : {DType::f16, DType::f32, DType::f64}) {
    check(dtype, {7, 9}, {3, 2}, {1, 1}, {0, 0}, {5, 8}, {1, 1});    // nothing beside x
    check(dtype, {7, 9}, {3, 3}, {1, 1}, {1, 1}, {7, 9}, {1, 1});    // all around
    check(dtype, {7, 40}, {2, 3}, {2, 3}, {0, 2}, {4, 14}, {3, 2});  // behind it, too
    check(dtype, {50}, {5}, {2}, {3}, {26}, {1});                    // one dimension
    check(dtype, {3, 4, 5}, {2, 2, 3}, {1, 2, 1}, {1, 0, 1}, {4, 2, 5}, {1, 1, 1});
  }
}

}  // namespace
}  // namespace leat::emulator
