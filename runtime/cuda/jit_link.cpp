#include "runtime/cuda/jit_link.h"

#include <iterator>
#include <type_traits>

namespace leat::runtime::cuda {
namespace {

// nvJitLinkResult and nvJitLinkInputType of nvJitLink.h; the same in 12.0 to 13.0.
constexpr int kSuccess = 0, kInputPtx = 2;

std::string result_name(int result) {
  static constexpr const char* kNames[] = {"NVJITLINK_SUCCESS",
                                           "NVJITLINK_ERROR_UNRECOGNIZED_OPTION",
                                           "NVJITLINK_ERROR_MISSING_ARCH",
                                           "NVJITLINK_ERROR_INVALID_INPUT",
                                           "NVJITLINK_ERROR_PTX_COMPILE",
                                           "NVJITLINK_ERROR_NVVM_COMPILE",
                                           "NVJITLINK_ERROR_INTERNAL",
                                           "NVJITLINK_ERROR_THREADPOOL",
                                           "NVJITLINK_ERROR_UNRECOGNIZED_INPUT",
                                           "NVJITLINK_ERROR_FINALIZE"};
  if (result >= 0 && result < static_cast<int>(std::size(kNames))) return kNames[result];
  return "error " + std::to_string(result);
}

}  // namespace

StatusOr<std::shared_ptr<const JitLinker>> JitLinker::Open() {
  static constexpr const char* kNeeds[] = {
      "nvJitLinkVersion",        "nvJitLinkCreate",          "nvJitLinkDestroy",
      "nvJitLinkAddData",        "nvJitLinkComplete",        "nvJitLinkGetLinkedCubinSize",
      "nvJitLinkGetLinkedCubin", "nvJitLinkGetErrorLogSize", "nvJitLinkGetErrorLog"};
  StatusOr<OpenedLibrary> library =
      open_library("LEAT_NVJITLINK", {"libnvJitLink.so.13", "libnvJitLink.so.12"}, {.needs = kNeeds});
  if (!library.ok()) return library.status();
  std::shared_ptr<JitLinker> linker(new JitLinker(*std::move(library)));
  if (Status s = linker->Load(); !s.ok()) return s;
  return std::shared_ptr<const JitLinker>(std::move(linker));
}

Status JitLinker::Load() {
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(library_.Find(name));
  };
  find(call_.version, "nvJitLinkVersion");
  find(call_.create, "nvJitLinkCreate");
  find(call_.destroy, "nvJitLinkDestroy");
  find(call_.add_data, "nvJitLinkAddData");
  find(call_.complete, "nvJitLinkComplete");
  find(call_.cubin_bytes, "nvJitLinkGetLinkedCubinSize");
  find(call_.cubin, "nvJitLinkGetLinkedCubin");
  find(call_.log_bytes, "nvJitLinkGetErrorLogSize");
  find(call_.log, "nvJitLinkGetErrorLog");
  path_ = library_.PathOf("nvJitLinkVersion");
  unsigned major = 0, minor = 0;
  if (const int result = call_.version(&major, &minor); result != kSuccess)
    return Status(Code::not_found, path_ + ": nvJitLinkVersion: " + result_name(result));
  version_ = std::to_string(major) + "." + std::to_string(minor);
  return {};
}

StatusOr<std::string> JitLinker::Link(const std::string& ptx, std::string_view arch) const {
  Handle handle = nullptr;
  const std::string option = "-arch=" + std::string(arch);
  const char* options[] = {option.c_str()};
  const auto failed = [&](const char* call, int result) {
    std::string text = std::string(call) + ": " + result_name(result);
    std::size_t bytes = 0;
    if (handle != nullptr && call_.log_bytes(handle, &bytes) == kSuccess && bytes > 1) {
      std::string log(bytes, '\0');
      if (call_.log(handle, log.data()) == kSuccess) text += ": " + log.substr(0, log.find('\0'));
    }
    if (handle != nullptr) call_.destroy(&handle);
    return Status(Code::internal, std::move(text));
  };
  if (const int r = call_.create(&handle, 1, options); r != kSuccess) return failed("nvJitLinkCreate", r);
  if (const int r = call_.add_data(handle, kInputPtx, ptx.data(), ptx.size(), "leat_kernel"); r != kSuccess)
    return failed("nvJitLinkAddData", r);
  if (const int r = call_.complete(handle); r != kSuccess) return failed("nvJitLinkComplete", r);
  std::size_t bytes = 0;
  if (const int r = call_.cubin_bytes(handle, &bytes); r != kSuccess)
    return failed("nvJitLinkGetLinkedCubinSize", r);
  std::string cubin(bytes, '\0');
  if (const int r = call_.cubin(handle, cubin.data()); r != kSuccess)
    return failed("nvJitLinkGetLinkedCubin", r);
  call_.destroy(&handle);
  return cubin;
}

std::string describe_jit_linker() {
  const StatusOr<std::shared_ptr<const JitLinker>> linker = JitLinker::Open();
  if (!linker.ok()) return "absent, so the driver compiles PTX: " + linker.status().message();
  return "found: " + (*linker)->path() + ", " + (*linker)->version();
}

}  // namespace leat::runtime::cuda
