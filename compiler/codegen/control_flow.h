// Loops and branches over an IRBuilder that carry values through phis.
//
//   Values sum = emit_loop(b, zero, n, step, {start}, [&](llvm::Value* i, Values v) { ...; return
//   Values{next}; });
//
// Bodies may open blocks of their own; the builder stands in the block after the construct when they return.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <functional>
#include <vector>

namespace leat::compiler::codegen {

using Values = std::vector<llvm::Value*>;

/// for (i = low; i < high; i += step), i64, signed. Values may be empty.
Values emit_loop(llvm::IRBuilder<>& b, llvm::Value* low, llvm::Value* high, std::int64_t step, Values initial,
                 const std::function<Values(llvm::Value*, Values)>& body);
/// The same with a step that is known only when the code runs. REQUIRES: step > 0.
Values emit_loop(llvm::IRBuilder<>& b, llvm::Value* low, llvm::Value* high, llvm::Value* step, Values initial,
                 const std::function<Values(llvm::Value*, Values)>& body);

/// while (condition(values)) values = body(values).
Values emit_while(llvm::IRBuilder<>& b, Values initial,
                  const std::function<llvm::Value*(const Values&)>& condition,
                  const std::function<Values(Values)>& body);

/// if (condition) values = then() else values = otherwise().
Values emit_if(llvm::IRBuilder<>& b, llvm::Value* condition, const std::function<Values()>& then,
               const std::function<Values()>& otherwise);

/// A stack slot in the function's entry block.
llvm::Value* entry_alloca(llvm::IRBuilder<>& b, llvm::Type* type, const char* name);

/// Joins the values of `count` > 1 parts pairwise, in the fixed order of ir/meaning/reduction.h, or gives
/// those of the one part, or `empty` if there is none. part(c) emits the values of part c; join joins values
/// position by position. Works for scalars and vectors; slots for the partial results are stack memory.
Values emit_pairwise(llvm::IRBuilder<>& b, llvm::Value* count, const Values& empty,
                     const std::function<Values(llvm::Value*)>& part,
                     const std::function<Values(const Values&, const Values&)>& join);

}  // namespace leat::compiler::codegen
