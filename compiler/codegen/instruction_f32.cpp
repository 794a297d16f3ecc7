#include "compiler/codegen/elementwise_of.h"

namespace leat::compiler::codegen {

template llvm::Value* elementwise_of<float>(ir::Op, llvm::Value* const*, llvm::Value**);

}  // namespace leat::compiler::codegen
