// Our declarations of the driver's interface against NVIDIA's, where its headers are found: each entry point
// of the version that we ask for, parameter by parameter.
#include "runtime/cuda/driver_abi.h"

#include <cudaTypedefs.h>
#include <gtest/gtest.h>

#include "tests/cuda/device/abi/same_function.h"

namespace leat::runtime::cuda {
namespace {

#define LEAT_ENTRY(name, version, parameters)                                           \
  static_assert(SameFunction<CuResult(*) parameters, PFN_cu##name##_v##version>::value, \
                "cu" #name " is not declared as NVIDIA's header has it");
LEAT_CUDA_DRIVER_ENTRIES(LEAT_ENTRY)
#undef LEAT_ENTRY

// The comparison finds what is different.
static_assert(!SameFunction<CuResult (*)(CuAddress, int), PFN_cuMemAlloc_v3020>::value);
static_assert(!SameFunction<CuResult (*)(unsigned*, std::size_t), PFN_cuMemAlloc_v3020>::value);
static_assert(!SameFunction<CuResult (*)(CuAddress*), PFN_cuMemAlloc_v3020>::value);

static_assert(sizeof(CuPoolProperties) == sizeof(CUmemPoolProps));
static_assert(offsetof(CuPoolProperties, allocation_type) == offsetof(CUmemPoolProps, allocType));
static_assert(offsetof(CuPoolProperties, handle_types) == offsetof(CUmemPoolProps, handleTypes));
static_assert(offsetof(CuPoolProperties, location_type) == offsetof(CUmemPoolProps, location));
static_assert(offsetof(CuPoolProperties, security) == offsetof(CUmemPoolProps, win32SecurityAttributes));
static_assert(offsetof(CuPoolProperties, max_bytes) == offsetof(CUmemPoolProps, maxSize));
static_assert(offsetof(CuPoolProperties, reserved) == offsetof(CUmemPoolProps, reserved));
static_assert(sizeof(CuKernelNode) == sizeof(CUDA_KERNEL_NODE_PARAMS_v1));
static_assert(offsetof(CuKernelNode, function) == offsetof(CUDA_KERNEL_NODE_PARAMS_v1, func));
static_assert(offsetof(CuKernelNode, grid_x) == offsetof(CUDA_KERNEL_NODE_PARAMS_v1, gridDimX));
static_assert(offsetof(CuKernelNode, block_x) == offsetof(CUDA_KERNEL_NODE_PARAMS_v1, blockDimX));
static_assert(offsetof(CuKernelNode, shared_bytes) == offsetof(CUDA_KERNEL_NODE_PARAMS_v1, sharedMemBytes));
static_assert(offsetof(CuKernelNode, parameters) == offsetof(CUDA_KERNEL_NODE_PARAMS_v1, kernelParams));
static_assert(offsetof(CuKernelNode, extra) == offsetof(CUDA_KERNEL_NODE_PARAMS_v1, extra));

TEST(CudaDriverAbi, NumbersAreThoseOfTheHeader) {
  const auto expect = [](auto ours, auto theirs) {
    EXPECT_EQ(static_cast<std::int64_t>(ours), static_cast<std::int64_t>(theirs));
  };
  expect(CuResult::invalid_value, CUDA_ERROR_INVALID_VALUE);
  expect(CuResult::out_of_memory, CUDA_ERROR_OUT_OF_MEMORY);
  expect(CuResult::invalid_image, CUDA_ERROR_INVALID_IMAGE);
  expect(CuResult::invalid_context, CUDA_ERROR_INVALID_CONTEXT);
  expect(CuResult::no_binary_for_gpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
  expect(CuResult::invalid_ptx, CUDA_ERROR_INVALID_PTX);
  expect(CuResult::unsupported_ptx_version, CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
  expect(CuResult::invalid_handle, CUDA_ERROR_INVALID_HANDLE);
  expect(CuResult::not_found, CUDA_ERROR_NOT_FOUND);
  expect(CuResult::not_ready, CUDA_ERROR_NOT_READY);
  expect(CuResult::illegal_address, CUDA_ERROR_ILLEGAL_ADDRESS);
  expect(CuResult::launch_failed, CUDA_ERROR_LAUNCH_FAILED);
  expect(kMultiprocessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  expect(kMemoryClockKHz, CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE);
  expect(kMemoryBusBits, CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH);
  expect(kThreadsPerMultiprocessor, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR);
  expect(kComputeCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  expect(kComputeCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  expect(kSharedPerMultiprocessor, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR);
  expect(kSharedPerBlockOptIn, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  expect(kBlocksPerMultiprocessor, CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR);
  expect(kReservedSharedPerBlock, CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK);
  expect(kMemoryPoolsSupported, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED);
  expect(kStreamNonBlocking, CU_STREAM_NON_BLOCKING);
  expect(kEventDisableTiming, CU_EVENT_DISABLE_TIMING);
  expect(kHostPortable, CU_MEMHOSTALLOC_PORTABLE);
  expect(kHostDeviceMap, CU_MEMHOSTALLOC_DEVICEMAP);
  expect(kMaxDynamicSharedBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  expect(kPoolReleaseThreshold, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD);
  expect(kCaptureRelaxed, CU_STREAM_CAPTURE_MODE_RELAXED);
  expect(kJitErrorLog, CU_JIT_ERROR_LOG_BUFFER);
  expect(kJitErrorLogBytes, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
  expect(CuPoolProperties{}.allocation_type, CU_MEM_ALLOCATION_TYPE_PINNED);
  expect(CuPoolProperties{}.location_type, CU_MEM_LOCATION_TYPE_DEVICE);
}

}  // namespace
}  // namespace leat::runtime::cuda
