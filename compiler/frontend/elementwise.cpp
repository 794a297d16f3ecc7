// The functions of include/leat/elementwise.h, from the op table.
#include "leat/elementwise.h"

#include "compiler/frontend/build.h"

namespace leat {

#define LEAT_FUNCTION_1(name) \
  Tensor name(const Operand& x) { return frontend::make_elementwise(ir::Op::name, &x, 1); }
#define LEAT_FUNCTION_2(name) \
  Tensor name(const Operand& x, const Operand& y) { return frontend::make_elementwise(ir::Op::name, {x, y}); }
#define LEAT_UNARY(name, ...) LEAT_FUNCTION_1(name)
#define LEAT_BINARY(name, ...) LEAT_FUNCTION_2(name)
#define LEAT_COMPARE(name, ...) LEAT_FUNCTION_2(name)
#define LEAT_TERNARY(name, ...)  // clamp has its operands in another order; fma is below
#define LEAT_OP(name, ...)
#include "ir/ops.def"

LEAT_FUNCTION_1(is_finite)
LEAT_FUNCTION_1(is_nan)

Tensor fma(const Operand& x, const Operand& y, const Operand& z) {
  return frontend::make_elementwise(ir::Op::fma, {x, y, z});
}

#undef LEAT_FUNCTION_1
#undef LEAT_FUNCTION_2

}  // namespace leat
