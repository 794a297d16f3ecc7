// The end of the process, while kernels may still be compiled.
//
// LLVM keeps tables in function-local statics. It makes them when a compilation first needs them, so exit()
// would destroy them before anything that was made earlier could end that compilation. Where this floor is
// linked, statics are therefore never destroyed (the linker sends __cxa_atexit here), and what must happen at
// the end is said with at_process_end.
#pragma once

namespace leat::compiler::codegen {

/// Calls function(argument) at exit(), or when the library is unloaded; the latest first. Thread-safe.
void at_process_end(void (*function)(void*), void* argument);

}  // namespace leat::compiler::codegen
