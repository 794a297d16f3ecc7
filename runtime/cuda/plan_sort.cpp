#include <algorithm>
#include <bit>

#include "runtime/cuda/op_planner.h"

namespace leat::runtime::cuda {

using ir::Attr;
using ir::Op;
using ir::product;
using ir::Strides;

OpPlanner::Lines OpPlanner::LinesOf(const Shape& x, std::size_t axis) const {
  const std::int64_t inner = product(x.dims(), axis + 1, x.size());
  return {product(x.dims(), 0, axis) * inner, x[axis], inner};
}

OpPlanner::Sorted OpPlanner::SortLines(OpPointer x, DType dtype, const Lines& lines, std::int64_t kept,
                                       std::uint8_t order) {
  const std::int64_t size =
      std::min(kSortTile, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(lines.extent))));
  const std::int64_t chunks = (lines.extent + size - 1) / size;
  const auto key_bytes = static_cast<std::int64_t>(byte_size(dtype) == 8 ? 8 : 4);
  const auto kept_of = [&](std::int64_t runs, std::int64_t run, std::int64_t last) {
    return (runs - 1) * run + std::min(last, run);
  };
  const auto allocate = [&](std::int64_t elements) {
    return Sorted{Scratch(lines.count * elements * key_bytes), Scratch(lines.count * elements * 4)};
  };
  OpKernel kernel;
  kernel.code = Code::sort_blocks;
  kernel.dtype = dtype;
  kernel.second = byte_size(dtype) == 8 ? DType::u64 : DType::u32;
  kernel.variant = order;
  std::int64_t run = std::min(size, kept), runs = chunks;
  std::int64_t total = kept_of(chunks, run, lines.extent - (chunks - 1) * size);
  Sorted sorted = allocate(total), other{};
  const std::int64_t segments = lines.count * chunks, per_tile = kSortTile / size;
  LaunchBlocks(kernel,
               {segments, lines.extent, lines.inner, size, std::countr_zero(static_cast<std::uint64_t>(size)),
                chunks, run, total},
               {x, sorted.keys, sorted.indices}, (segments + per_tile - 1) / per_tile,
               kSortTile * (key_bytes + 4));
  for (bool first = true; runs > 1; first = false) {
    const std::int64_t merged = std::min(2 * run, kept), merged_runs = (runs + 1) / 2;
    const std::int64_t last_begin = (merged_runs - 1) * 2 * run;
    const std::int64_t merged_total = kept_of(merged_runs, merged, total - last_begin);
    if (first) other = allocate(merged_total);
    kernel.code = Code::sort_merge;
    kernel.dtype = kernel.second;  // keys are all that a merge looks at
    kernel.variant = 0;
    const std::int64_t groups = (merged + kMergeElements - 1) / kMergeElements;
    Launch(kernel, {lines.count, total, run, merged_total, merged},
           {sorted.keys, sorted.indices, other.keys, other.indices}, lines.count * merged_runs * groups);
    std::swap(sorted, other);
    run = merged;
    runs = merged_runs;
    total = merged_total;
  }
  return sorted;
}

void OpPlanner::PlanSort() {
  const Lines lines = LinesOf(shape(0), static_cast<std::size_t>(attrs().integer(Attr::axis)));
  const auto order =
      static_cast<std::uint8_t>(kNanLast | (attrs().boolean(Attr::descending) ? kDescending : 0));
  const Sorted sorted = SortLines(Operand(0), dtype(), lines, lines.extent, order);
  for (std::size_t k = 0; k < operands_.size(); ++k) {
    OpKernel kernel = MoveKernel(Code::take, 1);
    kernel.word = static_cast<std::uint8_t>(byte_size(operands_[k].dtype));
    Launch(kernel, {shape(0).num_elements(), lines.extent, lines.inner, lines.extent},
           {Operand(k), sorted.indices, Result(k)}, shape(0).num_elements());
  }
}

void OpPlanner::PlanTopK() {
  const Lines lines = LinesOf(shape(0), shape(0).size() - 1);
  const std::int64_t k = attrs().integer(Attr::k);
  const std::uint8_t order = attrs().boolean(Attr::least) ? 0 : kDescending;
  const Sorted sorted = SortLines(Operand(0), dtype(), lines, k, order);
  Launch(MoveKernel(Code::take, 1), {lines.count * k, k, 1, lines.extent},
         {Operand(0), sorted.indices, Result(0)}, lines.count * k);
  OpKernel kernel = MoveKernel(Code::take_indices, 1);
  kernel.word = 0;
  Launch(kernel, {lines.count * k}, {sorted.indices, Result(1)}, lines.count * k);
}

void OpPlanner::PlanScatter() {
  const Shape &x = shape(0), &indices = shape(1);
  const bool nd = node_.op == Op::scatter_nd;
  const std::size_t depth = nd ? static_cast<std::size_t>(indices.back()) : 0;
  const std::int64_t run = nd ? product(x.dims(), depth, x.size()) : 1;
  const std::int64_t updates = nd ? product(indices.dims(), 0, indices.size() - 1) : indices.num_elements();
  // The result begins as x.
  const std::int64_t word = WordElements({x.num_elements()}), words = x.num_elements() / word;
  OpKernel copy = MoveKernel(Code::concat, word);
  copy.rank = 1;
  Launch(copy, {words, words, words, 0, words}, {Operand(0), Result(0)}, words);
  if (updates == 0) return;
  // The greatest key stands for an index out of range.
  const std::int64_t places = x.num_elements() / run;
  const DType key = places < (std::int64_t{1} << 32) - 1 ? DType::u32 : DType::u64;
  const OpPointer keys = Scratch(updates * static_cast<std::int64_t>(byte_size(key)));
  OpKernel find;
  find.code = nd ? Code::scatter_nd_keys : Code::scatter_keys;
  find.dtype = key;
  find.second = operands_[1].dtype;
  Strides strides = ir::row_major_strides(x.dims());
  Numbers numbers = {updates};
  if (nd) {
    find.rank = static_cast<std::uint8_t>(depth);
    for (std::size_t k = 0; k < depth; ++k) numbers.push_back(x[k]);
    for (std::size_t k = 0; k < depth; ++k) numbers.push_back(strides[k] / run);
  } else {
    const auto axis = static_cast<std::size_t>(attrs().integer(Attr::axis));
    numbers.insert(numbers.end(), {x[axis], strides[axis]});
    strides[axis] = 0;
    find.rank = static_cast<std::uint8_t>(x.size());
    for (std::int64_t n : shape(2).dims()) numbers.push_back(n);
    numbers.insert(numbers.end(), strides.begin(), strides.end());
  }
  Launch(find, std::move(numbers), {Operand(1), keys}, updates);
  const Sorted sorted = SortLines(keys, key, {1, updates, 1}, updates, 0);
  OpKernel apply;
  apply.code = Code::scatter_runs;
  apply.dtype = dtype();
  apply.second = key;
  const std::string& kind = attrs().string(Attr::kind);
  if (kind == "add") apply.op = Op::add;
  if (kind == "mul") apply.op = Op::mul;
  if (kind == "min") apply.op = Op::minimum;
  if (kind == "max") apply.op = Op::maximum;
  Launch(apply, {updates, run}, {sorted.keys, sorted.indices, Operand(2), Result(0)}, updates * run);
}

}  // namespace leat::runtime::cuda
