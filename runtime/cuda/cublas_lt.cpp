#include "runtime/cuda/cublas_lt.h"

#include "runtime/cuda/open_library.h"

namespace leat::runtime::cuda {

StatusOr<std::shared_ptr<const CublasLt>> CublasLt::Open(const std::string& path) {
#define LEAT_ENTRY(entry, result, parameters) "cublasLt" #entry,
  static constexpr const char* kEntries[] = {LEAT_CUBLASLT_ENTRIES(LEAT_ENTRY)};
#undef LEAT_ENTRY
  const StatusOr<OpenedLibrary> library = open_library(
      "LEAT_CUBLASLT", {"libcublasLt.so.13", "libcublasLt.so.12"}, {.path = path, .needs = kEntries});
  if (!library.ok()) return Status(Code::not_found, "no cuBLASLt: " + library.status().message());
  std::shared_ptr<CublasLt> lt(new CublasLt);
#define LEAT_ENTRY(entry, result, parameters) \
  lt->entry = reinterpret_cast<decltype(entry)>(library->Find("cublasLt" #entry));
  LEAT_CUBLASLT_ENTRIES(LEAT_ENTRY)
#undef LEAT_ENTRY
  lt->path_ = library->PathOf("cublasLtGetVersion");
  return std::shared_ptr<const CublasLt>(std::move(lt));
}

std::string CublasLt::version() const {
  const std::size_t v = GetVersion();
  return std::to_string(v / 10000) + "." + std::to_string(v % 10000 / 100) + "." + std::to_string(v % 100);
}

Status CublasLt::Check(LtStatus status, std::string_view call) const {
  if (status == LtStatus::success) [[likely]]
    return {};
  const char* const name = GetStatusName(status);
  std::string message(call);
  message += ": ";
  message += name != nullptr ? name : "status " + std::to_string(static_cast<int>(status));
  const Code code = status == LtStatus::alloc_failed    ? Code::resource_exhausted
                    : status == LtStatus::not_supported ? Code::unimplemented
                                                        : Code::device_lost;
  return Status(code, std::move(message));
}

std::string describe_cublas_lt() {
  const StatusOr<std::shared_ptr<const CublasLt>> lt = CublasLt::Open();
  if (!lt.ok()) return "absent: " + lt.status().message();
  return "found: " + (*lt)->path() + ", " + (*lt)->version();
}

}  // namespace leat::runtime::cuda
