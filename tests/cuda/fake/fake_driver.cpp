// The entry points of the fake driver.
#include "tests/cuda/fake/fake_driver.h"

#include <cstring>
#include <unordered_map>

#include "tests/cuda/fake/fake_entries.h"

namespace leat::fake_cuda {
CuResult Init(unsigned) {
  LEAT_CALL("cuInit");
  return CuResult::success;
}
CuResult DriverGetVersion(int* version) {
  LEAT_CALL("cuDriverGetVersion");
  *version = state().options.version;
  return CuResult::success;
}
CuResult GetErrorName(CuResult error, const char** name) {
  switch (error) {
    case CuResult::out_of_memory: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case CuResult::invalid_value: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case CuResult::invalid_context: *name = "CUDA_ERROR_INVALID_CONTEXT"; break;
    case CuResult::invalid_image: *name = "CUDA_ERROR_INVALID_IMAGE"; break;
    case CuResult::illegal_address: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; break;
    case CuResult::launch_failed: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
    default: return CuResult::invalid_value;
  }
  return CuResult::success;
}
CuResult GetErrorString(CuResult error, const char** text) {
  switch (error) {
    case CuResult::out_of_memory: *text = "out of memory"; break;
    case CuResult::illegal_address: *text = "an illegal memory access was encountered"; break;
    default: return CuResult::invalid_value;
  }
  return CuResult::success;
}
CuResult DeviceGetCount(int* count) {
  LEAT_CALL("cuDeviceGetCount");
  *count = state().options.devices;
  return CuResult::success;
}
CuResult DeviceGet(CuDevice* device, int ordinal) {
  LEAT_CALL("cuDeviceGet");
  if (ordinal < 0 || ordinal >= state().options.devices) return CuResult::invalid_value;
  *device = ordinal;
  return CuResult::success;
}
CuResult DeviceGetName(char* name, int bytes, CuDevice device) {
  LEAT_CALL("cuDeviceGetName");
  std::snprintf(name, static_cast<std::size_t>(bytes), "Fake GPU %d", device);
  return CuResult::success;
}
CuResult DeviceGetAttribute(int* value, CuDeviceAttribute attribute, CuDevice) {
  LEAT_CALL("cuDeviceGetAttribute");
  switch (attribute) {
    case kMultiprocessorCount: *value = 4; break;
    case kMemoryClockKHz: *value = 1'000'000; break;
    case kMemoryBusBits: *value = 1024; break;
    case kThreadsPerMultiprocessor: *value = 2048; break;
    case kComputeCapabilityMajor: *value = 9; break;
    case kComputeCapabilityMinor: *value = 0; break;
    case kSharedPerMultiprocessor: *value = 228 << 10; break;
    case kSharedPerBlockOptIn: *value = 227 << 10; break;
    case kBlocksPerMultiprocessor: *value = 32; break;
    case kReservedSharedPerBlock: *value = 1024; break;
    case kMemoryPoolsSupported: *value = state().options.memory_pools ? 1 : 0; break;
    default: return CuResult::invalid_value;
  }
  return CuResult::success;
}
CuResult DeviceTotalMem(std::size_t* bytes, CuDevice) {
  LEAT_CALL("cuDeviceTotalMem");
  *bytes = static_cast<std::size_t>(state().options.memory_bytes);
  return CuResult::success;
}

CuResult DevicePrimaryCtxRetain(CuContext* context, CuDevice device) {
  LEAT_CALL("cuDevicePrimaryCtxRetain");
  const std::lock_guard lock(state().mutex);
  FakeDevice& d = *state().devices[static_cast<std::size_t>(device)];
  ++d.references;
  *context = reinterpret_cast<CuContext>(&d);
  return CuResult::success;
}
CuResult DevicePrimaryCtxRelease(CuDevice device) {
  LEAT_CALL("cuDevicePrimaryCtxRelease");
  const std::lock_guard lock(state().mutex);
  FakeDevice& d = *state().devices[static_cast<std::size_t>(device)];
  if (d.references == 0) return state().Misuse("cuDevicePrimaryCtxRelease of a context that nobody holds");
  // Of a device that has failed nothing could be given back: it goes with the context.
  if (--d.references == 0 && d.error != CuResult::success) state().memory.RemoveAll(device);
  return CuResult::success;
}
CuResult CtxPushCurrent(CuContext context) {
  LEAT_CALL("cuCtxPushCurrent");
  const std::lock_guard lock(state().mutex);
  for (std::size_t d = 0; d < state().devices.size(); ++d) {
    if (reinterpret_cast<CuContext>(state().devices[d].get()) != context) continue;
    context_stack().push_back(static_cast<int>(d));
    return CuResult::success;
  }
  return missing("cuCtxPushCurrent", "context");
}
CuResult CtxGetDevice(CuDevice* number) {
  LEAT_CONTEXT_CALL("cuCtxGetDevice");
  *number = device;
  return CuResult::success;
}
CuResult CtxPopCurrent(CuContext* context) {
  LEAT_CALL("cuCtxPopCurrent");
  if (context_stack().empty()) {
    state().Complain("cuCtxPopCurrent of nothing");
    return CuResult::invalid_context;
  }
  const std::lock_guard lock(state().mutex);
  *context =
      reinterpret_cast<CuContext>(state().devices[static_cast<std::size_t>(context_stack().back())].get());
  context_stack().pop_back();
  return CuResult::success;
}

static CuResult add_memory(const char* call, CuAddress* address, std::size_t bytes, int device) {
  State& s = state();
  if (bytes == 0) return s.Misuse(std::string(call) + " of 0 bytes");
  if (s.memory.BytesOf(device) + static_cast<std::int64_t>(bytes) > s.options.memory_bytes)
    return CuResult::out_of_memory;
  *address = s.memory.Add(bytes, device);
  return *address != 0 ? CuResult::success : CuResult::out_of_memory;
}

CuResult MemGetInfo(std::size_t* free, std::size_t* total) {
  LEAT_CONTEXT_CALL("cuMemGetInfo");
  *total = static_cast<std::size_t>(state().options.memory_bytes);
  *free = *total - static_cast<std::size_t>(state().memory.BytesOf(device));
  return CuResult::success;
}
CuResult MemAlloc(CuAddress* address, std::size_t bytes) {
  LEAT_CONTEXT_CALL("cuMemAlloc");
  return add_memory("cuMemAlloc", address, bytes, device);
}
CuResult MemFree(CuAddress address) {
  LEAT_CONTEXT_CALL("cuMemFree");
  std::uint64_t begin = 0;
  const FakeMemory::Block* block = state().memory.Find(address, 0, &begin);
  if (block == nullptr || begin != address || block->freed || block->device != device)
    return missing("cuMemFree", "block");
  state().memory.Remove(address);
  return CuResult::success;
}
CuResult MemPoolCreate(CuMemoryPool* pool, const CuPoolProperties* properties) {
  LEAT_CONTEXT_CALL("cuMemPoolCreate");
  if (!state().options.memory_pools) return CuResult::invalid_value;
  keep(state().pools, std::make_unique<FakePool>(properties->location_id), pool);
  return CuResult::success;
}
CuResult MemPoolDestroy(CuMemoryPool pool) {
  LEAT_CALL("cuMemPoolDestroy");
  const std::lock_guard lock(state().mutex);
  return state().pools.erase(pool) == 1 ? CuResult::success : missing("cuMemPoolDestroy", "pool");
}
CuResult MemPoolSetAttribute(CuMemoryPool pool, std::int32_t, void*) {
  LEAT_CONTEXT_CALL("cuMemPoolSetAttribute");
  return find(state().pools, pool) ? CuResult::success : missing("cuMemPoolSetAttribute", "pool");
}
CuResult MemAllocFromPoolAsync(CuAddress* address, std::size_t bytes, CuMemoryPool handle, CuStream stream) {
  LEAT_CONTEXT_CALL("cuMemAllocFromPoolAsync");
  const FakePool* const pool = find(state().pools, handle);
  if (pool == nullptr) return missing("cuMemAllocFromPoolAsync", "pool");
  if (stream_of(stream, device, "cuMemAllocFromPoolAsync") == nullptr) return CuResult::invalid_handle;
  return add_memory("cuMemAllocFromPoolAsync", address, bytes, pool->device);
}
CuResult MemFreeAsync(CuAddress address, CuStream handle) {
  LEAT_CONTEXT_CALL("cuMemFreeAsync");
  FakeStream* const stream = stream_of(handle, device, "cuMemFreeAsync");
  if (stream == nullptr) return CuResult::invalid_handle;
  std::uint64_t begin = 0;
  FakeMemory::Block* block = state().memory.Find(address, 0, &begin);
  if (block == nullptr || begin != address || block->freed) return missing("cuMemFreeAsync", "block");
  block->freed = true;
  stream->Push([address] {  // also of a device that has failed
    const std::lock_guard lock(state().mutex);
    state().memory.Remove(address);
  });
  return CuResult::success;
}
CuResult MemHostAlloc(void** address, std::size_t bytes, unsigned) {
  LEAT_CONTEXT_CALL("cuMemHostAlloc");
  *address = reinterpret_cast<void*>(state().memory.AddPinned(bytes));
  return *address != nullptr ? CuResult::success : CuResult::out_of_memory;
}
CuResult MemFreeHost(void* address) {
  // Of a device that has failed the memory is given back too.
  LEAT_CALL("cuMemFreeHost");
  const std::lock_guard lock(state().mutex);
  std::uint64_t begin = 0;
  const FakeMemory::Block* block = state().memory.Find(reinterpret_cast<std::uint64_t>(address), 0, &begin);
  if (block == nullptr || block->device >= 0 || begin != reinterpret_cast<std::uint64_t>(address))
    return missing("cuMemFreeHost", "block");
  state().memory.Remove(begin);
  return CuResult::success;
}

// A copy whose ends are checked now, for their kind, and again when it happens.
static CuResult queue_copy(const char* call, int device, std::uint64_t to, bool to_host, std::uint64_t from,
                           bool from_host, std::size_t bytes, CuStream handle) {
  State& s = state();
  FakeStream* const stream = stream_of(handle, device, call);
  if (stream == nullptr) return CuResult::invalid_handle;
  const FakeMemory::Block *target = s.memory.Find(to, bytes), *source = s.memory.Find(from, bytes);
  const auto wrong = [](const FakeMemory::Block* block, bool host) {
    return block == nullptr || block->freed || (block->device < 0) != host;
  };
  if (wrong(target, to_host))
    return s.Misuse(std::string(call) + " to memory that is not there, or not pinned");
  if (wrong(source, from_host))
    return s.Misuse(std::string(call) + " from memory that is not there, or not pinned");
  s.Queue(*stream, [=] { state().Copy(to, from, bytes, call); });
  return CuResult::success;
}
CuResult MemcpyHtoDAsync(CuAddress to, const void* from, std::size_t bytes, CuStream stream) {
  LEAT_CONTEXT_CALL("cuMemcpyHtoDAsync");
  return queue_copy("cuMemcpyHtoDAsync", device, to, false, reinterpret_cast<std::uint64_t>(from), true,
                    bytes, stream);
}
CuResult MemcpyDtoHAsync(void* to, CuAddress from, std::size_t bytes, CuStream stream) {
  LEAT_CONTEXT_CALL("cuMemcpyDtoHAsync");
  return queue_copy("cuMemcpyDtoHAsync", device, reinterpret_cast<std::uint64_t>(to), true, from, false,
                    bytes, stream);
}
CuResult MemcpyPeerAsync(CuAddress to, CuContext, CuAddress from, CuContext, std::size_t bytes,
                         CuStream stream) {
  LEAT_CONTEXT_CALL("cuMemcpyPeerAsync");
  return queue_copy("cuMemcpyPeerAsync", device, to, false, from, false, bytes, stream);
}

CuResult StreamCreate(CuStream* stream, unsigned) {
  LEAT_CONTEXT_CALL("cuStreamCreate");
  keep(state().streams, std::make_unique<FakeStream>(device, state().options.most_delay_us, ++state().made),
       stream);
  return CuResult::success;
}
CuResult StreamDestroy(CuStream handle) {
  LEAT_CALL("cuStreamDestroy");
  std::unique_ptr<FakeStream> stream;  // joined without the lock
  {
    const std::lock_guard lock(state().mutex);
    const auto it = state().streams.find(handle);
    if (it == state().streams.end()) return missing("cuStreamDestroy", "stream");
    stream = std::move(it->second);
    state().streams.erase(it);
  }
  return CuResult::success;
}
CuResult StreamSynchronize(CuStream handle) {
  const auto ticket = std::make_shared<Ticket>();
  int on = 0;
  {
    LEAT_CONTEXT_CALL("cuStreamSynchronize");
    FakeStream* const stream = stream_of(handle, device, "cuStreamSynchronize");
    if (stream == nullptr) return CuResult::invalid_handle;
    stream->Push([ticket] { ticket->Finish(); });
    on = device;
  }
  ticket->Wait();
  const std::lock_guard lock(state().mutex);
  return state().devices[static_cast<std::size_t>(on)]->error;
}
CuResult StreamQuery(CuStream handle) {
  LEAT_CONTEXT_CALL("cuStreamQuery");
  FakeStream* const stream = stream_of(handle, device, "cuStreamQuery");
  if (stream == nullptr) return CuResult::invalid_handle;
  return stream->idle() ? CuResult::success : CuResult::not_ready;
}
CuResult StreamWaitEvent(CuStream handle, CuEvent event, unsigned) {
  LEAT_CONTEXT_CALL("cuStreamWaitEvent");
  FakeStream* const stream = stream_of(handle, device, "cuStreamWaitEvent");
  if (stream == nullptr) return CuResult::invalid_handle;
  const FakeEvent* const found = find(state().events, event);
  if (found == nullptr) return missing("cuStreamWaitEvent", "event");
  if (found->ticket == nullptr)
    return state().Misuse("cuStreamWaitEvent of an event that was never recorded");
  stream->Push([ticket = found->ticket] { ticket->Wait(); });
  return CuResult::success;
}
CuResult EventCreate(CuEvent* event, unsigned flags) {
  LEAT_CONTEXT_CALL("cuEventCreate");
  keep(state().events, std::make_unique<FakeEvent>(device, (flags & kEventDisableTiming) == 0, nullptr),
       event);
  return CuResult::success;
}
CuResult EventRecord(CuEvent event, CuStream handle) {
  LEAT_CONTEXT_CALL("cuEventRecord");
  // Nothing is ever queued on the default streams, which have numbers.
  const bool on_default = handle == reinterpret_cast<CuStream>(1) || handle == reinterpret_cast<CuStream>(2);
  FakeStream* const stream = on_default ? nullptr : stream_of(handle, device, "cuEventRecord");
  if (stream == nullptr && !on_default) return CuResult::invalid_handle;
  FakeEvent* const found = find(state().events, event);
  if (found == nullptr) return missing("cuEventRecord", "event");
  if (found->device != device) return state().Misuse("cuEventRecord of an event of another context");
  found->ticket = std::make_shared<Ticket>();
  if (on_default) {
    found->ticket->Finish();
  } else {
    stream->Push([ticket = found->ticket] { ticket->Finish(); });
  }
  return CuResult::success;
}
CuResult EventDestroy(CuEvent event) {
  LEAT_CALL("cuEventDestroy");
  const std::lock_guard lock(state().mutex);
  return state().events.erase(event) == 1 ? CuResult::success : missing("cuEventDestroy", "event");
}
CuResult EventElapsedTime(float* milliseconds, CuEvent from, CuEvent to) {
  LEAT_CONTEXT_CALL("cuEventElapsedTime");
  const FakeEvent *const a = find(state().events, from), *const b = find(state().events, to);
  if (a == nullptr || b == nullptr) return missing("cuEventElapsedTime", "event");
  if (!a->timed || !b->timed || a->device != device || b->device != device || !a->ticket || !b->ticket)
    return state().Misuse("cuEventElapsedTime of events without times, or of another context");
  if (!a->ticket->at() || !b->ticket->at()) return CuResult::not_ready;
  *milliseconds = std::chrono::duration<float, std::milli>(*b->ticket->at() - *a->ticket->at()).count();
  return CuResult::success;
}
CuResult LaunchHostFunc(CuStream handle, CuHostFunction function, void* argument) {
  LEAT_CONTEXT_CALL("cuLaunchHostFunc");
  FakeStream* const stream = stream_of(handle, device, "cuLaunchHostFunc");
  if (stream == nullptr) return CuResult::invalid_handle;
  state().Queue(*stream, [=] { function(argument); });
  return CuResult::success;
}

static CuResult GetProcAddress(const char* symbol, void** address, int version, std::uint64_t, int* found) {
  static const std::unordered_map<std::string, std::pair<int, void*>> kEntries = {
#define LEAT_ENTRY(name, since, parameters) {"cu" #name, {since, reinterpret_cast<void*>(&name)}},
      LEAT_CUDA_DRIVER_ENTRIES(LEAT_ENTRY)
#undef LEAT_ENTRY
  };
  if (const auto result = state().Enter("cuGetProcAddress")) return *result;
  const auto it = kEntries.find(symbol);
  *address = it == kEntries.end() || version < it->second.first ? nullptr : it->second.second;
  if (found != nullptr) *found = *address == nullptr ? 1 : 0;
  return *address == nullptr ? CuResult::not_found : CuResult::success;
}

#pragma GCC visibility push(default)
extern "C" {
FakeDriver* leat_fake_driver() { return &state(); }
int cuGetProcAddress_v2(const char* symbol, void** address, int version, std::uint64_t flags, int* found) {
  return static_cast<int>(GetProcAddress(symbol, address, version, flags, found));
}
}
#pragma GCC visibility pop

}  // namespace leat::fake_cuda
