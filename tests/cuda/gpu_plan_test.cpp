// Launch geometry from kernels, sizes and device descriptions; descriptions from text; the parameter block.
#include "compiler/codegen/cuda/gpu_plan.h"

#include <gmock/gmock.h>

#include "tests/runtime/random_kernel.h"

namespace leat::compiler::codegen {
namespace {

using ir::Op;
using runtime::KernelCase;
using runtime::Random;
using runtime::cuda::gpu_description;
using runtime::cuda::GpuDescription;
using runtime::cuda::LaunchGeometry;
using runtime::cuda::pack_parameters;
using runtime::cuda::parse_gpu_description;
using Level = ir::Kernel::Level;
using Pattern = ir::Kernel::Pattern;

KernelCase sum_of(DType dtype, std::vector<std::int64_t> shape) {
  KernelCase c;
  c.sizes = std::move(shape);
  c.kernel.parallel_rank = static_cast<std::uint8_t>(c.sizes.size());
  c.AddInput(dtype, Level::element, std::vector<std::byte>(8), 0, c.Dense(false));
  c.kernel.outputs.clear();
  const auto y = c.AddInstruction(Op::neg, dtype, Level::element, {0});
  c.kernel.outputs.push_back({.value = y, .slot = 1, .access = c.Access(0, c.Dense(false))});
  c.kernel.pointer_count = 2;
  return c;
}

LaunchGeometry geometry(const KernelCase& c, const GpuDescription& gpu) {
  return launch_geometry(c.kernel, c.sizes, gpu);
}

TEST(GpuPlan, MapsTakeAsManyBlocksAsThereAreGroupsUpToAFewWaves) {
  const GpuDescription gpu = *gpu_description("sm_90");
  EXPECT_EQ(geometry(sum_of(DType::f32, {1 << 20}), gpu),
            (LaunchGeometry{1024, 256, 0, 0}));  // 4 elements a thread
  EXPECT_EQ(geometry(sum_of(DType::f64, {1 << 20}), gpu).blocks, 2048u);
  EXPECT_EQ(geometry(sum_of(DType::bf16, {1 << 20}), gpu).blocks, 512u);
  EXPECT_EQ(geometry(sum_of(DType::f32, {1 << 28}), gpu).blocks, 132u * 8 * 4);
  EXPECT_EQ(geometry(sum_of(DType::f32, {7, 5}), gpu).blocks, 1u);  // 14 groups: none spans two rows
  EXPECT_EQ(geometry(sum_of(DType::f32, {0}), gpu).blocks, 0u);
  EXPECT_EQ(geometry(sum_of(DType::f32, {3, 0}), gpu).blocks, 0u);
}

TEST(GpuPlan, RowsAreKeptInSharedMemoryWhereTheyFit) {
  Random random(1);
  const GpuDescription large = *gpu_description("sm_90"), small = *gpu_description("sm_75");
  KernelCase c = runtime::softmax(Pattern::row_reduce, DType::f32, {2, 2}, random);
  c.sizes = {8192, 4096};
  // One chunk: one warp; the row, then its exponentials in the same place.
  EXPECT_EQ(geometry(c, large), (LaunchGeometry{132 * 13 * 4, 32, 16 + 16384, kUseShared}));
  c.sizes = {10, 16384};
  EXPECT_EQ(geometry(c, large), (LaunchGeometry{10, 128, 32 + 65536, kUseShared}));
  EXPECT_EQ(geometry(c, small), (LaunchGeometry{10, 128, 32, 0}));
  c.sizes = {10, 1 << 22};
  EXPECT_EQ(geometry(c, large), (LaunchGeometry{10, 512, 128, 0}));
  c.sizes = {10, 0};
  EXPECT_EQ(geometry(c, large).threads, 32u);
}

TEST(GpuPlan, ColumnsTakeAWarpForEachBlockOfRows) {
  Random random(1);
  const GpuDescription gpu = *gpu_description("sm_90");
  KernelCase c = runtime::softmax(Pattern::column_reduce, DType::f32, {2, 2}, random);
  c.sizes = {100, 130};
  EXPECT_EQ(geometry(c, gpu), (LaunchGeometry{4, 128, 1024, 0}));
  c.sizes = {100, 1 << 20};
  EXPECT_EQ(geometry(c, gpu), (LaunchGeometry{4, 512, 4096, 0}));
  EXPECT_EQ(pairwise_geometry(256, 1, gpu), (LaunchGeometry{1, 1024, 8192, 0}));
  EXPECT_EQ(pairwise_geometry(3, 100, gpu), (LaunchGeometry{4, 32, 256, 0}));
}

TEST(GpuPlan, TransposesTakeABlockATile) {
  KernelCase c;
  c.sizes = {100, 64};
  c.kernel.parallel_rank = 2;
  c.AddOutput(c.AddInput(DType::f32, Level::element, std::vector<std::byte>(8), 0, {1, 100}));
  EXPECT_EQ(geometry(c, *gpu_description("sm_80")), (LaunchGeometry{8, 256, 32 * 33 * 4, kUseShared}));
}

TEST(GpuDescription, TextIsReadAndPrinted) {
  const StatusOr<GpuDescription> gpu =
      parse_gpu_description("# half an A100\narch = sm_80\nmultiprocessors = 54  # of 108\n\n");
  ASSERT_TRUE(gpu.ok()) << gpu.status().ToString();
  EXPECT_EQ(gpu->sm, 80);
  EXPECT_EQ(gpu->multiprocessors, 54);
  EXPECT_EQ(gpu->threads_per_multiprocessor, 2048);
  EXPECT_EQ(gpu->shared_per_block, 163 * 1024);
  EXPECT_EQ(print(*parse_gpu_description(print(*gpu))), print(*gpu));
}

TEST(GpuDescription, BadTextIsNamedByItsLine) {
  const auto message = [](std::string_view text) {
    const StatusOr<GpuDescription> gpu = parse_gpu_description(text);
    EXPECT_EQ(gpu.status().code(), Code::invalid_argument);
    return gpu.status().message();
  };
  EXPECT_EQ(message("arch = sm_80\nmultiprocessors 3"), "GPU description, line 2: expected key = value");
  EXPECT_EQ(message("arch = sm_80\nmultiprocessors = many"),
            "GPU description, line 2: multiprocessors is not a count: many");
  EXPECT_EQ(message("arch = sm_80\nmultiprocessors = 0"),
            "GPU description, line 2: multiprocessors is not a count: 0");
  EXPECT_EQ(message("arch = sm_80\ncolour = 3"), "GPU description, line 2: unknown key colour");
  EXPECT_EQ(message("multiprocessors = 3"), "GPU description, line 1: arch comes first");
  EXPECT_EQ(message(""), "GPU description, line 0: no arch");
  EXPECT_EQ(message("arch = sm_1"),
            "GPU description, line 1: no GPU architecture is called \"sm_1\"; there are sm_75, sm_80, sm_86, "
            "sm_89, "
            "sm_90, sm_90a");
}

TEST(KernelParameters, AreTheWordsOfTheLaunch) {
  KernelCase c = sum_of(DType::f32, {3, 5});
  c.AddScalar(DType::f32, 77, Level::element);
  c.buffers.resize(2);
  const ir::KernelLaunch launch = c.Launch();
  const auto address = [](const void* p) { return reinterpret_cast<std::uint64_t>(p); };
  EXPECT_THAT(pack_parameters(c.kernel, launch, 9),
              ::testing::ElementsAre(address(launch.faults), 9, 3, 5, 0, 5, 1, 0, 5, 1,
                                     address(launch.pointers[0]), address(launch.pointers[1]), 77));
  const runtime::cuda::ParameterLayout layout(c.kernel);
  EXPECT_EQ(layout.accesses, 4u);
  EXPECT_EQ(layout.pointers, 10u);
  EXPECT_EQ(layout.scalars, 12u);
  EXPECT_TRUE(layout.by_value());
}

}  // namespace
}  // namespace leat::compiler::codegen
