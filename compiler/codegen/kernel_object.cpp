#include "compiler/codegen/kernel_object.h"

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/raw_ostream.h>

#include <memory>

#include "compiler/codegen/cpu/cpu_emitter.h"
#include "compiler/codegen/fatal_error.h"
#include "compiler/codegen/jit.h"

namespace leat::compiler::codegen {
namespace {

/// Calls use(module) with the optimised module of the kernel.
template <class Use>
StatusOr<std::string> with_module(const ir::Kernel& kernel, const CodeTarget& target, Use use) {
  if (const std::string complaint = ir::check(kernel); !complaint.empty()) {
    return Status(Code::invalid_argument, "malformed kernel: " + complaint);
  }
  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = std::make_unique<llvm::Module>("kernel", *context);
  try {
    module->setTargetTriple(target.triple);
    emit_cpu_kernel(kernel, target, *module);
    if (Status status = optimize_module(*module, target); !status.ok()) return status;
    return use(*module);
  } catch (const FatalError& error) {
    (void)module.release();
    (void)context.release();
    return Status(Code::internal, error.what());
  }
}

}  // namespace

StatusOr<std::string> kernel_object(const ir::Kernel& kernel, const CodeTarget& target) {
  return with_module(kernel, target, [&](llvm::Module& module) { return compile_object(module, target); });
}

StatusOr<std::string> kernel_assembly(const ir::Kernel& kernel, const CodeTarget& target) {
  return with_module(kernel, target, [&](llvm::Module& module) { return compile_assembly(module, target); });
}

StatusOr<std::string> kernel_llvm_text(const ir::Kernel& kernel, const CodeTarget& target) {
  return with_module(kernel, target, [](llvm::Module& module) -> StatusOr<std::string> {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module.print(stream, nullptr);
    return stream.str();
  });
}

}  // namespace leat::compiler::codegen
