// What steps that run one op of a graph have in common: the node, its types, and how they print.
//
// Immutable; the step owns a copy of the node. Uses: the operands, then the results. Each *_step.cpp has one
// make_*_step, which op_step.cpp calls for the ops that it serves.
#pragma once

#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "ir/graph.h"
#include "runtime/cpu/op_step.h"
#include "runtime/program/program.h"

namespace leat::runtime::cpu {

class NodeStep : public StepBody {
 public:
  NodeStep(const ir::Node& node, std::vector<ir::Type> operand_types)
      : node_(node), operand_types_(std::move(operand_types)) {}
  std::string_view kind() const override { return "op"; }
  std::string ToString() const override { return std::string(ir::name(node_.op)); }
  const ir::Node& node() const { return node_; }
  const std::vector<ir::Type>& operand_types() const { return operand_types_; }
  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const final try {
    return Run(context, begin, end);
  } catch (const std::bad_alloc&) {
    return Status(Code::resource_exhausted, ToString() + ": out of memory");
  }

 protected:
  /// Does units [begin, end). May allocate.
  virtual Status Run(StepContext& context, std::int64_t begin, std::int64_t end) const = 0;
  template <class T>
  const T* In(const StepContext& context, std::size_t operand) const {
    return static_cast<const T*>(context.pointers[operand]);
  }
  template <class T>
  T* Out(const StepContext& context, std::size_t result) const {
    return static_cast<T*>(context.pointers[operand_types_.size() + result]);
  }

  ir::Node node_;
  std::vector<ir::Type> operand_types_;
};

/// A step of `units` units at `unit_ns` each, in grains of about 20 us: ten times what handing one over
/// costs.
inline OpStep split_step(std::shared_ptr<const StepBody> body, std::int64_t units, double unit_ns) {
  OpStep step;
  step.body = std::move(body);
  step.units = std::max<std::int64_t>(units, 1);
  const double grain = 20000.0 / std::max(unit_ns, 0.01);
  step.grain = std::clamp<std::int64_t>(static_cast<std::int64_t>(grain), 1, step.units);
  step.cost_ns = static_cast<double>(units) * unit_ns;
  return step;
}

OpStep make_interpreted_step(const ir::Node& node, std::vector<ir::Type> operand_types);
OpStep make_concat_step(const ir::Node& node, std::vector<ir::Type> operand_types);
OpStep make_gather_step(const ir::Node& node, std::vector<ir::Type> operand_types);
OpStep make_gather_elements_step(const ir::Node& node, std::vector<ir::Type> operand_types);
OpStep make_arg_step(const ir::Node& node, std::vector<ir::Type> operand_types);
OpStep make_cumulative_step(const ir::Node& node, std::vector<ir::Type> operand_types);
OpStep make_window_step(const ir::Node& node, std::vector<ir::Type> operand_types);
OpStep make_attention_step(const ir::Node& node, std::vector<ir::Type> operand_types);
OpStep make_transpose_step(const ir::Node& node, std::vector<ir::Type> operand_types);
OpStep make_sort_step(const ir::Node& node, std::vector<ir::Type> operand_types);  // and top_k
OpStep make_pad_step(const ir::Node& node, std::vector<ir::Type> operand_types);
OpStep make_reorder_step(const ir::Node& node, std::vector<ir::Type> operand_types);

}  // namespace leat::runtime::cpu
