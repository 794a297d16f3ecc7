#include "runtime/cuda/op_planner.h"

namespace leat::runtime::cuda {

using ir::Attr;
using ir::Op;
using ir::product;

void OpPlanner::PlanWindow() {
  const Shape &x = shape(0), &result = result_shape();
  const auto& window = attrs().integers(Attr::window);
  const auto& strides = attrs().integers(Attr::strides);
  const auto& low = attrs().integers(Attr::low);
  const auto& dilation = attrs().integers(Attr::dilation);
  const ir::Strides steps = ir::row_major_strides(x.dims());
  OpKernel kernel;
  kernel.code = Code::window;
  kernel.dtype = kernel.second = dtype();
  const std::string& kind = attrs().string(Attr::kind);
  kernel.op = kind == "sum" ? Op::reduce_sum : kind == "max" ? Op::reduce_max : Op::reduce_min;
  Numbers numbers = {result.num_elements()};
  bool outer = false;  // the dimension before is not windowed
  for (std::size_t d = 0; d < x.size(); ++d) {
    const bool plain = window[d] == 1 && strides[d] == 1 && low[d] == 0 && result[d] == x[d];
    if (plain && outer) {  // one dimension with it
      std::int64_t* n = &numbers[numbers.size() - 7];
      n[0] *= x[d];
      n[1] *= x[d];
      n[6] = steps[d];
    } else {
      numbers.insert(numbers.end(), {result[d], x[d], window[d], strides[d], low[d], dilation[d], steps[d]});
      ++kernel.rank;
    }
    outer = plain;
  }
  Launch(kernel, std::move(numbers), {Operand(0), Result(0)}, result.num_elements());
}

void OpPlanner::PlanCumulative() {
  const Shape& x = shape(0);
  const auto axis = static_cast<std::size_t>(attrs().integer(Attr::axis));
  const std::int64_t lines = x.num_elements() / x[axis];
  const std::int64_t inner = product(x.dims(), axis + 1, x.size());
  OpKernel kernel;
  kernel.code = inner == 1 ? Code::scan_rows : Code::scan;
  kernel.dtype = kernel.second = dtype();
  switch (node_.op) {
    case Op::cumulative_sum: kernel.op = Op::reduce_sum; break;
    case Op::cumulative_prod: kernel.op = Op::reduce_prod; break;
    case Op::cumulative_max: kernel.op = Op::reduce_max; break;
    default: kernel.op = Op::reduce_min; break;
  }
  kernel.variant = static_cast<std::uint8_t>((attrs().boolean(Attr::exclusive) ? kExclusive : 0) |
                                             (attrs().boolean(Attr::backward) ? kBackward : 0));
  if (inner == 1) {
    LaunchBlocks(kernel, {lines, x[axis]}, {Operand(0), Result(0)}, (lines + 31) / 32,
                 std::int64_t{32} * 33 * element_bytes());
  } else {
    Launch(kernel, {lines, x[axis], inner}, {Operand(0), Result(0)}, lines);
  }
}

void OpPlanner::PlanArgReduce() {
  const Shape& x = shape(0);
  const auto axis = static_cast<std::size_t>(attrs().integer(Attr::axis));
  const std::int64_t lines = result_shape().num_elements();
  const std::int64_t inner = product(x.dims(), axis + 1, x.size());
  OpKernel kernel;
  kernel.code = inner == 1 ? Code::arg_rows : Code::arg;
  kernel.op = node_.op;
  kernel.dtype = kernel.second = dtype();
  if (inner == 1) {
    LaunchBlocks(kernel, {lines, x[axis]}, {Operand(0), Result(0)}, lines,
                 std::int64_t{16} * threads_of(kernel));
  } else {
    Launch(kernel, {lines, x[axis], inner}, {Operand(0), Result(0)}, lines);
  }
}

}  // namespace leat::runtime::cuda
