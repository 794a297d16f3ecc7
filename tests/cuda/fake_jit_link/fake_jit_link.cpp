#include "tests/cuda/fake_jit_link/fake_jit_link.h"

#include <cstdint>
#include <cstring>

namespace {

using leat::fake_jit_link::FakeJitLink;

FakeJitLink g_fake;

struct Link {
  std::string arch, ptx;
};

constexpr int kSuccess = 0, kMissingArch = 2, kInvalidInput = 3, kPtxCompile = 4;
constexpr char kLog[] = "ptxas fatal: it was told to fail";

bool fails(const char* call) {
  const std::lock_guard lock(g_fake.mutex);
  return g_fake.fail == call;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

FakeJitLink* leat_fake_jit_link() { return &g_fake; }

int nvJitLinkVersion(unsigned* major, unsigned* minor) {
  *major = 13;
  *minor = 9;
  return fails("nvJitLinkVersion") ? kInvalidInput : kSuccess;
}
int nvJitLinkCreate(void** handle, std::uint32_t count, const char** options) {
  if (fails("nvJitLinkCreate")) return kInvalidInput;
  std::string arch;
  for (std::uint32_t k = 0; k < count; ++k) {
    if (std::strncmp(options[k], "-arch=", 6) == 0) arch = options[k] + 6;
  }
  if (arch.empty()) return kMissingArch;
  *handle = new Link{arch, ""};
  const std::lock_guard lock(g_fake.mutex);
  ++g_fake.open;
  return kSuccess;
}
int nvJitLinkDestroy(void** handle) {
  delete static_cast<Link*>(*handle);
  *handle = nullptr;
  const std::lock_guard lock(g_fake.mutex);
  --g_fake.open;
  return kSuccess;
}
int nvJitLinkAddData(void* handle, int type, const void* data, std::size_t bytes, const char*) {
  if (type != 2 || fails("nvJitLinkAddData")) return kInvalidInput;
  static_cast<Link*>(handle)->ptx.assign(static_cast<const char*>(data), bytes);
  return kSuccess;
}
int nvJitLinkComplete(void*) {
  if (fails("nvJitLinkComplete")) return kPtxCompile;
  const std::lock_guard lock(g_fake.mutex);
  ++g_fake.links;
  return kSuccess;
}
static std::string cubin_of(void* handle) {
  const Link& link = *static_cast<Link*>(handle);
  return "cubin for " + link.arch + "\n" + link.ptx;
}
int nvJitLinkGetLinkedCubinSize(void* handle, std::size_t* bytes) {
  if (fails("nvJitLinkGetLinkedCubinSize")) return kInvalidInput;
  *bytes = cubin_of(handle).size();
  return kSuccess;
}
int nvJitLinkGetLinkedCubin(void* handle, void* cubin) {
  if (fails("nvJitLinkGetLinkedCubin")) return kInvalidInput;
  const std::string made = cubin_of(handle);
  std::memcpy(cubin, made.data(), made.size());
  return kSuccess;
}
int nvJitLinkGetErrorLogSize(void*, std::size_t* bytes) {
  *bytes = sizeof kLog;
  return kSuccess;
}
int nvJitLinkGetErrorLog(void*, char* log) {
  std::memcpy(log, kLog, sizeof kLog);
  return kSuccess;
}

}  // extern "C"
#pragma GCC visibility pop
