// A kernel as an object file, LLVM IR or assembly for a target: emission, optimisation and code generation in
// one.
//
// Pure functions, each in an LLVM context of its own; any number at once. The host need not be the target. A
// malformed kernel is an invalid_argument Status.
//
//   StatusOr<std::string> object = kernel_object(kernel, host_target(0));
#pragma once

#include <string>

#include "compiler/codegen/target.h"
#include "ir/kernel.h"
#include "leat/status.h"

namespace leat::compiler::codegen {

StatusOr<std::string> kernel_object(const ir::Kernel& kernel, const CodeTarget& target);
StatusOr<std::string> kernel_llvm_text(const ir::Kernel& kernel, const CodeTarget& target);
StatusOr<std::string> kernel_assembly(const ir::Kernel& kernel, const CodeTarget& target);

}  // namespace leat::compiler::codegen
