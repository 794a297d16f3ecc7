// Unsigned integers that order values as sort, top_k, arg_max and arg_min do, over IR values.
//
//   llvm::Value* key = emit_order_key(DType::f32, x, /*descending=*/true, /*nan_last=*/false);
//
// Keys are i32 for elements of up to 4 bytes, else i64 (key_dtype): -inf < ... < -0 < +0 < ... < +inf, or the
// other way round; all NaNs have the least key, or the greatest. REQUIRES: a LaneScope.
#pragma once

#include "compiler/codegen/number.h"

namespace leat::compiler::codegen {

inline DType key_dtype(DType dtype) { return byte_size(dtype) == 8 ? DType::u64 : DType::u32; }
llvm::Value* emit_order_key(DType dtype, llvm::Value* x, bool descending, bool nan_last);

}  // namespace leat::compiler::codegen
