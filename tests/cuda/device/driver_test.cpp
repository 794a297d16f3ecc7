// Opening the driver: what is found, and the reasons where nothing is.
#include "runtime/cuda/driver.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "runtime/cuda/gpu_description.h"
#include "tests/cuda/fake/load.h"

namespace leat::runtime::cuda {
namespace {

using fake_cuda::FakeDriver;
using fake_cuda::load_fake_driver;

TEST(CudaDriver, OpensAndSaysWhatIsThere) {
  FakeDriver& fake = load_fake_driver();
  fake.Reset({.devices = 2, .version = 12080});
  const auto driver = Driver::Open(LEAT_FAKE_CUDA);
  ASSERT_TRUE(driver.ok()) << driver.status().ToString();
  EXPECT_EQ((*driver)->path(), LEAT_FAKE_CUDA);
  EXPECT_EQ((*driver)->version(), 12080);
  EXPECT_EQ((*driver)->device_count(), 2);
  const auto gpu = describe_device(**driver, 1);
  ASSERT_TRUE(gpu.ok()) << gpu.status().ToString();
  EXPECT_EQ(print(*gpu),
            "arch = sm_90\nmultiprocessors = 4\nthreads_per_multiprocessor = 2048\n"
            "blocks_per_multiprocessor = 32\nshared_per_multiprocessor = 233472\nshared_per_block = 232448\n"
            // As fast as 4 of an H100's 132 multiprocessors.
            "f32_gflops = 2027\nf64_gflops = 1015\nf16_gflops = 29969\nmemory_gb_per_s = 3350\n"
            "copy_gb_per_s = 50\n");
  EXPECT_EQ(fake.TakeComplaints(), "");
}

TEST(CudaDriver, AMissingLibraryIsNotFoundAndSaysWhy) {
  const auto driver = Driver::Open("/nowhere/libcuda.so.1");
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().code(), Code::not_found);
  EXPECT_NE(driver.status().message().find("no CUDA driver: /nowhere/libcuda.so.1: cannot open"),
            std::string::npos)
      << driver.status().message();
}

TEST(CudaDriver, NoneIsNothing) {
  const char* const before = std::getenv("LEAT_CUDA_DRIVER");
  const std::string kept = before == nullptr ? "" : before;
  setenv("LEAT_CUDA_DRIVER", "none", 1);
  const auto driver = Driver::Open();
  setenv("LEAT_CUDA_DRIVER", kept.c_str(), 1);  // empty: as if it were not set
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().ToString(), "not_found: no CUDA driver: LEAT_CUDA_DRIVER=none");
}

TEST(CudaDriver, AnyOtherLibraryIsRefused) {
  const auto driver = Driver::Open("libm.so.6");
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().code(), Code::not_found);
  EXPECT_EQ(driver.status().message(),
            "libm.so.6 has no cuGetProcAddress: a driver of CUDA 11.4 or later is needed");
}

// Whatever fails while the driver is opened: it is absent, and the reason names the call.
TEST(CudaDriver, EveryCallOfOpeningMayFail) {
  FakeDriver& fake = load_fake_driver();
  for (const char* call : {"cuInit", "cuDriverGetVersion", "cuDeviceGetCount"}) {
    fake.Reset({});
    fake.FailCall(call, 1, CuResult{999});
    const auto driver = Driver::Open(LEAT_FAKE_CUDA);
    ASSERT_FALSE(driver.ok());
    EXPECT_EQ(driver.status().code(), Code::not_found);
    std::string want = LEAT_FAKE_CUDA;
    want.append(": ").append(call).append(": error 999");
    EXPECT_EQ(driver.status().message(), want);
  }
  fake.Reset({});
  fake.FailCall("cuGetProcAddress", 7, CuResult::not_found);
  const auto driver = Driver::Open(LEAT_FAKE_CUDA);
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().message(), LEAT_FAKE_CUDA " has no cuDeviceGetName of CUDA 2.0");
}

TEST(CudaDriver, ErrorsHaveNameAndText) {
  load_fake_driver().Reset({});
  const auto driver = Driver::Open(LEAT_FAKE_CUDA).value();
  EXPECT_TRUE(driver->Check(CuResult::success, "cuMemAlloc").ok());
  const Status memory = driver->Check(CuResult::out_of_memory, "cuMemAlloc");
  EXPECT_EQ(memory.ToString(), "resource_exhausted: cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (out of memory)");
  const Status unknown = driver->Check(CuResult{12345}, "cuLaunchKernel");
  EXPECT_EQ(unknown.ToString(), "device_lost: cuLaunchKernel: error 12345");
}

}  // namespace
}  // namespace leat::runtime::cuda
