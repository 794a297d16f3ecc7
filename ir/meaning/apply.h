// The elementwise meanings at run time: one op over dense arrays, chosen by op and dtypes.
//
//   const void* in[] = {x, y};
//   bool fault = false;
//   apply_elementwise(Op::add, DType::f32, DType::f32, in, out, count, &fault);
//
// Elements lie in their storage types (bool one byte of 0 or 1, f16 and bf16 as leat::float16 and bfloat16).
// The table is made from ir/ops.def; a row without a meaning does not compile. Stateless; any thread.
#pragma once

#include <cstdint>

#include "ir/ops.h"
#include "leat/dtype.h"

namespace leat::meaning {

/// Applies `op` to `count` elements of each operand (select: operands[0] is bool, the others operand_dtype).
/// `result` may be one of the operands if the dtypes are as wide. Sets *fault (never clears it) if an element
/// faulted; that element is 0. Returns false, with nothing done, if the op is not elementwise or does not
/// take these dtypes.
bool apply_elementwise(ir::Op op, DType operand_dtype, DType result_dtype, const void* const* operands,
                       void* result, std::int64_t count, bool* fault);

}  // namespace leat::meaning
