// The entry of a kernel on a GPU, and what every thread of it knows: its number, its block's, and where the
// shared memory begins. What every emitter of a kernel starts with.
//
//   const GpuEntry entry(b, target, module, words, /*by_value=*/true, 256);
//   llvm::Value* flags = b.CreateLoad(b.getInt64Ty(), entry.Word(b, 1));
#pragma once

#include <llvm/IR/IRBuilder.h>

#include "compiler/codegen/target.h"

namespace leat::compiler::codegen {

struct GpuEntry {
  static constexpr unsigned kGlobal = 1, kShared = 3;  // address spaces

  GpuEntry() = default;
  /// Adds the entry, whose one parameter is a block of `words` words or their address, to `module`, and puts
  /// the builder at its beginning. A block of threads has at most `max_threads`.
  GpuEntry(llvm::IRBuilder<>& b, const CodeTarget& target, llvm::Module& module, unsigned words,
           bool by_value, int max_threads);
  /// The address of a word of the parameters.
  llvm::Value* Word(llvm::IRBuilder<>& b, unsigned k) const {
    return b.CreateConstGEP1_64(b.getInt64Ty(), function->getArg(0), k);
  }

  llvm::Function* function = nullptr;
  llvm::Value* shared = nullptr;  // the dynamic shared memory
  llvm::Value *thread = nullptr, *threads = nullptr, *block = nullptr, *blocks = nullptr;  // i64
};

/// What the thread of the warp whose number differs in the bits of `mask` has for `value`. All threads of the
/// warp come here.
llvm::Value* from_thread(llvm::IRBuilder<>& b, llvm::Value* value, int mask);

}  // namespace leat::compiler::codegen
