// Machine code of row and column kernels against the fixed order of reductions, and random kernels.
#include "tests/compiler/codegen_case.h"

namespace leat::compiler {
namespace {

using ir::Op;
using runtime::draw_array;

class CodegenReductions : public ::testing::TestWithParam<Op> {};

TEST_P(CodegenReductions, AgreeWithTheOrder) {
  const ir::OpInfo& info = ir::op_info(GetParam());
  Random random(11);
  for (int t = 0; t < kDTypeCount; ++t) {
    const DType dtype = runtime::dtype_at(t);
    if (!ir::accepts(info.types, dtype)) continue;
    for (Pattern pattern : {Pattern::row_reduce, Pattern::column_reduce}) {
      for (std::int64_t n : {0, 1, 3, 63, 64, 65, 127, 130, 1000, 4095, 4096, 4097, 8192, 13000}) {
        KernelCase c;
        c.kernel.pattern = pattern;
        c.sizes = {n > 1000 ? 3 : 77, n};
        const bool specials = n % 2 == 1 && info.op != Op::reduce_sum && info.op != Op::reduce_prod;
        auto x =
            draw_array(dtype, c.sizes[0] * std::max<std::int64_t>(n, 1), ir::Domain::all, specials, random);
        c.AddInput(dtype, Level::element, std::move(x), 0, c.Dense(false));
        c.AddOutput(c.AddInstruction(info.op, dtype, Level::row, {0}));
        expect_exact(c, n == 130 || n == 13000 ? std::vector<int>{128, 256, 512} : std::vector<int>{256},
                     {c.sizes[0] / 3});
        if (HasFatalFailure()) return;
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(All, CodegenReductions,
                         ::testing::Values(Op::reduce_sum, Op::reduce_prod, Op::reduce_max, Op::reduce_min,
                                           Op::reduce_and, Op::reduce_or),
                         [](const auto& info) { return std::string(ir::name(info.param)); });

TEST(CodegenReduce, SoftmaxOverRowsAndColumns) {
  Random random(3);
  for (DType dtype : {DType::f32, DType::f64, DType::bf16, DType::f16}) {
    for (std::int64_t n : {0, 1, 7, 64, 500, 1024, 4096, 4097, 9000}) {
      const std::int64_t rows = n > 1000 ? 3 : 50;
      const std::vector<int> widths = n == 500 ? std::vector<int>{128, 256, 512} : std::vector<int>{256};
      expect_exact(runtime::softmax(Pattern::row_reduce, dtype, {rows, n}, random), widths, {1});
      expect_exact(runtime::softmax(Pattern::row_reduce, dtype, {2, rows, n}, random), widths, {rows + 1});
      expect_exact(runtime::softmax(Pattern::column_reduce, dtype, {rows, n}, random), widths, {1});
      expect_exact(
          runtime::softmax(Pattern::column_reduce, dtype, {600, std::min<std::int64_t>(n, 130)}, random),
          widths, {77, 100});
    }
  }
}

// The output lies where the input does: allowed, since they are the same elements at the same indices.
TEST(CodegenReduce, OutputsMayLieOnTheirInputs) {
  Random random(5);
  for (Pattern pattern : {Pattern::map, Pattern::row_reduce, Pattern::column_reduce}) {
    for (bool dear : {false, true}) {
      for (std::int64_t n : {5, 700, 6000}) {
        KernelCase c;
        c.kernel.pattern = pattern;
        c.sizes =
            pattern == Pattern::map ? std::vector<std::int64_t>{3 * n} : std::vector<std::int64_t>{3, n};
        const std::int64_t count = c.parallel() * c.reduced();
        c.AddInput(DType::f32, Level::element, draw_array(DType::f32, count, ir::Domain::unit, false, random),
                   0, c.Dense(false));
        std::uint16_t shift = 0;
        if (pattern != Pattern::map) shift = c.AddInstruction(Op::reduce_max, DType::f32, Level::row, {0});
        auto a = c.AddInstruction(Op::add, DType::f32, Level::element, {0, shift});
        if (dear) a = c.AddInstruction(Op::exp, DType::f32, Level::element, {a});
        std::uint16_t sum = a;
        if (pattern != Pattern::map) sum = c.AddInstruction(Op::reduce_sum, DType::f32, Level::row, {a});
        const auto b = c.AddInstruction(Op::mul, DType::f32, Level::element, {0, sum});
        const auto d = c.AddInstruction(Op::sub, DType::f32, Level::element, {b, a});
        c.AddOutput(a);
        c.AddOutput(d);
        KernelCase expected = c;
        run_slowly(expected);
        const auto code = cache_of(256).Get(c.kernel);
        ASSERT_TRUE(cache_of(256).CompileNow(code).ok());
        for (std::size_t on_input : {1u, 2u}) {
          KernelCase actual = c;
          const ir::KernelLaunch launch = actual.Launch();
          actual.pointers[on_input] = actual.pointers[0];
          code->function()(&launch, 0, c.parallel());
          const std::size_t other = 3 - on_input;
          EXPECT_EQ(runtime::first_difference(DType::f32, expected.buffers[on_input].data(),
                                              actual.buffers[0].data(), count),
                    -1);
          EXPECT_EQ(runtime::first_difference(DType::f32, expected.buffers[other].data(),
                                              actual.buffers[other].data(), count),
                    -1);
        }
      }
    }
  }
}

// As large as fusion makes them: 24 inputs, 64 ops (half of them transcendental), 5 dependent reductions.
TEST(CodegenReduce, TheLargestKernels) {
  for (Pattern pattern : {Pattern::row_reduce, Pattern::column_reduce}) {
    for (DType dtype : {DType::f32, DType::f64}) {
      Random random(8);
      KernelCase c;
      c.kernel.pattern = pattern;
      c.sizes = {21, 137};
      for (int k = 0; k < 24; ++k) {
        c.AddInput(dtype, Level::element, draw_array(dtype, 21 * 137, ir::Domain::unit, false, random), 0,
                   c.Dense(false));
      }
      constexpr Op kDear[] = {Op::tanh, Op::sin, Op::exp, Op::erf, Op::atan, Op::cos};
      std::uint16_t value = 0;
      for (std::uint16_t k = 1; k <= 64; ++k) {
        if (k % 13 == 0) {
          const auto sum = c.AddInstruction(Op::reduce_max, dtype, Level::row, {value});
          value = c.AddInstruction(Op::sub, dtype, Level::element, {value, sum});
        } else if (k % 2 == 0) {
          value = c.AddInstruction(kDear[k / 2 % 6], dtype, Level::element, {value});
        } else {
          value =
              c.AddInstruction(Op::add, dtype, Level::element, {value, static_cast<std::uint16_t>(k % 24)});
        }
      }
      c.AddOutput(value);
      c.AddOutput(c.AddInstruction(Op::reduce_sum, dtype, Level::row, {value}));
      expect_exact(c, {256}, {5});
    }
  }
}

TEST(CodegenReduce, RandomKernels) {
  constexpr int kWidths[] = {256, 128, 512};
  for (std::uint64_t seed = 0; seed < 250; ++seed) {
    Random random(seed);
    const KernelCase c = runtime::random_case(random);
    const std::int64_t n = c.parallel();
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_exact(c, {kWidths[seed % 3]}, {n / 3, n / 3 + (n - n / 3) / 2});
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace leat::compiler
