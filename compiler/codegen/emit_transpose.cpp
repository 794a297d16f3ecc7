#include "compiler/codegen/emitter.h"
