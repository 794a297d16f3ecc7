// Machine code of map kernels against the meanings: every op and dtype, sizes, strides, ranges.
#include "tests/compiler/codegen_case.h"

namespace leat::compiler {
namespace {

using ir::Family;
using ir::Op;
using runtime::draw_array;

/// A kernel of one instruction over operands of `operand`.
KernelCase one_instruction(Op op, DType operand, DType result, std::int64_t n, bool specials,
                           Random& random) {
  KernelCase c;
  c.sizes = {n};
  const ir::OpInfo& info = ir::op_info(op);
  std::vector<std::uint16_t> operands;
  for (int k = 0; k < ir::operand_count(op); ++k) {
    const DType dtype = op == Op::select && k == 0 ? DType::bool_ : operand;
    operands.push_back(
        c.AddInput(dtype, Level::element, draw_array(dtype, n, info.domain, specials, random), 0, {1}));
  }
  c.AddOutput(c.AddInstruction(op, result, Level::element, operands));
  return c;
}

class CodegenElementwise : public ::testing::TestWithParam<Op> {};

TEST_P(CodegenElementwise, HasTheBitsOfTheMeaning) {
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
      for (bool specials : {false, true}) {
        const std::vector<int> widths = specials ? std::vector<int>{256} : std::vector<int>{128, 256, 512};
        expect_exact(one_instruction(info.op, operand, result, 333, specials, random), widths, {100});
      }
      if (HasFatalFailure()) return;
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
INSTANTIATE_TEST_SUITE_P(All, CodegenElementwise, ::testing::ValuesIn(elementwise_ops()),
                         [](const auto& info) { return std::string(ir::name(info.param)); });

TEST(CodegenMap, SizesAroundVectors) {
  Random random(2);
  for (DType dtype : {DType::f32, DType::f64, DType::u8, DType::bf16, DType::bool_}) {
    const Op op = dtype == DType::bool_ ? Op::bit_xor : Op::add;
    for (std::int64_t n : {0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 129, 1000, 4097}) {
      expect_exact(one_instruction(op, dtype, dtype, n, false, random), {128, 256, 512}, {n / 3, n / 2});
    }
  }
}

TEST(CodegenMap, StridesAndRanks) {
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
      for (std::int64_t cut : {n / 7, n / 2}) expect_exact(c, {128, 256, 512}, {cut, n - cut / 2});
    }
  }
}

// Every input with the unit stride in another dimension than the lanes.
TEST(CodegenMap, Transposes) {
  Random random(6);
  const std::vector<std::vector<std::int64_t>> shapes = {{16, 16}, {33, 65},    {8, 100},
                                                         {100, 7}, {3, 40, 70}, {2, 3, 17, 20}};
  for (const std::vector<std::int64_t>& shape : shapes) {
    for (DType dtype : {DType::f32, DType::f64, DType::bf16, DType::u8}) {
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
      expect_exact(c, {128, 256, 512}, {});
      expect_exact(c, {256}, {n / 5 + 1, n / 2, n - 3});
    }
  }
}

TEST(CodegenMap, DivisionByZeroSetsItsFlagOnly) {
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
  expect_exact(c, {128, 256, 512}, {1, 775});
  const auto code = cache_of(256).Get(c.kernel);
  ASSERT_TRUE(cache_of(256).CompileNow(code).ok());
  const ir::KernelLaunch launch = c.Launch();
  code->function()(&launch, 0, 777);
  code->function()(&launch, 778, 1000);
  EXPECT_EQ(c.faults, (std::vector<std::uint32_t>{0, 0}));
  code->function()(&launch, 777, 778);
  EXPECT_EQ(c.faults, (std::vector<std::uint32_t>{1, 0}));
}

TEST(CodegenMap, RandomBitsFollowTheLinearIndex) {
  KernelCase c;
  c.kernel.parallel_rank = 2;
  c.sizes = {3, 401};
  c.kernel.inputs.push_back({.kind = ir::Kernel::Input::Kind::index, .dtype = DType::i64});
  c.kernel.inputs[0].access = c.Access(5, {401, 1});
  c.AddScalar(DType::u64, 0x123456789abcdefull, Level::element);
  c.AddScalar(DType::u64, 99, Level::element);
  c.AddOutput(c.AddInstruction(Op::random_bits, DType::u32, Level::element, {1, 2, 0}));
  c.AddOutput(c.AddInstruction(Op::random_bits, DType::u64, Level::element, {1, 2, 0}));
  expect_exact(c, {128, 256, 512}, {17, 600});
}

// Results around overflow, and below the normal numbers, where scaling rounds: machines do it in their own
// way.
template <class S>
void expect_scaled(Op op, DType dtype, std::vector<std::pair<S, S>> ranges) {
  constexpr std::int64_t kEach = 400000;
  KernelCase c;
  c.sizes = {kEach * static_cast<std::int64_t>(ranges.size())};
  std::vector<std::byte> bytes;
  bytes.resize(static_cast<std::size_t>(c.sizes[0]) * sizeof(S));
  std::size_t at = 0;
  for (const auto& [low, high] : ranges) {
    for (std::int64_t i = 0; i < kEach; ++i, at += sizeof(S)) {
      const S x = low + (high - low) * (static_cast<S>(i) / static_cast<S>(kEach));
      std::memcpy(bytes.data() + at, &x, sizeof(S));
    }
  }
  c.AddInput(dtype, Level::element, std::move(bytes), 0, {1});
  c.AddOutput(c.AddInstruction(op, dtype, Level::element, {0}));
  expect_exact(c, {128, 256, 512}, {1001});
}

TEST(CodegenMap, ExponentialsAtTheEndsOfTheNumbers) {
  expect_scaled<float>(Op::exp, DType::f32, {{-104.5f, -86.5f}, {88, 89.5f}});
  expect_scaled<float>(Op::exp2, DType::f32, {{-151, -125}, {127, 129.5f}});
  expect_scaled<double>(Op::exp, DType::f64, {{-747, -707}, {709, 711}});
  expect_scaled<double>(Op::exp2, DType::f64, {{-1076, -1021}, {1023, 1026}});
}

}  // namespace
}  // namespace leat::compiler
