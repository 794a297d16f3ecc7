#include "tests/conformance/op_cases.h"

#include "tests/conformance/case_builder.h"

namespace leat::testing {

bool op_accepts(ir::Op op, DType dtype) {
  // [C20]: of the integers, random_bits makes two.
  if (op == ir::Op::random_bits) return dtype == DType::u32 || dtype == DType::u64;
  return ir::accepts(ir::op_info(op).types, dtype);
}

// By family: a new row of a known family has its cases at once. A family or an op of its own kind that is
// missing here makes no case, which the suite reports by name.
OpCases op_cases(ir::Op op, DType dtype) {
  CaseBuilder b(op, dtype);
  switch (b.info().family) {
    case ir::Family::unary:
    case ir::Family::binary:
    case ir::Family::compare:
    case ir::Family::ternary:
    case ir::Family::classify:
    case ir::Family::select:
    case ir::Family::convert: add_elementwise_cases(b); break;
    case ir::Family::source: add_source_cases(b); break;
    case ir::Family::view: add_view_cases(b); break;
    case ir::Family::movement: add_movement_cases(b); break;
    case ir::Family::reduce: add_reduce_cases(b); break;
    case ir::Family::arg_reduce:
    case ir::Family::cumulative:
    case ir::Family::window:
    case ir::Family::sorting: add_ordered_cases(b); break;
    case ir::Family::contraction: add_contraction_cases(b); break;
    case ir::Family::control: add_control_cases(b); break;
  }
  return b.Take();
}

}  // namespace leat::testing
