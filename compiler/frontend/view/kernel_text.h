// The machine code of a program's kernels beside its stages: LLVM IR, assembly and PTX, as far as is asked
// for.
//
// This is the one part of seeing a program that runs LLVM: some 30 ms a kernel.
#pragma once

#include "compiler/frontend/view/view.h"
#include "leat/dump.h"

namespace leat::frontend {

/// Fills `kernels`, `of_steps` and `code_left_out` of the stages and of those of their bodies. Code that
/// cannot be generated is replaced by the reason. An unknown `arch` is invalid_argument.
Status add_code(Stages* stages, compiler::CodeCache& code, DumpCode which, std::string_view arch);

}  // namespace leat::frontend
