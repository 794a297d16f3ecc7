// From the module of a GPU kernel to an object for the host.
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/IntrinsicsNVPTX.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/ReplaceConstant.h>
#include <llvm/Support/SourceMgr.h>

#include "compiler/codegen/jit.h"
#include "compiler/codegen/target.h"
#include "runtime/cuda/kernel_parameters.h"
#include "tests/cuda/machine_thread.h"

namespace leat::emulator {
namespace {

class HostRewriter {
 public:
  explicit HostRewriter(llvm::Module& module) : module_(module), b_(module.getContext()) {}

  Status Rewrite() {
    llvm::Function* kernel = module_.getFunction(runtime::cuda::kEntryName);
    if (kernel == nullptr || kernel->arg_size() != 1)
      return Status(Code::invalid_argument, "no kernel in it");
    kernel->setName("device");
    llvm::Type* word = b_.getInt64Ty();
    host_ =
        llvm::Function::Create(llvm::FunctionType::get(b_.getVoidTy(), {b_.getPtrTy(), word, word}, false),
                               llvm::Function::ExternalLinkage, runtime::cuda::kEntryName, module_);
    host_->splice(host_->begin(), kernel);
    b_.SetInsertPoint(&host_->getEntryBlock(), host_->getEntryBlock().begin());
    thread_ = b_.CreateIntToPtr(host_->getArg(1), b_.getPtrTy());
    llvm::Value* parameters = host_->getArg(0);
    if (parameters->getType() != kernel->getArg(0)->getType())
      parameters = b_.CreateAddrSpaceCast(parameters, kernel->getArg(0)->getType());
    kernel->getArg(0)->replaceAllUsesWith(parameters);
    kernel->eraseFromParent();
    ReplaceShared();
    std::vector<llvm::Instruction*> all;
    for (llvm::Instruction& i : llvm::instructions(*host_)) all.push_back(&i);
    for (llvm::Instruction* i : all) {
      if (Status s = RewriteInstruction(*i); !s.ok()) return s;
    }
    if (llvm::NamedMDNode* notes = module_.getNamedMetadata("nvvm.annotations")) notes->eraseFromParent();
    return {};
  }

 private:
  llvm::Value* Field(std::size_t offset, llvm::Type* type) {
    return b_.CreateLoad(type, b_.CreateConstGEP1_64(b_.getInt8Ty(), thread_, offset));
  }

  void ReplaceShared() {
    llvm::GlobalVariable* shared = module_.getNamedGlobal("leat_shared");
    if (shared == nullptr) return;
    llvm::convertUsersOfConstantsToInstructions({shared});
    llvm::Value* base =
        b_.CreateAddrSpaceCast(Field(offsetof(MachineThread, shared), b_.getPtrTy()), shared->getType());
    shared->replaceAllUsesWith(base);
    shared->eraseFromParent();
  }

  llvm::Value* Call(std::size_t offset, llvm::Type* result, llvm::ArrayRef<llvm::Value*> arguments) {
    std::vector<llvm::Type*> types;
    for (llvm::Value* a : arguments) types.push_back(a->getType());
    return b_.CreateCall(llvm::FunctionType::get(result, types, false), Field(offset, b_.getPtrTy()),
                         arguments);
  }

  Status RewriteInstruction(llvm::Instruction& i) {
    b_.SetInsertPoint(&i);
    if (auto* load = llvm::dyn_cast<llvm::LoadInst>(&i)) {
      Check(load->getPointerOperand(), load->getType(), load->getAlign(),
            load->isAtomic() ? Access::atomic : Access::read);
    } else if (auto* store = llvm::dyn_cast<llvm::StoreInst>(&i)) {
      Check(store->getPointerOperand(), store->getValueOperand()->getType(), store->getAlign(),
            store->isAtomic() ? Access::atomic : Access::write);
    } else if (auto* call = llvm::dyn_cast<llvm::CallInst>(&i)) {
      return RewriteCall(*call);
    }
    return {};
  }

  void Check(llvm::Value* pointer, llvm::Type* type, llvm::Align align, Access kind) {
    const llvm::Value* object = llvm::getUnderlyingObject(pointer, 0);
    if (llvm::isa<llvm::AllocaInst>(object) || llvm::isa<llvm::Constant>(object) ||
        object == host_->getArg(0)) {
      return;
    }
    // What the rewriting itself reads of the thread.
    if (object == thread_) return;
    const std::uint64_t bytes = module_.getDataLayout().getTypeStoreSize(type);
    llvm::Value* at = pointer;
    if (pointer->getType() != b_.getPtrTy()) at = b_.CreateAddrSpaceCast(pointer, b_.getPtrTy());
    Call(offsetof(MachineThread, access), b_.getVoidTy(),
         {thread_, at, b_.getInt64(bytes), b_.getInt64(align.value()),
          b_.getInt32(static_cast<std::uint32_t>(kind))});
  }

  Status RewriteCall(llvm::CallInst& call) {
    const llvm::Function* callee = call.getCalledFunction();
    if (callee == nullptr) return {};
    llvm::Value* instead = nullptr;
    const auto number = [&](std::size_t offset) { return Field(offset, b_.getInt32Ty()); };
    switch (callee->getIntrinsicID()) {
      case llvm::Intrinsic::nvvm_read_ptx_sreg_tid_x:
        instead = number(offsetof(MachineThread, thread));
        break;
      case llvm::Intrinsic::nvvm_read_ptx_sreg_ntid_x:
        instead = number(offsetof(MachineThread, threads));
        break;
      case llvm::Intrinsic::nvvm_read_ptx_sreg_ctaid_x:
        instead = number(offsetof(MachineThread, block));
        break;
      case llvm::Intrinsic::nvvm_read_ptx_sreg_nctaid_x:
        instead = number(offsetof(MachineThread, blocks));
        break;
      case llvm::Intrinsic::nvvm_barrier0:
        instead = Call(offsetof(MachineThread, barrier), b_.getVoidTy(), {thread_});
        break;
      case llvm::Intrinsic::nvvm_shfl_sync_bfly_i32:
        instead = Call(offsetof(MachineThread, exchange), b_.getInt32Ty(),
                       {thread_, call.getArgOperand(1), call.getArgOperand(2)});
        break;
      default:
        if (callee->getName().starts_with("llvm.nvvm") || !callee->isIntrinsic()) {
          return Status(Code::unimplemented, "the emulator does not know " + callee->getName().str());
        }
        return {};
    }
    call.replaceAllUsesWith(instead);
    call.eraseFromParent();
    return {};
  }

  llvm::Module& module_;
  llvm::IRBuilder<> b_;
  llvm::Function* host_ = nullptr;
  llvm::Value* thread_ = nullptr;
};

}  // namespace

StatusOr<std::string> host_object(const std::string& llvm_text) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(llvm_text, diagnostic, context);
  if (module == nullptr) return Status(Code::invalid_argument, diagnostic.getMessage().str());
  const compiler::codegen::CodeTarget host = compiler::codegen::host_target(0);
  if (Status s = HostRewriter(*module).Rewrite(); !s.ok()) return s;
  if (Status s = compiler::codegen::set_target(*module, host); !s.ok()) return s;
  return compiler::codegen::compile_object(*module, host);
}

}  // namespace leat::emulator
