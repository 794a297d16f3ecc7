// The fake driver in a test process: LEAT_FAKE_CUDA is the path of its library.
#pragma once

#include <dlfcn.h>

#include <cstdlib>

#include "tests/cuda/fake/fake_driver.h"

namespace leat::fake_cuda {

inline FakeDriver& load_fake_driver() {
  static FakeDriver* const kDriver = [] {
    void* const library = ::dlopen(LEAT_FAKE_CUDA, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) std::abort();
    return reinterpret_cast<FakeDriver* (*)()>(::dlsym(library, "leat_fake_driver"))();
  }();
  return *kDriver;
}

}  // namespace leat::fake_cuda
