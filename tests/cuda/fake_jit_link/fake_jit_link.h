// An nvJitLink for tests: a shared library that makes "cubins" which the fake driver loads, and fails calls.
//
// A cubin is the line "cubin for sm_90" and the PTX.
//
//   FakeJitLink& fake = load_fake_jit_link();  fake.fail = "nvJitLinkComplete";
#pragma once

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>

namespace leat::fake_jit_link {

struct FakeJitLink {
  std::mutex mutex;  // guards what follows
  std::string fail;  // this call fails, until it is ""
  int links = 0;     // cubins made
  int open = 0;      // handles that were created and not destroyed
};

/// The symbol that the library exports.
extern "C" FakeJitLink* leat_fake_jit_link();

/// In a test process: LEAT_FAKE_JIT_LINK is the path of the library.
inline FakeJitLink& load_fake_jit_link(const char* path) {
  void* const library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) std::abort();
  return *reinterpret_cast<FakeJitLink* (*)()>(::dlsym(library, "leat_fake_jit_link"))();
}

}  // namespace leat::fake_jit_link
