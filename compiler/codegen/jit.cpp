#include "compiler/codegen/jit.h"

#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/ExecutionEngine/Orc/Core.h>
#include <llvm/ExecutionEngine/Orc/ExecutorProcessControl.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <mutex>

#include "compiler/codegen/fatal_error.h"

namespace leat::compiler::codegen {
namespace {

Status internal(std::string message) { return Status(Code::internal, std::move(message)); }

Status from_llvm(llvm::Error error, std::string_view doing) {
  return internal(std::string(doing) + ": " + llvm::toString(std::move(error)));
}

void initialize_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    install_fatal_error_handlers();
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
}

StatusOr<std::unique_ptr<llvm::TargetMachine>> make_machine(const CodeTarget& target) {
  initialize_llvm();
  std::string error;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(target.triple, error);
  if (found == nullptr) return internal("no LLVM target for " + target.triple + ": " + error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;  // an fma is one that the meaning wrote
  // Not the large model, which is a JIT's default: a kernel's constants lie beside its code.
  std::unique_ptr<llvm::TargetMachine> machine(
      found->createTargetMachine(target.triple, target.cpu, target.features, options, llvm::Reloc::PIC_,
                                 llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default, /*JIT=*/true));
  if (machine == nullptr) return internal("LLVM cannot generate code for " + target.cpu);
  return machine;
}

/// LLVM's default handler ends the process on an error; this one keeps the message.
struct Diagnostics : llvm::DiagnosticHandler {
  explicit Diagnostics(std::string* errors) : errors_(errors) {}
  bool handleDiagnostics(const llvm::DiagnosticInfo& info) override {
    if (info.getSeverity() == llvm::DS_Error) {
      llvm::raw_string_ostream stream(*errors_);
      llvm::DiagnosticPrinterRawOStream printer(stream);
      info.print(printer);
    }
    return true;
  }
  std::string* errors_;
};

StatusOr<std::string> generate(llvm::Module& module, const CodeTarget& target, llvm::CodeGenFileType type) {
  auto machine = make_machine(target);
  if (!machine.ok()) return machine.status();
  std::string errors;
  module.getContext().setDiagnosticHandler(std::make_unique<Diagnostics>(&errors));
  llvm::SmallVector<char, 0> bytes;
  {
    llvm::raw_svector_ostream stream(bytes);
    auto passes = std::make_unique<llvm::legacy::PassManager>();
    if ((*machine)->addPassesToEmitFile(*passes, stream, nullptr, type)) {
      return internal("LLVM cannot emit this kind of file");
    }
    try {
      raise_fatal_error_if_asked();
      passes->run(module);
    } catch (...) {  // half done: not fit to be destroyed
      (void)passes.release();
      (void)machine->release();
      throw;
    }
  }
  module.getContext().setDiagnosticHandler(nullptr);
  if (!errors.empty()) return internal("code generation: " + errors);
  return std::string(bytes.begin(), bytes.end());
}

class OrcJit final : public Jit {
 public:
  explicit OrcJit(std::unique_ptr<llvm::orc::ExecutorProcessControl> control)
      : session_(std::move(control)), linker_(session_) {
    // An error of linking comes back from lookup as well; it is never printed.
    session_.setErrorReporter([](llvm::Error error) { llvm::consumeError(std::move(error)); });
    // All that generated code may call: what LLVM expands on machines without the instruction.
    auto& runtime = session_.createBareJITDylib("runtime");
    llvm::orc::SymbolMap symbols;
    const auto add = [&](const char* name, auto* function) {
      symbols[session_.intern(name)] = {llvm::orc::ExecutorAddr::fromPtr(function),
                                        llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
    };
    add("fmaf", static_cast<float (*)(float, float, float)>(&std::fma));
    add("fma", static_cast<double (*)(double, double, double)>(&std::fma));
    add("floorf", static_cast<float (*)(float)>(&std::floor));
    add("floor", static_cast<double (*)(double)>(&std::floor));
    add("ceilf", static_cast<float (*)(float)>(&std::ceil));
    add("ceil", static_cast<double (*)(double)>(&std::ceil));
    add("truncf", static_cast<float (*)(float)>(&std::trunc));
    add("trunc", static_cast<double (*)(double)>(&std::trunc));
    // LLVM lowers roundeven to these names where there is no roundps; the mode is to nearest even.
    add("roundevenf", static_cast<float (*)(float)>(&std::nearbyint));
    add("roundeven", static_cast<double (*)(double)>(&std::nearbyint));
    add("memcpy", &std::memcpy);
    add("memset", &std::memset);
    llvm::cantFail(runtime.define(llvm::orc::absoluteSymbols(std::move(symbols))));
    runtime_ = &runtime;
  }

  ~OrcJit() override { llvm::consumeError(session_.endSession()); }

  StatusOr<LoadedCode> Load(const std::string& object) override {
    auto& library = session_.createBareJITDylib("kernel" + std::to_string(next_++));
    library.addToLinkOrder(*runtime_);
    auto self = std::static_pointer_cast<OrcJit>(shared_from_this());
    std::shared_ptr<const void> owner(&library, [self](const void* p) {
      auto* loaded = static_cast<llvm::orc::JITDylib*>(const_cast<void*>(p));
      llvm::consumeError(self->session_.removeJITDylib(*loaded));
    });
    auto buffer = llvm::MemoryBuffer::getMemBufferCopy(object, "kernel");
    if (llvm::Error error = linker_.add(library, std::move(buffer))) {
      return from_llvm(std::move(error), "adding an object");
    }
    auto symbol = session_.lookup({&library}, kKernelSymbol);
    if (!symbol) return from_llvm(symbol.takeError(), "linking an object");
    return LoadedCode{symbol->getAddress().toPtr<ir::KernelFunction>(), std::move(owner)};
  }

 private:
  llvm::orc::ExecutionSession session_;
  llvm::orc::ObjectLinkingLayer linker_;
  llvm::orc::JITDylib* runtime_ = nullptr;
  std::atomic<std::uint64_t> next_{0};
};

}  // namespace

Status set_target(llvm::Module& module, const CodeTarget& target) {
  auto machine = make_machine(target);
  if (!machine.ok()) return machine.status();
  module.setTargetTriple(target.triple);
  module.setDataLayout((*machine)->createDataLayout());
  return {};
}

Status optimize_module(llvm::Module& module, const CodeTarget& target) {
  std::string error;
  llvm::raw_string_ostream stream(error);
  if (llvm::verifyModule(module, &stream)) return internal("the emitter made a bad module: " + stream.str());
  auto machine = make_machine(target);
  if (!machine.ok()) return machine.status();
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine->get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  for (llvm::Function& function : module) {
    if (!function.isDeclaration()) passes.run(function, functions);
  }
  return {};
}

StatusOr<std::string> compile_object(llvm::Module& module, const CodeTarget& target) {
  return generate(module, target, llvm::CodeGenFileType::ObjectFile);
}

StatusOr<std::string> compile_assembly(llvm::Module& module, const CodeTarget& target) {
  return generate(module, target, llvm::CodeGenFileType::AssemblyFile);
}

StatusOr<std::shared_ptr<Jit>> Jit::Create() {
  initialize_llvm();
  auto control = llvm::orc::SelfExecutorProcessControl::Create();
  if (!control) return from_llvm(control.takeError(), "starting the code loader");
  return std::shared_ptr<Jit>(std::make_shared<OrcJit>(std::move(*control)));
}

}  // namespace leat::compiler::codegen
