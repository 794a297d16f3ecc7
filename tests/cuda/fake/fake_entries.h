// What the entry points of the fake driver have in common, and their declarations.
#pragma once

#include <memory>
#include <string>

#include "tests/cuda/fake/fake_state.h"

namespace leat::fake_cuda {

using namespace runtime::cuda;  // NOLINT: the names of the interface that is played

// Every function but the first ones needs a current context whose device works.
#define LEAT_CALL(entry) \
  if (const auto result = state().Enter(entry)) return *result;
#define LEAT_CONTEXT_CALL(entry)                                                \
  int device = 0;                                                               \
  if (const auto result = state().EnterContext(entry, &device)) return *result; \
  [[maybe_unused]] const std::lock_guard lock(state().mutex);

template <class Made>
Made* find(std::map<void*, std::unique_ptr<Made>>& all, const void* handle) {
  const auto it = all.find(const_cast<void*>(handle));
  return it == all.end() ? nullptr : it->second.get();
}

template <class Made, class Handle>
void keep(std::map<void*, std::unique_ptr<Made>>& all, std::unique_ptr<Made> made, Handle* handle) {
  *handle = reinterpret_cast<Handle>(made.get());
  all.emplace(made.get(), std::move(made));
}

inline CuResult missing(const char* call, const char* what) {
  return state().Misuse(std::string(call) + ": no such " + what);
}

/// The stream, which must be of the current context. `captures`: it may be one that captures what is queued.
inline FakeStream* stream_of(CuStream handle, int device, const char* call, bool captures = false) {
  FakeStream* const stream = find(state().streams, handle);
  if (stream == nullptr) {
    missing(call, "stream");
  } else if (stream->device() != device) {
    state().Misuse(std::string(call) + " on a stream of another context");
    return nullptr;
  } else if (!captures && state().captures.contains(stream)) {
    state().Misuse(std::string(call) + " on a stream that captures");
    return nullptr;
  }
  return stream;
}

/// A launch of which nothing is wrong; nullptr, and a complaint, where something is. With the lock held.
std::unique_ptr<FakeNode> kernel_of(const char* call, int device, const CuKernelNode& kernel);

#define LEAT_ENTRY(name, version, parameters) CuResult name parameters;
LEAT_CUDA_DRIVER_ENTRIES(LEAT_ENTRY)
#undef LEAT_ENTRY

}  // namespace leat::fake_cuda
