// An outside program that embeds Leat: computes, says what it found, and checks that Leat left the host
// alone: signal handlers, the floating-point mode, OpenMP's setting, and another LLVM in the same process.
//
//   embedder [path of another libLLVM]
#include <dlfcn.h>
#include <signal.h>
#include <xmmintrin.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "leat/leat.h"

namespace {

int failures = 0;
void check(bool ok, const char* what) {
  if (!ok) std::printf("FAILED: %s\n", what), ++failures;
}

std::vector<void*> signal_handlers() {
  std::vector<void*> all;
  for (int s = 1; s < NSIG; ++s) {
    struct sigaction action {};
    if (sigaction(s, nullptr, &action) == 0) all.push_back(reinterpret_cast<void*>(action.sa_handler));
  }
  return all;
}

// What OpenMP would use for the host's own loops; oneDNN brings libgomp into the process.
int openmp_threads() {
  auto* function = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
  return function == nullptr ? -1 : function();
}

float compute() {
  leat::Context context({.tier = leat::Tier::machine_code});
  const leat::Context::Scope scope(context);
  const leat::Tensor x = leat::tensor({1.0f, 2.0f, 3.0f});
  const leat::Tensor product = leat::matmul(leat::ones({256, 256}), leat::ones({256, 256}));  // oneDNN's
  return leat::sum(leat::exp(x) * 0 + x * 2).item<float>() + leat::sum(product).item<float>() -
         256.f * 256 * 256;
}

// The other LLVM, used through its C functions: it has to work before and after ours.
bool use_other_llvm(void* library) {
  auto* make_context = reinterpret_cast<void* (*)()>(dlsym(library, "LLVMContextCreate"));
  auto* make_module =
      reinterpret_cast<void* (*)(const char*, void*)>(dlsym(library, "LLVMModuleCreateWithNameInContext"));
  auto* print = reinterpret_cast<char* (*)(void*)>(dlsym(library, "LLVMPrintModuleToString"));
  if (make_context == nullptr || make_module == nullptr || print == nullptr) return false;
  return std::strstr(print(make_module("other", make_context())), "other") != nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  void* other = nullptr;
  if (argc > 1) {
    other = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    check(other != nullptr && use_other_llvm(other), "another LLVM in the process, before Leat computes");
  }
  const std::vector<void*> handlers = signal_handlers();
  const int threads = openmp_threads();
  const float sum = compute();
  check(sum == 12.0f, "the sum");
  check(signal_handlers() == handlers, "signal handlers are the host's");
  check(openmp_threads() == threads, "OpenMP's setting is the host's");
  // A host that flushes denormals keeps its mode, and gets the same values.
  const unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | 0x8040);
  const float tiny = (leat::tensor({1e-39f}) * 2.0f).item<float>();
  check((_mm_getcsr() & 0xffc0) == ((mode | 0x8040) & 0xffc0), "the floating-point mode is the host's");
  _mm_setcsr(mode);
  check(tiny == 2e-39f, "denormals are computed although the host flushes its own");
  if (other != nullptr) check(use_other_llvm(other), "another LLVM in the process, after Leat computed");
  std::printf("%g\n", static_cast<double>(sum));
  return failures == 0 && sum == 12.0f ? 0 : 1;
}
