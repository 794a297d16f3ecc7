// cuBLASLt, opened at run time: nothing of it is linked, and a machine without it is no error.
//
// The library has half a gigabyte: it is opened at the first contraction that is planned for a GPU, and stays
// loaded (what it leaves in the process does not survive being unloaded). Any thread may call it. A Gpu owns
// one handle (gpu.h: Gpu::Lt).
//
//   StatusOr<std::shared_ptr<const CublasLt>> lt = CublasLt::Open();   // not_found says why there is none
//   if (Status s = (*lt)->Check((*lt)->Create(&handle), "cublasLtCreate"); !s.ok()) ...
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "leat/status.h"
#include "runtime/cuda/cublas_lt_abi.h"

namespace leat::runtime::cuda {

class CublasLt {
 public:
  /// The library at `path`. Where it is empty: what the environment variable LEAT_CUBLASLT names ("none":
  /// nothing), else libcublasLt.so.13 or .so.12 as the system's loader finds it. not_found where there is no
  /// usable one, with the reason.
  static StatusOr<std::shared_ptr<const CublasLt>> Open(const std::string& path = {});
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  const std::string& path() const { return path_; }
  std::string version() const;  // "13.0.2"

  /// Ok, or what the library calls the error: "cublasLtMatmul: CUBLAS_STATUS_ALLOC_FAILED". Out of memory is
  /// resource_exhausted, what is not supported unimplemented, everything else device_lost.
  Status Check(LtStatus status, std::string_view call) const;

#define LEAT_ENTRY(name, result, parameters) result(*name) parameters = nullptr;
  LEAT_CUBLASLT_ENTRIES(LEAT_ENTRY)
#undef LEAT_ENTRY

 private:
  CublasLt() = default;
  std::string path_;
};

/// What `leat info` says: "found: /usr/lib/libcublasLt.so.13, 13.0.2", or "absent: " and why. It is opened.
std::string describe_cublas_lt();

}  // namespace leat::runtime::cuda
