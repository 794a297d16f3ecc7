// Elementwise ops: the meanings of ir/meaning over whole arrays.
#include "ir/interpret_families.h"
#include "ir/meaning/apply.h"

namespace leat::ir {

Status interpret_elementwise(const OpCall& call) {
  const Op op = call.node.op;
  const DType dtype = call.operands[op == Op::select ? 1 : 0].dtype;
  bool fault = false;
  const bool known = meaning::apply_elementwise(op, dtype, call.node.type().dtype, call.inputs.data(),
                                                call.outputs[0], call.result_shape().num_elements(), &fault);
  if (!known) {
    return Status(Code::invalid_argument, std::string(name(op)) + " does not take " +
                                              std::string(leat::name(dtype)) + " to " +
                                              std::string(leat::name(call.node.type().dtype)));
  }
  if (fault) return Status(Code::invalid_argument, std::string(name(op)) + ": integer division by zero");
  return {};
}

}  // namespace leat::ir
