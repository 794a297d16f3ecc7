// The part of the CUDA driver's interface that Leat calls, declared here: the build needs no CUDA toolkit.
//
// Types have the size, the alignment and the order of cuda.h's; a test compares each entry point with
// NVIDIA's header where that is found. LEAT_CUDA_DRIVER_ENTRIES lists the entry points: name without "cu",
// the version whose interface is asked of cuGetProcAddress, parameters.
#pragma once

#include <cstddef>
#include <cstdint>

namespace leat::runtime::cuda {

using CuDevice = int;
using CuAddress = std::uint64_t;  // CUdeviceptr
using CuContext = struct CuContextRecord*;
using CuStream = struct CuStreamRecord*;
using CuEvent = struct CuEventRecord*;
using CuModule = struct CuModuleRecord*;
using CuFunction = struct CuFunctionRecord*;
using CuMemoryPool = struct CuMemoryPoolRecord*;
using CuGraph = struct CuGraphRecord*;
using CuGraphNode = struct CuGraphNodeRecord*;
using CuGraphExec = struct CuGraphExecRecord*;
using CuHostFunction = void (*)(void*);

/// CUresult: those that Leat tells apart. Any other is a number with a name and a text.
enum class CuResult : std::int32_t {
  success = 0,
  invalid_value = 1,
  out_of_memory = 2,
  invalid_image = 200,
  invalid_context = 201,
  no_binary_for_gpu = 209,
  invalid_ptx = 218,
  unsupported_ptx_version = 222,
  invalid_handle = 400,
  not_found = 500,
  not_ready = 600,
  illegal_address = 700,
  launch_failed = 719,
};

enum CuDeviceAttribute : std::int32_t {
  kMultiprocessorCount = 16,
  kMemoryClockKHz = 36,
  kMemoryBusBits = 37,
  kThreadsPerMultiprocessor = 39,
  kComputeCapabilityMajor = 75,
  kComputeCapabilityMinor = 76,
  kSharedPerMultiprocessor = 81,
  kSharedPerBlockOptIn = 97,
  kBlocksPerMultiprocessor = 106,
  kReservedSharedPerBlock = 111,
  kMemoryPoolsSupported = 115,
};

inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDefault = 0, kEventDisableTiming = 2;
inline constexpr unsigned kHostPortable = 1, kHostDeviceMap = 2;
inline constexpr std::int32_t kMaxDynamicSharedBytes = 8;  // CUfunction_attribute
inline constexpr std::int32_t kPoolReleaseThreshold = 4;   // CUmemPool_attribute
inline constexpr int kCaptureRelaxed = 2;                  // CUstreamCaptureMode
inline constexpr std::int32_t kJitErrorLog = 5, kJitErrorLogBytes = 6;

struct CuPoolProperties {            // CUmemPoolProps
  std::int32_t allocation_type = 1;  // CU_MEM_ALLOCATION_TYPE_PINNED
  std::int32_t handle_types = 0;
  std::int32_t location_type = 1;  // CU_MEM_LOCATION_TYPE_DEVICE
  std::int32_t location_id = 0;
  void* security = nullptr;
  std::size_t max_bytes = 0;
  std::uint16_t usage = 0;
  std::uint8_t reserved[54] = {};
};

struct CuKernelNode {  // CUDA_KERNEL_NODE_PARAMS_v1
  CuFunction function = nullptr;
  unsigned grid_x = 1, grid_y = 1, grid_z = 1;
  unsigned block_x = 1, block_y = 1, block_z = 1;
  unsigned shared_bytes = 0;
  void** parameters = nullptr;  // copied by the call
  void** extra = nullptr;
};

// clang-format off
#define LEAT_CUDA_DRIVER_ENTRIES(X)                                                                         \
  X(Init, 2000, (unsigned flags))                                                                           \
  X(DriverGetVersion, 2020, (int* version))                                                                 \
  X(GetErrorName, 6000, (CuResult error, const char** name))                                                \
  X(GetErrorString, 6000, (CuResult error, const char** text))                                              \
  X(DeviceGetCount, 2000, (int* count))                                                                     \
  X(DeviceGet, 2000, (CuDevice* device, int ordinal))                                                       \
  X(DeviceGetName, 2000, (char* name, int bytes, CuDevice device))                                          \
  X(DeviceGetAttribute, 2000, (int* value, CuDeviceAttribute attribute, CuDevice device))                   \
  X(DeviceTotalMem, 3020, (std::size_t* bytes, CuDevice device))                                            \
  X(DevicePrimaryCtxRetain, 7000, (CuContext* context, CuDevice device))                                    \
  X(DevicePrimaryCtxRelease, 11000, (CuDevice device))                                                      \
  X(CtxPushCurrent, 4000, (CuContext context))                                                              \
  X(CtxPopCurrent, 4000, (CuContext* context))                                                              \
  X(CtxGetDevice, 2000, (CuDevice* device))                                                                 \
  X(MemGetInfo, 3020, (std::size_t* free, std::size_t* total))                                              \
  X(MemAlloc, 3020, (CuAddress* address, std::size_t bytes))                                                \
  X(MemFree, 3020, (CuAddress address))                                                                     \
  X(MemPoolCreate, 11020, (CuMemoryPool* pool, const CuPoolProperties* properties))                         \
  X(MemPoolDestroy, 11020, (CuMemoryPool pool))                                                             \
  X(MemPoolSetAttribute, 11020, (CuMemoryPool pool, std::int32_t attribute, void* value))                   \
  X(MemAllocFromPoolAsync, 11020, (CuAddress* address, std::size_t bytes, CuMemoryPool pool, CuStream stream)) \
  X(MemFreeAsync, 11020, (CuAddress address, CuStream stream))                                              \
  X(MemHostAlloc, 2020, (void** address, std::size_t bytes, unsigned flags))                                \
  X(MemFreeHost, 2000, (void* address))                                                                     \
  X(MemcpyHtoDAsync, 3020, (CuAddress to, const void* from, std::size_t bytes, CuStream stream))            \
  X(MemcpyDtoHAsync, 3020, (void* to, CuAddress from, std::size_t bytes, CuStream stream))                  \
  X(MemcpyPeerAsync, 4000, (CuAddress to, CuContext to_context, CuAddress from, CuContext from_context,     \
                            std::size_t bytes, CuStream stream))                                            \
  X(StreamCreate, 2000, (CuStream* stream, unsigned flags))                                                 \
  X(StreamDestroy, 4000, (CuStream stream))                                                                 \
  X(StreamSynchronize, 2000, (CuStream stream))                                                             \
  X(StreamQuery, 2000, (CuStream stream))                                                                   \
  X(StreamWaitEvent, 3020, (CuStream stream, CuEvent event, unsigned flags))                                \
  X(EventCreate, 2000, (CuEvent* event, unsigned flags))                                                    \
  X(EventRecord, 2000, (CuEvent event, CuStream stream))                                                    \
  X(EventDestroy, 4000, (CuEvent event))                                                                    \
  X(EventElapsedTime, 2000, (float* milliseconds, CuEvent from, CuEvent to))                                \
  X(LaunchHostFunc, 10000, (CuStream stream, CuHostFunction function, void* argument))                      \
  X(ModuleLoadDataEx, 2010, (CuModule* module, const void* image, unsigned options, std::int32_t* names,    \
                             void** values))                                                                \
  X(ModuleUnload, 2000, (CuModule module))                                                                  \
  X(ModuleGetFunction, 2000, (CuFunction* function, CuModule module, const char* name))                     \
  X(FuncSetAttribute, 9000, (CuFunction function, std::int32_t attribute, int value))                       \
  X(LaunchKernel, 4000, (CuFunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,            \
                         unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,       \
                         CuStream stream, void** parameters, void** extra))                                 \
  X(StreamBeginCapture, 10010, (CuStream stream, int mode))                                                 \
  X(StreamEndCapture, 10000, (CuStream stream, CuGraph* graph))                                             \
  X(GraphCreate, 10000, (CuGraph* graph, unsigned flags))                                                   \
  X(GraphDestroy, 10000, (CuGraph graph))                                                                   \
  X(GraphAddKernelNode, 10000, (CuGraphNode* node, CuGraph graph, const CuGraphNode* after,                 \
                                std::size_t after_count, const CuKernelNode* parameters))                   \
  X(GraphAddChildGraphNode, 10000, (CuGraphNode* node, CuGraph graph, const CuGraphNode* after,             \
                                    std::size_t after_count, CuGraph child))                                \
  X(GraphInstantiateWithFlags, 11040, (CuGraphExec* exec, CuGraph graph, unsigned long long flags))         \
  X(GraphExecKernelNodeSetParams, 10010, (CuGraphExec exec, CuGraphNode node,                               \
                                          const CuKernelNode* parameters))                                  \
  X(GraphExecChildGraphNodeSetParams, 11010, (CuGraphExec exec, CuGraphNode node, CuGraph child))           \
  X(GraphExecDestroy, 10000, (CuGraphExec exec))                                                            \
  X(GraphLaunch, 10000, (CuGraphExec exec, CuStream stream))
// clang-format on

}  // namespace leat::runtime::cuda
