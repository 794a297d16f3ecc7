#include "compiler/codegen/fatal_error.h"

#include <llvm/Support/ErrorHandling.h>

#include <atomic>
#include <mutex>
#include <new>
#include <string>

namespace leat::compiler::codegen {
namespace {

std::atomic<bool> asked{false};

}  // namespace

void install_fatal_error_handlers() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::install_fatal_error_handler(
        [](void*, const char* reason, bool) { throw FatalError(std::string("LLVM: ") + reason); });
    llvm::install_bad_alloc_error_handler([](void*, const char*, bool) { throw std::bad_alloc(); });
  });
}

void raise_fatal_error_in_next_compilation() { asked = true; }

void raise_fatal_error_if_asked() {
  if (asked.exchange(false)) llvm::report_fatal_error("asked for by a test");
}

}  // namespace leat::compiler::codegen
