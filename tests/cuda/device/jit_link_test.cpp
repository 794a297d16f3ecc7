// Kernels as cubins: made by nvJitLink where it is, kept in the cache folder; by the driver where it is not,
// or does not take the PTX.
#include "runtime/cuda/jit_link.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "compiler/frontend/context_state.h"
#include "leat/leat.h"
#include "tests/cuda/fake/launches.h"
#include "tests/cuda/fake_jit_link/fake_jit_link.h"

namespace leat {
namespace {

using fake_jit_link::FakeJitLink;

class JitLink : public ::testing::Test {
 protected:
  JitLink() {
    setenv("LEAT_NVJITLINK", LEAT_FAKE_JIT_LINK, 1);
    Fail("");
    std::filesystem::remove_all(folder_);
  }
  ~JitLink() override {
    unsetenv("LEAT_NVJITLINK");
    std::filesystem::remove_all(folder_);
    const std::lock_guard lock(fake_.mutex);
    EXPECT_EQ(fake_.open, 0);
  }
  void Fail(const std::string& call) {
    const std::lock_guard lock(fake_.mutex);
    fake_.fail = call;
  }
  int Links() {
    const std::lock_guard lock(fake_.mutex);
    return fake_.links;
  }
  /// A value that takes one kernel, in a Context of its own with the cache folder.
  float Compute(ContextStats* stats) {
    fake_cuda::FakeGpu gpu({.devices = 1, .most_delay_us = 0});
    Context context({.workers = 2, .gpu_devices = 1, .cuda_driver = LEAT_FAKE_CUDA, .cache_folder = folder_});
    gpu.Serve(context.state()->engine());
    const Context::Scope scope(context);
    const float value = (to_device(arange(100, DType::f32), "gpu:0") * 3 + 1).data<float>()[99];
    *stats = context.stats();
    return value;
  }

  FakeJitLink& fake_ = fake_jit_link::load_fake_jit_link(LEAT_FAKE_JIT_LINK);
  const std::string folder_ =
      (std::filesystem::temp_directory_path() / ("leat_jit_link_" + std::to_string(getpid()))).string();
};

TEST_F(JitLink, CubinsAreMadeOnceAndKept) {
  const int before = Links();
  ContextStats first, second;
  EXPECT_EQ(Compute(&first), 298);
  EXPECT_EQ(first.cubins, 1u);
  EXPECT_EQ(first.link_failures, 0u);
  EXPECT_EQ(Links(), before + 1);
  EXPECT_EQ(Compute(&second), 298);
  EXPECT_EQ(second.cubins, 0u);
  EXPECT_GE(second.disk_hits, 1u);
  EXPECT_EQ(Links(), before + 1);
}

TEST_F(JitLink, WhereACallFailsTheDriverCompiles) {
  for (const char* call : {"nvJitLinkCreate", "nvJitLinkAddData", "nvJitLinkComplete",
                           "nvJitLinkGetLinkedCubinSize", "nvJitLinkGetLinkedCubin"}) {
    SCOPED_TRACE(call);
    std::filesystem::remove_all(folder_);
    Fail(call);
    ContextStats stats;
    EXPECT_EQ(Compute(&stats), 298);
    EXPECT_EQ(stats.cubins, 0u);
    EXPECT_EQ(stats.link_failures, 1u);
    const auto linker = runtime::cuda::JitLinker::Open();
    ASSERT_TRUE(linker.ok()) << linker.status().ToString();
    const std::string said = (*linker)->Link("// nothing", "sm_90").status().message();
    EXPECT_EQ(said.find(call), 0u) << said;
    if (std::string_view(call) == "nvJitLinkComplete") {
      EXPECT_EQ(said, "nvJitLinkComplete: NVJITLINK_ERROR_PTX_COMPILE: ptxas fatal: it was told to fail");
    }
  }
}

TEST_F(JitLink, WithoutItTheDriverCompiles) {
  setenv("LEAT_NVJITLINK", "none", 1);
  ContextStats stats;
  EXPECT_EQ(Compute(&stats), 298);
  EXPECT_EQ(stats.cubins, 0u);
  EXPECT_EQ(stats.link_failures, 0u);
  EXPECT_EQ(runtime::cuda::describe_jit_linker(), "absent, so the driver compiles PTX: LEAT_NVJITLINK=none");
  setenv("LEAT_NVJITLINK", "/nowhere/libnvJitLink.so", 1);
  const auto missing = runtime::cuda::JitLinker::Open();
  EXPECT_EQ(missing.status().code(), Code::not_found);
  EXPECT_NE(missing.status().message().find("/nowhere/libnvJitLink.so"), std::string::npos)
      << missing.status().message();
  setenv("LEAT_NVJITLINK", LEAT_FAKE_JIT_LINK, 1);
  Fail("nvJitLinkVersion");
  EXPECT_EQ(runtime::cuda::JitLinker::Open().status().code(), Code::not_found);
}

TEST_F(JitLink, ACubinRunsOnItsGeneration) {
  runtime::cuda::GpuDescription gpu = runtime::cuda::gpu_description("sm_80").value();
  EXPECT_FALSE(takes_cubins(gpu));  // no device is at hand
  for (const auto& [device_sm, takes] : {std::pair(75, false), {80, true}, {87, true}, {90, false}}) {
    gpu.device_sm = device_sm;
    EXPECT_EQ(takes_cubins(gpu), takes) << device_sm;
  }
}

}  // namespace
}  // namespace leat
