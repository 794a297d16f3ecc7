// nvJitLink, opened at run time: from PTX to the machine code of one architecture, without a GPU.
//
// With it cubins are made where PTX is, and kept between processes as objects are; without it the driver
// compiles the PTX when a kernel is loaded. Any thread; calls run side by side.
//
//   StatusOr<std::shared_ptr<const JitLinker>> linker = JitLinker::Open();  // not_found says why not
//   StatusOr<std::string> cubin = (*linker)->Link(ptx, "sm_90");
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "leat/status.h"
#include "runtime/cuda/open_library.h"

namespace leat::runtime::cuda {

class JitLinker {
 public:
  /// What the environment variable LEAT_NVJITLINK names ("none": nothing), else libnvJitLink.so.13 or .12 as
  /// the system's loader finds it. The library has 100 MB: keep what this returns.
  static StatusOr<std::shared_ptr<const JitLinker>> Open();
  JitLinker(const JitLinker&) = delete;
  JitLinker& operator=(const JitLinker&) = delete;

  /// The cubin for `arch` ("sm_90"). internal, with nvJitLink's own words, where it does not take the PTX.
  StatusOr<std::string> Link(const std::string& ptx, std::string_view arch) const;

  const std::string& path() const { return path_; }
  const std::string& version() const { return version_; }  // "13.0"

 private:
  explicit JitLinker(OpenedLibrary library) : library_(std::move(library)) {}
  Status Load();

  using Handle = void*;
  struct Functions {
    int (*version)(unsigned* major, unsigned* minor);
    int (*create)(Handle* handle, std::uint32_t count, const char** options);
    int (*destroy)(Handle* handle);
    int (*add_data)(Handle handle, int type, const void* data, std::size_t bytes, const char* name);
    int (*complete)(Handle handle);
    int (*cubin_bytes)(Handle handle, std::size_t* bytes);
    int (*cubin)(Handle handle, void* cubin);
    int (*log_bytes)(Handle handle, std::size_t* bytes);
    int (*log)(Handle handle, char* log);
  } call_{};
  const OpenedLibrary library_;
  std::string path_, version_;
};

/// What `leat info` says: which it is, or why the driver compiles PTX instead.
std::string describe_jit_linker();

}  // namespace leat::runtime::cuda
