// Row, column and pairwise kernels on the emulated GPU, against the fixed order of ir/meaning/reduction.h.
#include "tests/cuda/emulated_case.h"

namespace leat::emulator {
namespace {

using runtime::draw_array;

/// Without the shared memory that rows are kept in: passes load again.
runtime::cuda::GpuDescription cramped_gpu() {
  runtime::cuda::GpuDescription gpu = small_gpu();
  gpu.shared_per_block = 512;
  return gpu;
}

/// One reduction of dense elements.
KernelCase reduction(Pattern pattern, Op op, DType dtype, std::vector<std::int64_t> sizes, Random& random) {
  KernelCase c;
  c.kernel.pattern = pattern;
  c.kernel.parallel_rank = static_cast<std::uint8_t>(sizes.size() - 1);
  c.sizes = std::move(sizes);
  const std::int64_t count = c.parallel() * c.reduced();
  c.AddInput(dtype, Level::element, draw_array(dtype, count, ir::Domain::all, false, random), 0,
             c.Dense(false));
  c.AddOutput(c.AddInstruction(op, dtype, Level::row, {0}));
  return c;
}

TEST(EmulatedReduce, EveryOpAndDType) {
  Random random(3);
  for (Op op :
       {Op::reduce_sum, Op::reduce_prod, Op::reduce_max, Op::reduce_min, Op::reduce_and, Op::reduce_or}) {
    for (int t = 0; t < kDTypeCount; ++t) {
      const DType dtype = runtime::dtype_at(t);
      if (!ir::accepts(ir::op_info(op).types, dtype)) continue;
      expect_emulated(reduction(Pattern::row_reduce, op, dtype, {3, 4300}, random));
      expect_emulated(reduction(Pattern::column_reduce, op, dtype, {37, 150}, random));
    }
  }
}

// Around the bounds of lanes, chunks and rounds of warps (16 chunks of 4096).
TEST(EmulatedReduce, RowsOfManyLengths) {
  Random random(8);
  for (std::int64_t n :
       {0, 1, 31, 32, 33, 63, 64, 65, 127, 1000, 4095, 4096, 4097, 8192, 12289, 65536, 70001})
    expect_emulated(reduction(Pattern::row_reduce, Op::reduce_sum, DType::f32, {2, n}, random));
  expect_emulated(reduction(Pattern::row_reduce, Op::reduce_sum, DType::f64, {1, 4 * 65536 + 5}, random));
  expect_emulated(reduction(Pattern::row_reduce, Op::reduce_sum, DType::bf16, {5, 3, 130}, random));
}

// Around the bounds of blocks of 64 rows and rounds of 16 of them.
TEST(EmulatedReduce, ColumnsOfManyHeights) {
  Random random(9);
  for (std::int64_t n : {0, 1, 7, 8, 63, 64, 65, 127, 128, 129, 1000, 1024, 1025, 2500})
    expect_emulated(reduction(Pattern::column_reduce, Op::reduce_sum, DType::f32, {33, n}, random));
  for (std::int64_t columns : {1, 31, 32, 64, 100})
    expect_emulated(reduction(Pattern::column_reduce, Op::reduce_sum, DType::f16, {columns, 70}, random));
  expect_emulated(reduction(Pattern::column_reduce, Op::reduce_prod, DType::f64, {3, 40, 66}, random));
}

TEST(EmulatedReduce, Softmax) {
  Random random(10);
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    for (const std::vector<std::int64_t>& sizes :
         std::vector<std::vector<std::int64_t>>{{3, 1}, {5, 100}, {2, 4096}, {2, 9000}}) {
      expect_emulated(runtime::softmax(Pattern::row_reduce, dtype, sizes, random),
                      {small_gpu(), cramped_gpu()});
    }
    for (const std::vector<std::int64_t>& sizes :
         std::vector<std::vector<std::int64_t>>{{1, 3}, {40, 200}, {2, 33, 129}}) {
      expect_emulated(runtime::softmax(Pattern::column_reduce, dtype, sizes, random));
    }
  }
}

// (x - mean) * rsqrt(variance + epsilon) * scale + shift, with mean and variance of f16 in f32.
TEST(EmulatedReduce, LayerNorm) {
  Random random(11);
  for (DType dtype : {DType::f32, DType::bf16}) {
    for (std::int64_t n : {17, 768, 5000}) {
      KernelCase c;
      c.kernel.pattern = Pattern::row_reduce;
      c.sizes = {4, n};
      const auto array = [&](std::int64_t count, DType t) {
        return draw_array(t, count, ir::Domain::moderate, false, random);
      };
      const auto x = c.AddInput(dtype, Level::element, array(4 * n, dtype), 0, {n, 1});
      const auto scale = c.AddInput(dtype, Level::element, array(n, dtype), 0, {0, 1});
      const auto shift = c.AddInput(dtype, Level::element, array(n, dtype), 0, {0, 1});
      float count = static_cast<float>(n), epsilon = 1e-5f;
      std::uint32_t count_bits, epsilon_bits;
      std::memcpy(&count_bits, &count, 4);
      std::memcpy(&epsilon_bits, &epsilon, 4);
      const auto divisor = c.AddScalar(DType::f32, count_bits, Level::row);
      const auto small = c.AddScalar(DType::f32, epsilon_bits, Level::row);
      const auto wide = [&](std::uint16_t v) {
        return c.AddInstruction(Op::convert, DType::f32, Level::element, {v});
      };
      const auto f = wide(x);
      const auto sum = c.AddInstruction(Op::reduce_sum, DType::f32, Level::row, {f});
      const auto mean = c.AddInstruction(Op::div, DType::f32, Level::row, {sum, divisor});
      const auto centred = c.AddInstruction(Op::sub, DType::f32, Level::element, {f, mean});
      const auto square = c.AddInstruction(Op::mul, DType::f32, Level::element, {centred, centred});
      const auto squares = c.AddInstruction(Op::reduce_sum, DType::f32, Level::row, {square});
      const auto variance = c.AddInstruction(Op::div, DType::f32, Level::row, {squares, divisor});
      const auto padded = c.AddInstruction(Op::add, DType::f32, Level::row, {variance, small});
      const auto inverse = c.AddInstruction(Op::rsqrt, DType::f32, Level::row, {padded});
      const auto unit = c.AddInstruction(Op::mul, DType::f32, Level::element, {centred, inverse});
      const auto scaled = c.AddInstruction(Op::mul, DType::f32, Level::element, {unit, wide(scale)});
      const auto shifted = c.AddInstruction(Op::add, DType::f32, Level::element, {scaled, wide(shift)});
      c.AddOutput(c.AddInstruction(Op::convert, dtype, Level::element, {shifted}));
      c.AddOutput(mean);
      expect_emulated(c, {small_gpu(), cramped_gpu(), *runtime::cuda::gpu_description("sm_75")});
    }
  }
}

// In place: each output is the memory of an input of the same elements, and a row output that of a row input.
TEST(EmulatedReduce, OutputsMayBeInputs) {
  Random random(12);
  for (Pattern pattern : {Pattern::row_reduce, Pattern::column_reduce}) {
    KernelCase c;
    c.kernel.pattern = pattern;
    c.sizes = pattern == Pattern::row_reduce ? std::vector<std::int64_t>{5, 9000}
                                             : std::vector<std::int64_t>{40, 300};
    const std::int64_t rows = c.sizes[0], count = rows * c.sizes[1];
    c.AddInput(DType::f32, Level::element, draw_array(DType::f32, count, ir::Domain::all, false, random), 0,
               c.Dense(false));
    c.AddInput(DType::f32, Level::row, draw_array(DType::f32, rows, ir::Domain::all, false, random), 0,
               c.Dense(true));
    const auto max = c.AddInstruction(Op::reduce_max, DType::f32, Level::row, {0});
    const auto both = c.AddInstruction(Op::add, DType::f32, Level::row, {max, 1});
    c.AddOutput(c.AddInstruction(Op::sub, DType::f32, Level::element, {0, both}));
    c.AddOutput(both);
    KernelCase expected = c, actual = c;
    run_slowly(expected);
    const auto text = compiler::codegen::kernel_gpu_llvm_text(c.kernel, "sm_90");
    const auto kernel = EmulatedKernel::Load(*text);
    ASSERT_TRUE(kernel.ok());
    ir::KernelLaunch launch = actual.Launch();
    actual.pointers[2] = actual.pointers[0];
    actual.pointers[3] = actual.pointers[1];
    launch.pointers = actual.pointers.data();
    const auto geometry = compiler::codegen::launch_geometry(c.kernel, c.sizes, small_gpu());
    const std::string complaint =
        (*kernel)->Run(geometry, runtime::cuda::pack_parameters(c.kernel, launch, geometry.flags),
                       {{actual.buffers[0].data(), actual.buffers[0].size(), "elements"},
                        {actual.buffers[1].data(), actual.buffers[1].size(), "rows"}});
    ASSERT_EQ(complaint, "");
    actual.buffers[2] = actual.buffers[0];
    actual.buffers[3] = actual.buffers[1];
    expect_equal_buffers(expected, actual);
  }
}

// Without any one of its barriers, a kernel of several warps is found out.
TEST(EmulatedReduce, EveryBarrierIsNeeded) {
  Random random(14);
  KernelCase transpose;
  transpose.sizes = {70, 90};
  transpose.kernel.parallel_rank = 2;
  transpose.AddOutput(transpose.AddInput(
      DType::f32, Level::element, draw_array(DType::f32, 6300, ir::Domain::all, false, random), 0, {1, 70}));
  const std::string barrier = "call void @llvm.nvvm.barrier0()";
  for (const KernelCase& c :
       {transpose, reduction(Pattern::row_reduce, Op::reduce_sum, DType::f32, {2, 17 * 4096}, random),
        reduction(Pattern::column_reduce, Op::reduce_sum, DType::f32, {33, 1100}, random)}) {
    const std::string text = *compiler::codegen::kernel_gpu_llvm_text(c.kernel, "sm_90");
    int barriers = 0, unneeded = 0;
    for (std::size_t at = text.find(barrier); at != std::string::npos; at = text.find(barrier, at + 1)) {
      ++barriers;
      std::string without = text;
      without.erase(at, barrier.size());
      const auto kernel = EmulatedKernel::Load(without);
      ASSERT_TRUE(kernel.ok()) << kernel.status().ToString();
      KernelCase copy = c;
      const auto geometry = compiler::codegen::launch_geometry(c.kernel, c.sizes, small_gpu());
      if (run_emulated(**kernel, copy, geometry).empty()) ++unneeded;
    }
    EXPECT_GE(barriers, 2);
    // One of a reduction is there for outputs in the memory of inputs (OutputsMayBeInputs).
    EXPECT_EQ(unneeded, c.kernel.has_reduced() ? 1 : 0) << text;
  }
}

TEST(EmulatedReduce, PairwiseJoinsPartials) {
  Random random(13);
  for (DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i8, DType::bool_}) {
    const Op op = dtype == DType::bool_ ? Op::reduce_or : Op::reduce_sum;
    const auto text = compiler::codegen::pairwise_gpu_llvm_text(op, dtype, "sm_90");
    ASSERT_TRUE(text.ok()) << text.status().ToString();
    const auto kernel = EmulatedKernel::Load(*text);
    ASSERT_TRUE(kernel.ok()) << kernel.status().ToString();
    for (std::int64_t chunks : {1, 2, 7, 8, 9, 100, 256, 600}) {
      for (std::int64_t rows : {1, 33}) {
        KernelCase c;
        c.kernel = compiler::codegen::pairwise_kernel(op, dtype);
        c.sizes = {rows, chunks};
        const DType accumulator = c.kernel.inputs[0].dtype;
        c.accesses = {0, 1, rows, 0, 1, 0};
        c.buffers = {
            draw_array(accumulator, chunks * rows, ir::Domain::all, false, random),
            std::vector<std::byte>(static_cast<std::size_t>(rows) * byte_size(dtype), std::byte{0xcd})};
        KernelCase expected = c;
        visit_dtype(accumulator, [&]<class T>(T) {
          if constexpr (std::is_arithmetic_v<T>) {
            const T* partials = reinterpret_cast<const T*>(c.buffers[0].data());
            const auto join = [](T a, T b) {
              if constexpr (std::is_same_v<T, bool>)
                return a || b;
              else
                return static_cast<T>(a + b);
            };
            for (std::int64_t row = 0; row < rows; ++row) {
              meaning::PairwiseTree<T, decltype(join)> tree(join);
              for (std::int64_t k = 0; k < chunks; ++k) tree.Push(partials[k * rows + row]);
              const T sum = tree.Finish();
              visit_dtype(dtype, [&]<class S>(S) {
                const S rounded = static_cast<S>(sum);
                std::memcpy(expected.buffers[1].data() + static_cast<std::size_t>(row) * sizeof(S), &rounded,
                            sizeof(S));
              });
            }
          }
        });
        for (const auto& gpu : {small_gpu(), *runtime::cuda::gpu_description("sm_80")}) {
          KernelCase actual = c;
          ASSERT_EQ(run_emulated(**kernel, actual, compiler::codegen::pairwise_geometry(chunks, rows, gpu)),
                    "");
          expect_equal_buffers(expected, actual);
        }
      }
    }
  }
}

class EmulatedRandom : public ::testing::TestWithParam<int> {};

TEST_P(EmulatedRandom, Kernels) {
  for (int k = 0; k < 12; ++k) {
    Random random(static_cast<std::uint64_t>(12 * GetParam() + k));
    const KernelCase c = runtime::random_case(random);
    SCOPED_TRACE("seed " + std::to_string(12 * GetParam() + k));
    expect_emulated(c, {small_gpu(), *runtime::cuda::gpu_description("sm_90")});
    if (HasFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, EmulatedRandom, ::testing::Range(0, 10));

}  // namespace
}  // namespace leat::emulator
