// The CUDA driver, opened at run time: nothing of it is linked, and a machine without one is no error.
//
// libcuda.so.1 comes with the kernel driver; the library of stubs that the toolkit brings is never taken.
// Every entry point is asked of cuGetProcAddress with the version of its interface (driver_abi.h). A Driver
// stays open as long as somebody holds it; any thread may call it.
//
//   StatusOr<std::shared_ptr<const Driver>> driver = Driver::Open();   // not_found says why there is none
//   if (Status s = (*driver)->Check((*driver)->DeviceGetCount(&n), "cuDeviceGetCount"); !s.ok()) ...
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "leat/status.h"
#include "runtime/cuda/driver_abi.h"
#include "runtime/cuda/open_library.h"

namespace leat::runtime::cuda {

class Driver {
 public:
  /// The library at `path`, initialised. Where it is empty: what the environment variable
  /// LEAT_CUDA_DRIVER names ("none": nothing), else libcuda.so.1 as the system's loader finds it. not_found
  /// where there is no usable driver, with the reason.
  static StatusOr<std::shared_ptr<const Driver>> Open(const std::string& path = {});
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  const std::string& path() const { return path_; }
  int version() const { return version_; }  // 12040 is CUDA 12.4
  int device_count() const { return device_count_; }

  /// Ok, or what the driver calls the error: "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (out of memory)". Out of
  /// memory is resource_exhausted, everything else device_lost.
  Status Check(CuResult result, std::string_view call) const;

#define LEAT_ENTRY(name, version, parameters) CuResult(*name) parameters = nullptr;
  LEAT_CUDA_DRIVER_ENTRIES(LEAT_ENTRY)
#undef LEAT_ENTRY

 private:
  explicit Driver(OpenedLibrary library) : library_(std::move(library)) {}
  Status Load();
  const OpenedLibrary library_;
  std::string path_;
  int version_ = 0, device_count_ = 0;
};

/// "12.4"
std::string describe_version(int version);

/// What `leat info` says: "found: /usr/lib/libcuda.so.1, CUDA 12.4, 1 devices", or "absent: " and why. It is
/// opened.
std::string describe_driver();

}  // namespace leat::runtime::cuda
