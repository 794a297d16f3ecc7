// From an LLVM module to running code: verify, optimise a little, generate an object, load it; or to the text
// of a GPU.
//
// optimize_module and compile_object are pure functions of a module and a target; each compile makes its own
// TargetMachine (they are not thread-safe), so any number run at once. Jit owns the loaded code of a Context:
// each kernel is a JITDylib of its own, unloaded when the last owner of its LoadedCode goes. Nothing of the
// process is touched: no signal handler, no global option, no symbol of the host but the few listed in
// jit.cpp.
#pragma once

#include <memory>
#include <string>

#include "compiler/codegen/target.h"
#include "ir/kernel.h"
#include "leat/status.h"

namespace llvm {
class Module;
}

namespace leat::compiler::codegen {

/// The name of the one function that a kernel's module defines.
inline constexpr char kKernelSymbol[] = "leat_kernel";

/// Gives the module the triple and the data layout of the target.
Status set_target(llvm::Module& module, const CodeTarget& target);

/// Verifies the module and runs the slim pipeline over it.
Status optimize_module(llvm::Module& module, const CodeTarget& target);

/// The module as an object file, or as assembly text.
StatusOr<std::string> compile_object(llvm::Module& module, const CodeTarget& target);
StatusOr<std::string> compile_assembly(llvm::Module& module, const CodeTarget& target);

struct LoadedCode {
  ir::KernelFunction function = nullptr;
  std::shared_ptr<const void> owner;  // keeps the code (and the Jit) loaded
};

class Jit : public std::enable_shared_from_this<Jit> {
 public:
  static StatusOr<std::shared_ptr<Jit>> Create();
  virtual ~Jit() = default;
  /// Links an object of compile_object into this process. Thread-safe.
  virtual StatusOr<LoadedCode> Load(const std::string& object) = 0;
};

}  // namespace leat::compiler::codegen
