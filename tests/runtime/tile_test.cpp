#include "runtime/cpu/tile.h"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "runtime/cpu/tile_loops.h"
#include "tests/runtime/kernel_case.h"
#include "tests/runtime/random_kernel.h"

namespace leat::runtime {
namespace {

using cpu::TileLoops;
using ir::Family;
using ir::Kernel;
using ir::Op;
using Level = Kernel::Level;
using Pattern = Kernel::Pattern;

std::vector<const TileLoops*> all_loops() {
  std::vector<const TileLoops*> loops = {&cpu::baseline_tile_loops()};
  if (cpu::avx2_tile_loops() != nullptr) loops.push_back(cpu::avx2_tile_loops());
  if (cpu::avx512_tile_loops() != nullptr) loops.push_back(cpu::avx512_tile_loops());
  return loops;
}

// Every elementwise row of ops.def, every dtype that it takes, every instruction set: the loops' bits are
// those of meaning::apply_elementwise.
class ElementwiseLoops : public ::testing::TestWithParam<Op> {};

TEST_P(ElementwiseLoops, AgreeWithTheMeaning) {
  const ir::OpInfo& info = ir::op_info(GetParam());
  const bool predicate = info.family == Family::compare || info.family == Family::classify;
  const int operand_count = ir::operand_count(info.op);
  constexpr std::int64_t kCount = 333;
  Random random(7);
  for (int from = 0; from < kDTypeCount; ++from) {
    for (int to = 0; to < kDTypeCount; ++to) {
      const DType operand = dtype_at(from), result = dtype_at(to);
      const bool convert = info.family == Family::convert;
      if (!convert && result != (predicate ? DType::bool_ : operand)) continue;
      if (!convert && !ir::accepts(info.types, operand)) continue;
      if (info.op == Op::bitcast && byte_size(operand) != byte_size(result)) continue;
      for (bool specials : {false, true}) {
        std::vector<std::vector<std::byte>> operands;
        const void* pointers[3] = {};
        for (int k = 0; k < operand_count; ++k) {
          const DType dtype = info.op == Op::select && k == 0 ? DType::bool_ : operand;
          operands.push_back(draw_array(dtype, kCount, info.domain, specials, random));
        }
        for (std::size_t k = 0; k < operands.size(); ++k) pointers[k] = operands[k].data();
        std::vector<std::byte> expected(kCount * byte_size(result));
        bool fault = false;
        ASSERT_TRUE(
            meaning::apply_elementwise(info.op, operand, result, pointers, expected.data(), kCount, &fault));
        for (const TileLoops* loops : all_loops()) {
          const auto loop = info.op == Op::convert   ? (*loops->convert)[from][to]
                            : info.op == Op::bitcast ? (*loops->bitcast)[from][to]
                                                     : loops->Elementwise(info.op, operand);
          ASSERT_NE(loop, nullptr) << info.name << " " << name(operand) << " " << loops->instruction_set;
          std::vector<std::byte> actual(expected.size());
          std::uint32_t flag = 0;
          loop(actual.data(), pointers, kCount, &flag);
          const std::int64_t at = first_difference(result, expected.data(), actual.data(), kCount);
          EXPECT_EQ(at, -1) << info.name << " " << name(operand) << " -> " << name(result) << " "
                            << loops->instruction_set;
          EXPECT_EQ(flag != 0, fault) << info.name << " " << name(operand);
        }
      }
    }
  }
}

std::vector<Op> elementwise_ops() {
  std::vector<Op> ops;
  for (const ir::OpInfo& info : ir::all_ops()) {
    if (info.elementwise()) ops.push_back(info.op);
  }
  return ops;
}
INSTANTIATE_TEST_SUITE_P(Tile, ElementwiseLoops, ::testing::ValuesIn(elementwise_ops()),
                         [](const auto& info) { return std::string(ir::name(info.param)); });

/// Runs `c` in ranges split at `cuts` and compares every buffer and flag with the slow way.
void expect_exact(const KernelCase& c, const TileLoops& loops, std::vector<std::int64_t> cuts) {
  ASSERT_EQ(ir::check(c.kernel), "") << ir::print(c.kernel);
  KernelCase expected = c, actual = c;
  run_slowly(expected);
  const ir::KernelLaunch launch = actual.Launch();
  cuts.push_back(c.parallel());
  std::int64_t begin = 0;
  for (std::int64_t end : cuts) {
    cpu::run_tiles(loops, actual.kernel, launch, begin, end);
    begin = end;
  }
  std::string sizes;
  for (std::int64_t n : c.sizes) sizes += " " + std::to_string(n);
  for (const Kernel::Output& output : c.kernel.outputs) {
    const DType dtype = c.kernel.dtype(output.value);
    const auto& want = expected.buffers[output.slot];
    const std::int64_t count = static_cast<std::int64_t>(want.size() / byte_size(dtype));
    EXPECT_EQ(first_difference(dtype, want.data(), actual.buffers[output.slot].data(), count), -1)
        << loops.instruction_set << " %" << output.value << " sizes" << sizes << "\n"
        << ir::print(c.kernel);
  }
  EXPECT_EQ(expected.faults, actual.faults) << ir::print(c.kernel);
}

// Every reduction, every dtype, sizes around the lanes, the blocks and the chunks.
class Reductions : public ::testing::TestWithParam<Op> {};

TEST_P(Reductions, AgreeWithTheOrder) {
  const ir::OpInfo& info = ir::op_info(GetParam());
  Random random(11);
  for (int t = 0; t < kDTypeCount; ++t) {
    const DType dtype = dtype_at(t);
    if (!ir::accepts(info.types, dtype)) continue;
    for (Pattern pattern : {Pattern::row_reduce, Pattern::column_reduce}) {
      for (std::int64_t n : {0, 1, 3, 63, 64, 65, 127, 130, 1000, 4095, 4096, 4097, 8192, 13000}) {
        KernelCase c;
        c.kernel.pattern = pattern;
        c.sizes = {n > 1000 ? 3 : 37, n};
        const bool specials = n % 2 == 1 && info.op != Op::reduce_sum && info.op != Op::reduce_prod;
        auto x =
            draw_array(dtype, c.sizes[0] * std::max<std::int64_t>(n, 1), ir::Domain::all, specials, random);
        c.AddInput(dtype, Level::element, std::move(x), 0, c.Dense(false));
        c.AddOutput(c.AddInstruction(info.op, dtype, Level::row, {0}));
        for (const TileLoops* loops : all_loops()) expect_exact(c, *loops, {c.sizes[0] / 3});
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Tile, Reductions,
                         ::testing::Values(Op::reduce_sum, Op::reduce_prod, Op::reduce_max, Op::reduce_min,
                                           Op::reduce_and, Op::reduce_or),
                         [](const auto& info) { return std::string(ir::name(info.param)); });

TEST(Tile, SoftmaxInOnePassAndInMany) {
  Random random(3);
  for (DType dtype : {DType::f32, DType::f64, DType::bf16, DType::f16}) {
    for (std::int64_t n : {1, 7, 64, 500, 1024, 4096, 4097, 9000}) {
      const std::int64_t rows = n > 1000 ? 3 : 50;
      for (const TileLoops* loops : all_loops()) {
        expect_exact(softmax(Pattern::row_reduce, dtype, {rows, n}, random), *loops, {1});
        expect_exact(softmax(Pattern::row_reduce, dtype, {1, rows, n}, random), *loops, {});
        expect_exact(softmax(Pattern::column_reduce, dtype, {rows, n}, random), *loops, {1});
        if (n > 500) continue;  // the same 130 columns again
        expect_exact(softmax(Pattern::column_reduce, dtype, {600, std::min<std::int64_t>(n, 130)}, random),
                     *loops, {77, 100});
      }
    }
  }
}

// The output lies where the input does: allowed, since they are the same elements at the same indices.
TEST(Tile, OutputsMayLieOnTheirInputs) {
  Random random(5);
  for (Pattern pattern : {Pattern::map, Pattern::row_reduce, Pattern::column_reduce}) {
    for (std::int64_t n : {5, 700, 6000}) {
      KernelCase c;
      c.kernel.pattern = pattern;
      c.sizes = pattern == Pattern::map ? std::vector<std::int64_t>{3 * n} : std::vector<std::int64_t>{3, n};
      const std::int64_t count = c.parallel() * c.reduced();
      c.AddInput(DType::f32, Level::element, draw_array(DType::f32, count, ir::Domain::all, false, random), 0,
                 c.Dense(false));
      std::uint16_t shift = 0;
      if (pattern != Pattern::map) shift = c.AddInstruction(Op::reduce_max, DType::f32, Level::row, {0});
      const auto a = c.AddInstruction(Op::add, DType::f32, Level::element, {0, shift});
      std::uint16_t sum = a;
      if (pattern != Pattern::map) sum = c.AddInstruction(Op::reduce_sum, DType::f32, Level::row, {a});
      const auto b = c.AddInstruction(Op::mul, DType::f32, Level::element, {0, sum});
      c.AddOutput(a);
      c.AddOutput(b);
      KernelCase expected = c;
      run_slowly(expected);
      for (const TileLoops* loops : all_loops()) {
        for (std::size_t on_input : {1u, 2u}) {
          KernelCase actual = c;
          const ir::KernelLaunch launch = actual.Launch();
          actual.pointers[on_input] = actual.pointers[0];
          cpu::run_tiles(*loops, actual.kernel, launch, 0, c.parallel());
          const std::size_t other = 3 - on_input;
          EXPECT_EQ(first_difference(DType::f32, expected.buffers[on_input].data(), actual.buffers[0].data(),
                                     count),
                    -1);
          EXPECT_EQ(first_difference(DType::f32, expected.buffers[other].data(), actual.buffers[other].data(),
                                     count),
                    -1);
        }
      }
    }
  }
}

TEST(Tile, DivisionByZeroSetsItsFlagOnly) {
  Random random(1);
  KernelCase c;
  c.sizes = {1000};
  std::vector<std::int32_t> divisor(1000, 3);
  divisor[777] = 0;
  std::vector<std::byte> bytes(4000);
  std::memcpy(bytes.data(), divisor.data(), 4000);
  c.AddInput(DType::i32, Level::element, draw_array(DType::i32, 1000, ir::Domain::all, false, random), 0,
             {1});
  c.AddInput(DType::i32, Level::element, bytes, 0, {1});
  c.AddScalar(DType::i32, 7, Level::element);
  const auto faulty = c.AddInstruction(Op::div, DType::i32, Level::element, {0, 1});
  c.AddOutput(faulty);
  c.AddOutput(c.AddInstruction(Op::rem, DType::i32, Level::element, {0, 2}));
  for (const TileLoops* loops : all_loops()) {
    expect_exact(c, *loops, {});
    const ir::KernelLaunch launch = c.Launch();
    cpu::run_tiles(*loops, c.kernel, launch, 0, 777);
    EXPECT_EQ(c.faults, (std::vector<std::uint32_t>{0, 0}));
    cpu::run_tiles(*loops, c.kernel, launch, 777, 778);
    EXPECT_EQ(c.faults, (std::vector<std::uint32_t>{1, 0}));
  }
}

TEST(Tile, RandomBitsFollowTheLinearIndex) {
  KernelCase c;
  c.kernel.parallel_rank = 2;
  c.sizes = {3, 401};
  c.kernel.inputs.push_back({.kind = Kernel::Input::Kind::index, .dtype = DType::i64});
  c.kernel.inputs[0].access = c.Access(5, {401, 1});
  c.AddScalar(DType::u64, 0x123456789abcdefull, Level::element);
  c.AddScalar(DType::u64, 99, Level::element);
  c.AddOutput(c.AddInstruction(Op::random_bits, DType::u32, Level::element, {1, 2, 0}));
  c.AddOutput(c.AddInstruction(Op::random_bits, DType::u64, Level::element, {1, 2, 0}));
  for (const TileLoops* loops : all_loops()) expect_exact(c, *loops, {17, 600});
}

TEST(Tile, RandomKernels) {
  const std::vector<const TileLoops*> loops = all_loops();
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    Random random(seed);
    const KernelCase c = random_case(random);
    const std::int64_t n = c.parallel();
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_exact(c, *loops[seed % loops.size()], {n / 3, n / 3 + (n - n / 3) / 2});
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Tile, CostFollowsTheOps) {
  Random random(1);
  const KernelCase c = softmax(Pattern::row_reduce, DType::f32, {4, 4}, random);
  EXPECT_GT(cpu::tile_cost_per_element(c.kernel), 0.5);
  EXPECT_LT(cpu::tile_cost_per_element(c.kernel), 50.0);
}

}  // namespace
}  // namespace leat::runtime
