#pragma once

#include "runtime/program/program.h"

namespace leat::compiler {

/// A constant that is unaligned, as weights are in a model's file, stays where it is if all steps that read
/// it can read it there. Otherwise the program gets a copy of its own.
void align_constants(runtime::Program& program);

}  // namespace leat::compiler
