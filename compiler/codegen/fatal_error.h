// What LLVM would end the process for becomes an exception: the kernel stays on the tile tier, the host lives
// on.
//
// The handlers belong to the LLVM that is linked in and hidden; another LLVM of the process keeps its own.
// LLVM's frames are unwound without destructors, so whoever catches must leak the LLVM objects that were in
// use: their state is unknown. That costs memory once per error of a kind that is not expected to happen at
// all. Any thread.
#pragma once

#include <stdexcept>

namespace leat::compiler::codegen {

class FatalError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Installs the handlers, once per process.
void install_fatal_error_handlers();

/// Test hook: the next kernel that is compiled meets a fatal error of LLVM.
void raise_fatal_error_in_next_compilation();
/// Called where a kernel is compiled; raises it.
void raise_fatal_error_if_asked();

}  // namespace leat::compiler::codegen
