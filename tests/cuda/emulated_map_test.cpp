// Map kernels on the emulated GPU: every op and dtype, sizes, strides, transposes, faults, random bits.
#include "tests/cuda/all_of.h"
#include "tests/cuda/emulated_case.h"

namespace leat::emulator {
namespace {

using ir::Family;
using runtime::draw_array;

/// A kernel of one instruction over operands of `operand`, from element `offset` of each buffer.
KernelCase one_instruction(Op op, DType operand, DType result, std::int64_t n, std::int64_t offset,
                           bool specials, Random& random) {
  KernelCase c;
  c.sizes = {n};
  const ir::OpInfo& info = ir::op_info(op);
  std::vector<std::uint16_t> operands;
  for (int k = 0; k < ir::operand_count(op); ++k) {
    const DType dtype = op == Op::select && k == 0 ? DType::bool_ : operand;
    auto values = draw_array(dtype, n + offset, info.domain, specials, random);
    operands.push_back(c.AddInput(dtype, Level::element, std::move(values), offset, {1}));
  }
  c.AddOutput(c.AddInstruction(op, result, Level::element, operands));
  return c;
}

class EmulatedElementwise : public ::testing::TestWithParam<Op> {};

TEST_P(EmulatedElementwise, HasTheBitsOfTheMeaning) {
  const ir::OpInfo& info = ir::op_info(GetParam());
  const bool predicate = info.family == Family::compare || info.family == Family::classify;
  const bool convert = info.family == Family::convert;
  Random random(7);
  for (int from = 0; from < kDTypeCount; ++from) {
    for (int to = 0; to < kDTypeCount; ++to) {
      const DType operand = runtime::dtype_at(from), result = runtime::dtype_at(to);
      if (!convert && result != (predicate ? DType::bool_ : operand)) continue;
      if (!convert && !ir::accepts(info.types, operand)) continue;
      if (info.op == Op::bitcast && byte_size(operand) != byte_size(result)) continue;
      expect_emulated(one_instruction(info.op, operand, result, 333, 0, true, random));
      if (HasFatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EmulatedElementwise, ::testing::ValuesIn(elementwise_ops()),
                         [](const auto& info) { return std::string(ir::name(info.param)); });

TEST(EmulatedMap, SizesAndAlignments) {
  Random random(2);
  for (DType dtype : {DType::f32, DType::f64, DType::u8, DType::bf16, DType::bool_}) {
    const Op op = dtype == DType::bool_ ? Op::bit_xor : Op::add;
    for (std::int64_t n : {0, 1, 3, 4, 7, 8, 9, 255, 1024, 4099}) {
      for (std::int64_t offset : {0, 1, 4})
        expect_emulated(one_instruction(op, dtype, dtype, n, offset, false, random));
    }
  }
}

TEST(EmulatedMap, StridesAndRanks) {
  Random random(4);
  const std::vector<std::vector<std::int64_t>> shapes = {{40},       {5, 40},      {40, 5},      {3, 4, 21},
                                                         {3, 1, 17}, {2, 3, 4, 9}, {1, 1, 1, 1}, {7, 33}};
  for (const std::vector<std::int64_t>& shape : shapes) {
    for (DType dtype : {DType::f32, DType::i64, DType::i8}) {
      KernelCase c;
      c.sizes = shape;
      c.kernel.parallel_rank = static_cast<std::uint8_t>(shape.size());
      const std::vector<std::int64_t> dense = c.Dense(false);
      std::vector<std::int64_t> twice = dense, still(shape.size(), 0), back = dense, column = dense;
      for (std::int64_t& s : twice) s *= 2;
      for (std::int64_t& s : back) s = -s;
      column.back() = 0;
      const std::int64_t n = c.parallel();
      const auto array = [&](std::int64_t count) {
        return draw_array(dtype, count, ir::Domain::all, true, random);
      };
      const auto a = c.AddInput(dtype, Level::element, array(2 * n + 3), 3, twice);
      const auto b = c.AddInput(dtype, Level::element, array(2), 1, still);
      const auto d = c.AddInput(dtype, Level::element, array(n), n - 1, back);
      const auto e = c.AddInput(dtype, Level::element, array(n), 0, column);
      c.kernel.inputs.push_back({.kind = ir::Kernel::Input::Kind::index,
                                 .dtype = DType::i64,
                                 .lane_stride = ir::Kernel::Stride::any,
                                 .access = c.Access(5, twice)});
      const auto i = c.AddInstruction(Op::convert, dtype, Level::element, {4});
      const auto s = c.AddInstruction(Op::add, dtype, Level::element, {a, b});
      const auto t = c.AddInstruction(Op::mul, dtype, Level::element, {d, e});
      const auto u = c.AddInstruction(Op::sub, dtype, Level::element, {s, t});
      c.AddOutput(c.AddInstruction(Op::add, dtype, Level::element, {u, i}));
      c.AddOutput(c.AddInstruction(Op::less, DType::bool_, Level::element, {s, t}));
      expect_emulated(c);
    }
  }
}

TEST(EmulatedMap, Transposes) {
  Random random(6);
  runtime::cuda::GpuDescription cramped = small_gpu();
  cramped.shared_per_block = 1024;  // no tiles: element by element
  const std::vector<std::vector<std::int64_t>> shapes = {{32, 32}, {33, 65},    {8, 100},
                                                         {100, 7}, {3, 40, 70}, {2, 3, 17, 20}};
  for (const std::vector<std::int64_t>& shape : shapes) {
    for (DType dtype : {DType::f32, DType::f64, DType::bf16, DType::u8, DType::bool_}) {
      KernelCase c;
      c.sizes = shape;
      const std::size_t rank = shape.size();
      c.kernel.parallel_rank = static_cast<std::uint8_t>(rank);
      const std::int64_t n = c.parallel();
      std::vector<std::int64_t> swapped = c.Dense(false);  // the last two dimensions swapped
      swapped[rank - 2] = 1;
      swapped[rank - 1] = shape[rank - 2];
      const auto array = [&] { return draw_array(dtype, n, ir::Domain::all, true, random); };
      const auto a = c.AddInput(dtype, Level::element, array(), 0, swapped);
      const auto b = c.AddInput(dtype, Level::element, array(), 0, c.Dense(false));
      const auto d = c.AddInput(dtype, Level::element, array(), 0, swapped);
      c.AddOutput(a);
      c.AddOutput(c.AddInstruction(Op::maximum, dtype, Level::element, {a, b}));
      c.AddOutput(c.AddInstruction(Op::equal, DType::bool_, Level::element, {a, d}));
      expect_emulated(c, {small_gpu(), cramped});
    }
  }
}

TEST(EmulatedMap, DivisionByZeroSetsItsFlagOnly) {
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
  c.AddOutput(c.AddInstruction(Op::div, DType::i32, Level::element, {0, 1}));
  c.AddOutput(c.AddInstruction(Op::rem, DType::i32, Level::element, {0, 2}));
  expect_emulated(c);
  KernelCase slow = c;
  run_slowly(slow);
  EXPECT_EQ(slow.faults, (std::vector<std::uint32_t>{1, 0}));
}

TEST(EmulatedMap, RandomBitsFollowTheLinearIndex) {
  KernelCase c;
  c.kernel.parallel_rank = 2;
  c.sizes = {3, 401};
  c.kernel.inputs.push_back({.kind = ir::Kernel::Input::Kind::index, .dtype = DType::i64});
  c.kernel.inputs[0].access = c.Access(5, {401, 1});
  c.AddScalar(DType::u64, 0x123456789abcdefull, Level::element);
  c.AddScalar(DType::u64, 99, Level::element);
  c.AddOutput(c.AddInstruction(Op::random_bits, DType::u32, Level::element, {1, 2, 0}));
  c.AddOutput(c.AddInstruction(Op::random_bits, DType::u64, Level::element, {1, 2, 0}));
  expect_emulated(c);
}

// More words than a launch takes by value: the block is read from device memory.
TEST(EmulatedMap, ManyParametersComeThroughMemory) {
  Random random(5);
  KernelCase c;
  c.sizes = {2, 2, 2, 2, 2, 2, 2, 5};
  c.kernel.parallel_rank = 8;
  for (int k = 0; k < 60; ++k)
    c.AddInput(DType::i32, Level::element, draw_array(DType::i32, 640, ir::Domain::all, false, random), 0,
               c.Dense(false));
  std::uint16_t sum = 0;
  for (std::uint16_t k = 1; k < 60; ++k)
    sum = c.AddInstruction(Op::add, DType::i32, Level::element, {sum, k});
  c.AddOutput(sum);
  const runtime::cuda::ParameterLayout layout(c.kernel);
  EXPECT_FALSE(layout.by_value());
  EXPECT_EQ(layout.bytes(), 8 * (2 + 8 + 61 * 9 + 61));
  expect_emulated(c);
}

}  // namespace
}  // namespace leat::emulator
