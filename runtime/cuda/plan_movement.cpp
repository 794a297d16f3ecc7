#include <algorithm>

#include "runtime/cuda/op_planner.h"

namespace leat::runtime::cuda {

using ir::Attr;
using ir::product;
using ir::row_major_strides;
using ir::Strides;

namespace {

/// Operands that one launch of a concat takes: their addresses and extents are parameters.
constexpr std::size_t kMostOperands = 16;

}  // namespace

void OpPlanner::PlanFault() {
  OpKernel kernel = MoveKernel(Code::fault, 1);
  kernel.word = 1;
  Launch(kernel, {}, {}, 1);
}

void OpPlanner::PlanGather() {
  const Shape& x = shape(0);
  const auto axis = static_cast<std::size_t>(attrs().integer(Attr::axis));
  if (x[axis] == 0) return PlanFault();
  const std::int64_t run = product(x.dims(), axis + 1, x.size()), word = WordElements({run});
  OpKernel kernel = MoveKernel(Code::gather, word);
  kernel.second = operands_[1].dtype;
  const std::int64_t words = result_shape().num_elements() / word;
  Launch(kernel, {words, shape(1).num_elements(), run / word, x[axis]}, {Operand(0), Operand(1), Result(0)},
         words);
}

void OpPlanner::PlanGatherElements() {
  const Shape &x = shape(0), &result = result_shape();
  const auto axis = static_cast<std::size_t>(attrs().integer(Attr::axis));
  if (x[axis] == 0) return PlanFault();
  Strides strides = row_major_strides(x.dims());
  const std::int64_t step = strides[axis];
  strides[axis] = 0;
  OpKernel kernel = MoveKernel(Code::gather_elements, 1);
  kernel.second = operands_[1].dtype;
  kernel.rank = static_cast<std::uint8_t>(result.size());
  Numbers numbers = {result.num_elements(), x[axis], step};
  for (std::int64_t n : result.dims()) numbers.push_back(n);
  numbers.insert(numbers.end(), strides.begin(), strides.end());
  Launch(kernel, std::move(numbers), {Operand(0), Operand(1), Result(0)}, result.num_elements());
}

void OpPlanner::PlanGatherNd() {
  const Shape &x = shape(0), &indices = shape(1);
  const auto batch_rank = static_cast<std::size_t>(attrs().integer(Attr::batch_dims));
  const auto depth = static_cast<std::size_t>(indices.back());
  for (std::size_t k = 0; k < depth; ++k) {
    if (x[batch_rank + k] == 0) return PlanFault();
  }
  const std::int64_t run = product(x.dims(), batch_rank + depth, x.size()), word = WordElements({run});
  OpKernel kernel = MoveKernel(Code::gather_nd, word);
  kernel.second = operands_[1].dtype;
  kernel.rank = static_cast<std::uint8_t>(depth);
  const std::int64_t words = result_shape().num_elements() / word;
  Numbers numbers = {words, product(indices.dims(), batch_rank, indices.size() - 1), run / word,
                     product(x.dims(), batch_rank, x.size()) / word};
  const Strides strides = row_major_strides(x.dims());
  for (std::size_t k = 0; k < depth; ++k) numbers.push_back(x[batch_rank + k]);
  for (std::size_t k = 0; k < depth; ++k) numbers.push_back(strides[batch_rank + k] / word);
  Launch(kernel, std::move(numbers), {Operand(0), Operand(1), Result(0)}, words);
}

void OpPlanner::PlanPad() {
  const Shape &x = shape(0), &result = result_shape();
  const auto& low = attrs().integers(Attr::low);
  const auto& interior = attrs().integers(Attr::interior);
  const Strides strides = row_major_strides(x.dims());
  OpKernel kernel = MoveKernel(Code::pad, 1);
  kernel.rank = static_cast<std::uint8_t>(x.size());
  Numbers numbers = {result.num_elements()};
  for (std::size_t d = 0; d < x.size(); ++d)
    numbers.insert(numbers.end(), {result[d], x[d], low[d], interior[d] + 1, strides[d]});
  Launch(kernel, std::move(numbers), {Operand(0), Operand(1), Result(0)}, result.num_elements());
}

void OpPlanner::PlanConcat() {
  const Shape& result = result_shape();
  const auto axis = static_cast<std::size_t>(attrs().integer(Attr::axis));
  const std::int64_t outer = product(result.dims(), 0, axis);
  const std::int64_t inner = product(result.dims(), axis + 1, result.size());
  std::int64_t word = WordElements({result[axis] * inner});
  for (const ir::Type& type : operands_) word = std::min(word, WordElements({type.shape[axis] * inner}));
  std::vector<std::size_t> parts;  // operands that have elements
  for (std::size_t k = 0; k < operands_.size(); ++k) {
    if (shape(k)[axis] > 0) parts.push_back(k);
  }
  const std::int64_t row = result[axis] * inner / word;
  std::int64_t begin = 0;
  for (std::size_t first = 0; first < parts.size(); first += kMostOperands) {
    const std::size_t count = std::min(kMostOperands, parts.size() - first);
    OpKernel kernel = MoveKernel(Code::concat, word);
    kernel.rank = static_cast<std::uint8_t>(count);
    Numbers ends;
    std::vector<OpPointer> pointers;
    std::int64_t taken = 0;
    for (std::size_t k = first; k < first + count; ++k) {
      const std::int64_t own = shape(parts[k])[axis] * inner / word;
      ends.insert(ends.end(), {taken, own});
      taken += own;
      pointers.push_back(Operand(parts[k]));
    }
    OpPointer out = Result(0);
    out.offset = begin * kernel.word;
    pointers.push_back(out);
    Numbers numbers = {outer * taken, taken, row};
    numbers.insert(numbers.end(), ends.begin(), ends.end());
    Launch(kernel, std::move(numbers), std::move(pointers), outer * taken);
    begin += taken;
  }
}

void OpPlanner::PlanDynamicSlice() {
  const Shape &x = shape(0), &result = result_shape();
  const Strides strides = row_major_strides(x.dims());
  OpKernel kernel = MoveKernel(Code::dynamic_slice, 1);
  kernel.rank = static_cast<std::uint8_t>(x.size());
  if (x.size() > 0) kernel.second = operands_[1].dtype;
  Numbers numbers = {result.num_elements()};
  std::vector<OpPointer> pointers = {Operand(0)};
  for (std::size_t d = 0; d < x.size(); ++d) {
    numbers.insert(numbers.end(), {result[d], x[d] - result[d], strides[d]});
    pointers.push_back(Operand(1 + d));
  }
  pointers.push_back(Result(0));
  Launch(kernel, std::move(numbers), std::move(pointers), result.num_elements());
}

void OpPlanner::PlanDynamicUpdateSlice() {
  const Shape &x = shape(0), &update = shape(1);
  const Strides strides = row_major_strides(update.dims());
  OpKernel kernel = MoveKernel(Code::dynamic_update_slice, 1);
  kernel.rank = static_cast<std::uint8_t>(x.size());
  if (x.size() > 0) kernel.second = operands_[2].dtype;
  Numbers numbers = {x.num_elements()};
  std::vector<OpPointer> pointers = {Operand(0), Operand(1)};
  for (std::size_t d = 0; d < x.size(); ++d) {
    numbers.insert(numbers.end(), {x[d], x[d] - update[d], update[d], strides[d]});
    pointers.push_back(Operand(2 + d));
  }
  pointers.push_back(Result(0));
  Launch(kernel, std::move(numbers), std::move(pointers), x.num_elements());
}

}  // namespace leat::runtime::cuda
