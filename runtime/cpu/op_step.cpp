#include "runtime/cpu/op_step.h"

#include <algorithm>

#include "ir/interpreter.h"

namespace leat::runtime::cpu {
namespace {

class InterpretedStep final : public StepBody {
 public:
  InterpretedStep(ir::Node node, std::vector<ir::Type> operand_types)
      : node_(std::move(node)), operand_types_(std::move(operand_types)) {}
  Status Execute(StepContext& context, std::int64_t, std::int64_t) const override {
    const std::size_t n = operand_types_.size();
    absl::InlinedVector<const void*, 4> inputs(context.pointers, context.pointers + n);
    return ir::interpret_op(node_, operand_types_, inputs, {context.pointers + n, node_.results.size()});
  }
  std::string_view kind() const override { return "op"; }
  std::string ToString() const override { return std::string(ir::name(node_.op)); }

 private:
  ir::Node node_;
  std::vector<ir::Type> operand_types_;
};

}  // namespace

OpStep make_op_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  double elements = 0;
  for (const ir::Type& t : operand_types) elements += static_cast<double>(t.shape.num_elements());
  for (const ir::Type& t : node.results) elements += static_cast<double>(t.shape.num_elements());
  OpStep step;
  step.cost_ns = elements;  // about 1 ns an element; the interpreter's loops measure 0.5 to 5
  step.body = std::make_shared<InterpretedStep>(node, std::move(operand_types));
  return step;
}

}  // namespace leat::runtime::cpu
