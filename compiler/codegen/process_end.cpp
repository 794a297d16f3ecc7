#include "compiler/codegen/process_end.h"

extern "C" {
extern void* __dso_handle;
int __real___cxa_atexit(void (*function)(void*), void* argument, void* dso);
int __wrap___cxa_atexit(void (*function)(void*), void* argument, void* dso);

int __wrap___cxa_atexit(void (* /*destroy*/)(void*), void* /*object*/, void* /*dso*/) { return 0; }
}

namespace leat::compiler::codegen {

void at_process_end(void (*function)(void*), void* argument) {
  __real___cxa_atexit(function, argument, &__dso_handle);
}

}  // namespace leat::compiler::codegen
