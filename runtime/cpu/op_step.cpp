#include "runtime/cpu/op_step.h"

#include "ir/interpreter.h"
#include "runtime/cpu/node_step.h"

namespace leat::runtime::cpu {
namespace {

class InterpretedStep final : public NodeStep {
 public:
  using NodeStep::NodeStep;
  Status Run(StepContext& context, std::int64_t, std::int64_t) const override {
    const std::size_t n = operand_types_.size();
    absl::InlinedVector<const void*, 4> inputs(context.pointers, context.pointers + n);
    return ir::interpret_op(node_, operand_types_, inputs, {context.pointers + n, node_.results.size()});
  }
};

bool has_elements(const ir::Node& node, const std::vector<ir::Type>& operand_types) {
  for (const ir::Type& type : node.results) {
    if (type.shape.num_elements() == 0) return false;
  }
  for (const ir::Type& type : operand_types) {
    if (type.shape.num_elements() == 0) return false;
  }
  return true;
}

}  // namespace

OpStep make_interpreted_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  double elements = 0;
  for (const ir::Type& t : operand_types) elements += static_cast<double>(t.shape.num_elements());
  for (const ir::Type& t : node.results) elements += static_cast<double>(t.shape.num_elements());
  OpStep step;
  step.cost_ns = elements;  // about 1 ns an element; the interpreter's loops measure 0.5 to 5
  step.body = std::make_shared<InterpretedStep>(node, std::move(operand_types));
  return step;
}

OpStep make_op_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  using ir::Op;
  // The rare cases without elements are left to the interpreter, which has a rule for each.
  if (!has_elements(node, operand_types)) return make_interpreted_step(node, std::move(operand_types));
  switch (node.op) {
    case Op::concat: return make_concat_step(node, std::move(operand_types));
    case Op::gather: return make_gather_step(node, std::move(operand_types));
    case Op::gather_elements: return make_gather_elements_step(node, std::move(operand_types));
    case Op::arg_max:
    case Op::arg_min: return make_arg_step(node, std::move(operand_types));
    case Op::cumulative_sum:
    case Op::cumulative_prod:
    case Op::cumulative_max:
    case Op::cumulative_min: return make_cumulative_step(node, std::move(operand_types));
    case Op::reduce_window: return make_window_step(node, std::move(operand_types));
    case Op::attention: return make_attention_step(node, std::move(operand_types));
    case Op::transpose: return make_transpose_step(node, std::move(operand_types));
    case Op::sort:
    case Op::top_k: return make_sort_step(node, std::move(operand_types));
    case Op::pad: return make_pad_step(node, std::move(operand_types));
    case Op::reorder: return make_reorder_step(node, std::move(operand_types));
    default: return make_interpreted_step(node, std::move(operand_types));
  }
}

}  // namespace leat::runtime::cpu
