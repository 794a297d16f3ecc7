// What the planners of all ops share: one op, its types, and the launches so far.
//
// Each plan_* adds the launches of a group of ops; op_plan.cpp says which.
#pragma once

#include "ir/strided_copy.h"
#include "runtime/cuda/op_plan.h"

namespace leat::runtime::cuda {

class OpPlanner {
 public:
  OpPlanner(const ir::Node& node, std::span<const ir::Type> operands, const GpuDescription& gpu)
      : node_(node), operands_(operands), gpu_(gpu) {}

  StatusOr<OpPlan> Plan();

 private:
  using Code = OpKernel::Code;
  using Numbers = std::vector<std::int64_t>;

  const Shape& shape(std::size_t operand) const { return operands_[operand].shape; }
  const Shape& result_shape() const { return node_.results[0].shape; }
  const ir::Attributes& attrs() const { return node_.attrs(); }
  DType dtype() const { return operands_[0].dtype; }
  std::int64_t element_bytes() const { return static_cast<std::int64_t>(byte_size(dtype())); }
  OpPointer Operand(std::size_t i) const { return {static_cast<std::int32_t>(i), 0}; }
  OpPointer Result(std::size_t i) const { return {static_cast<std::int32_t>(operands_.size() + i), 0}; }
  /// Scratch memory of this run.
  OpPointer Scratch(std::int64_t bytes);
  /// The widest word, in elements, that divides all of `counts` elements.
  std::int64_t WordElements(std::initializer_list<std::int64_t> counts) const;
  OpKernel MoveKernel(Code code, std::int64_t word_elements) const;
  /// Adds a launch over `work` threads, or, of a kernel whose blocks work together, `work` blocks.
  void Launch(OpKernel kernel, Numbers numbers, std::vector<OpPointer> pointers, std::int64_t work,
              std::int64_t shared = 0);
  void LaunchBlocks(OpKernel kernel, Numbers numbers, std::vector<OpPointer> pointers, std::int64_t blocks,
                    std::int64_t shared);

  // plan_movement.cpp
  void PlanGather();
  void PlanGatherElements();
  void PlanGatherNd();
  void PlanPad();
  void PlanConcat();
  void PlanDynamicSlice();
  void PlanDynamicUpdateSlice();
  void PlanFault();

  // plan_ordered.cpp
  void PlanWindow();
  void PlanCumulative();
  void PlanArgReduce();

  // plan_sort.cpp
  struct Lines {
    std::int64_t count, extent, inner;  // elements of one line lie `inner` apart
  };
  struct Sorted {
    OpPointer keys, indices;  // line by line
  };
  Lines LinesOf(const Shape& x, std::size_t axis) const;
  /// The first `kept` of each sorted line of `x`.
  Sorted SortLines(OpPointer x, DType dtype, const Lines& lines, std::int64_t kept, std::uint8_t order);
  void PlanSort();
  void PlanTopK();
  void PlanScatter();

  // plan_contraction.cpp
  Status PlanDot();
  Status PlanConvolution();
  void PlanAttention();

  const ir::Node& node_;
  const std::span<const ir::Type> operands_;
  const GpuDescription& gpu_;
  OpPlan plan_;
};

}  // namespace leat::runtime::cuda
