#include "runtime/cuda/cublas_lt.h"

#include <dlfcn.h>

#include <cstdlib>

namespace leat::runtime::cuda {

StatusOr<std::shared_ptr<const CublasLt>> CublasLt::Open(const std::string& path) {
  const char* named = std::getenv("LEAT_CUBLASLT");
  const std::string wanted = !path.empty() ? path : named != nullptr ? named : "";
  std::string why;
  for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12"}) {
    std::shared_ptr<CublasLt> lt(new CublasLt);
    const Status loaded = lt->Load(wanted.empty() ? name : wanted);
    if (loaded.ok()) return std::shared_ptr<const CublasLt>(std::move(lt));
    why += (why.empty() ? "" : "; ") + loaded.message();
    if (!wanted.empty()) break;
  }
  return Status(Code::not_found, "no cuBLASLt: " + why);
}

Status CublasLt::Load(const std::string& name) {
  void* const library = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    const char* why = ::dlerror();
    return Status(Code::not_found, why == nullptr ? "dlopen gives no reason" : why);
  }
#define LEAT_ENTRY(entry, result, parameters)                                     \
  entry = reinterpret_cast<decltype(entry)>(::dlsym(library, "cublasLt" #entry)); \
  if (entry == nullptr) {                                                         \
    ::dlclose(library);                                                           \
    return Status(Code::not_found, name + " has no cublasLt" #entry);             \
  }
  LEAT_CUBLASLT_ENTRIES(LEAT_ENTRY)
#undef LEAT_ENTRY
  Dl_info where{};
  const bool known = ::dladdr(reinterpret_cast<const void*>(GetVersion), &where) != 0;
  path_ = known && where.dli_fname != nullptr ? where.dli_fname : name;
  ::dlclose(library);  // it stays
  return {};
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
