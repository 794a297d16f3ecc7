#include "compiler/codegen/elementwise_of.h"

namespace leat::compiler::codegen {

template llvm::Value* elementwise_of<bool>(ir::Op, llvm::Value* const*, llvm::Value**);
template llvm::Value* elementwise_of<std::int8_t>(ir::Op, llvm::Value* const*, llvm::Value**);
template llvm::Value* elementwise_of<std::int16_t>(ir::Op, llvm::Value* const*, llvm::Value**);
template llvm::Value* elementwise_of<std::int32_t>(ir::Op, llvm::Value* const*, llvm::Value**);
template llvm::Value* elementwise_of<std::int64_t>(ir::Op, llvm::Value* const*, llvm::Value**);
template llvm::Value* elementwise_of<std::uint8_t>(ir::Op, llvm::Value* const*, llvm::Value**);
template llvm::Value* elementwise_of<std::uint16_t>(ir::Op, llvm::Value* const*, llvm::Value**);
template llvm::Value* elementwise_of<std::uint32_t>(ir::Op, llvm::Value* const*, llvm::Value**);
template llvm::Value* elementwise_of<std::uint64_t>(ir::Op, llvm::Value* const*, llvm::Value**);

}  // namespace leat::compiler::codegen
