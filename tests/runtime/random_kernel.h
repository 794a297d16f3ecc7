// Kernels for tests of whatever runs kernels: softmax, and random ones.
//
//   Random random(seed);
//   const KernelCase c = random_case(random);
#pragma once

#include <algorithm>
#include <numeric>

#include "tests/runtime/kernel_case.h"
#include "tests/runtime/random_values.h"

namespace leat::runtime {

constexpr DType dtype_at(int i) { return static_cast<DType>(i); }

inline KernelCase softmax(ir::Kernel::Pattern pattern, DType dtype, std::vector<std::int64_t> sizes,
                          Random& random) {
  using ir::Family;
  using ir::Kernel;
  using ir::Op;
  using Level = Kernel::Level;
  KernelCase c;
  c.kernel.pattern = pattern;
  c.kernel.parallel_rank = static_cast<std::uint8_t>(sizes.size() - 1);
  c.sizes = std::move(sizes);
  const std::int64_t count = c.parallel() * c.reduced();
  c.AddInput(dtype, Level::element, draw_array(dtype, count, ir::Domain::moderate, false, random), 0,
             c.Dense(false));
  const auto max = c.AddInstruction(Op::reduce_max, dtype, Level::row, {0});
  const auto shifted = c.AddInstruction(Op::sub, dtype, Level::element, {0, max});
  const auto e = c.AddInstruction(Op::exp, dtype, Level::element, {shifted});
  const auto sum = c.AddInstruction(Op::reduce_sum, dtype, Level::row, {e});
  const auto y = c.AddInstruction(Op::div, dtype, Level::element, {e, sum});
  c.AddOutput(y);
  c.AddOutput(sum);
  return c;
}

/// A kernel of random pattern, ranks, strides, ops and dtypes.
inline KernelCase random_case(Random& random) {
  using ir::Family;
  using ir::Kernel;
  using ir::Op;
  using Level = Kernel::Level;
  const auto pick = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  KernelCase c;
  c.kernel.pattern = static_cast<ir::Kernel::Pattern>(pick(3));
  c.kernel.parallel_rank = static_cast<std::uint8_t>(1 + pick(3));
  std::int64_t budget = 6000;
  for (int d = 0; d < c.kernel.rank(); ++d) {
    const std::int64_t n =
        pick(8) == 0 ? 1 : 1 + pick(std::max<std::int64_t>(1, std::min<std::int64_t>(budget, 900)));
    c.sizes.push_back(n);
    budget = std::max<std::int64_t>(1, budget / n);
  }
  if (c.kernel.has_reduced() && pick(4) == 0) std::swap(c.sizes[0], c.sizes.back());
  constexpr DType kTypes[] = {DType::f32, DType::f64, DType::bf16, DType::f16,
                              DType::i32, DType::i64, DType::u8};
  const DType main = kTypes[pick(7)];
  const auto level = [&] { return c.kernel.has_reduced() && pick(3) == 0 ? Level::row : Level::element; };
  for (std::int64_t i = 0, n = 1 + pick(4); i < n; ++i) {
    const Level at = level();
    std::vector<std::int64_t> strides = c.Dense(at == Level::row);
    if (pick(2) == 0) {  // a permuted, widened or repeated access
      std::vector<std::size_t> order(strides.size());
      std::iota(order.begin(), order.end(), 0);
      std::shuffle(order.begin(), order.end(), random);
      std::int64_t stride = 1 + pick(2);
      for (std::size_t d : order) {
        strides[d] = pick(4) == 0 ? 0 : stride;
        if (strides[d] != 0) stride *= c.sizes[d];
      }
      if (at == Level::row) strides.back() = 0;
    }
    std::int64_t offset = pick(5), reach = 0;
    for (std::size_t d = 0; d < strides.size(); ++d) {
      if (pick(6) == 0 && strides[d] != 0) {  // backwards
        offset += strides[d] * (c.sizes[d] - 1);
        strides[d] = -strides[d];
      } else {
        reach += strides[d] * (c.sizes[d] - 1);
      }
    }
    const DType dtype = pick(5) == 0 ? kTypes[pick(7)] : main;
    c.AddInput(dtype, at, draw_array(dtype, offset + reach + 1, ir::Domain::all, pick(4) == 0, random),
               offset, strides);
  }
  c.AddScalar(main, draw<std::uint8_t>(ir::Domain::all, false, random), level());
  c.kernel.inputs.push_back({.kind = Kernel::Input::Kind::index,
                             .dtype = DType::i64,
                             .lane_stride = Kernel::Stride::any,
                             .access = c.Access(3, c.Dense(false))});
  const std::vector<ir::OpInfo> ops(ir::all_ops().begin(), ir::all_ops().end());
  for (std::int64_t tries = 0, wanted = 2 + pick(12);
       tries < 400 && static_cast<std::int64_t>(c.kernel.body.size()) < wanted; ++tries) {
    const ir::OpInfo& info = ops[static_cast<std::size_t>(pick(static_cast<std::int64_t>(ops.size())))];
    const bool reduction = info.family == Family::reduce;
    if (!info.elementwise() && !(reduction && c.kernel.has_reduced())) continue;
    std::vector<std::uint16_t> operands;
    for (int k = 0; k < ir::operand_count(info.op); ++k)
      operands.push_back(static_cast<std::uint16_t>(pick(c.kernel.value_count())));
    const DType last = c.kernel.dtype(operands.back());
    DType result = info.family == Family::compare || info.family == Family::classify ? DType::bool_ : last;
    if (info.family == Family::convert) result = dtype_at(static_cast<int>(pick(kDTypeCount)));
    Level at = Level::row;
    for (std::uint16_t v : operands) {
      if (c.kernel.level(v) == Level::element) at = Level::element;
    }
    if (reduction) at = Level::row;
    if (!c.kernel.has_reduced()) at = Level::element;
    const std::uint16_t faults = c.kernel.fault_count;
    c.AddInstruction(info.op, result, at, operands);
    c.AddOutput(static_cast<std::uint16_t>(c.kernel.value_count() - 1));
    if (!ir::check(c.kernel).empty()) {
      c.kernel.body.pop_back();
      c.kernel.fault_count = faults;
    }
    c.kernel.outputs.pop_back();
    c.buffers.pop_back();
    --c.kernel.pointer_count;
    --c.kernel.access_count;
    c.accesses.resize(c.kernel.access_count * static_cast<std::size_t>(1 + c.kernel.rank()));
  }
  c.AddOutput(static_cast<std::uint16_t>(c.kernel.value_count() - 1));
  if (pick(2) == 0) c.AddOutput(static_cast<std::uint16_t>(pick(c.kernel.value_count())));
  return c;
}

}  // namespace leat::runtime
