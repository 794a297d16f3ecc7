// Loops of the ops whose meaning has a rare slow path (sin of a huge argument, the remainder of numbers far
// apart): blocks without such an element run without the branch, which keeps a loop from being vectorised
// (sin of f32: 0.9 against 6.0 ns/element); the others run through the baseline loop. Same bits either way.
//
// In this file's namespace of ir/meaning, `lazy` never takes the slow path. See tile_loop_templates.h for the
// linkage.
#pragma once

#include "ir/meaning/number.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <class F>
inline float lazy(bool, float near, F) {
  return near;
}
template <class F>
inline double lazy(bool, double near, F) {
  return near;
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning

#include "runtime/cpu/tile_loop_templates.h"
#include "runtime/cpu/tile_tables.h"

namespace leat::runtime::cpu {
namespace {

/// Whether the slow path of `op` might be taken, for numbers wide enough to compute with.
template <Op op, class V>
bool is_far(V x, V y) {
  if constexpr (op == Op::rem) {
    const V reach = std::is_same_v<V, float> ? V(0x1p21) : V(0x1p49);
    return meaning::magnitude(x) >= meaning::magnitude(y) * reach;
  } else {
    return meaning::magnitude(x) > meaning::constant<V>(meaning::kQuarterMax, meaning::kQuarterMaxD);
  }
}

template <Op op, class S>
bool any_far(const S* x, const S* y, std::int64_t count) {
  using V = std::conditional_t<meaning::kIsHalf<S>, float, S>;
  unsigned far = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    far |= static_cast<unsigned>(is_far<op>(meaning::convert<V>(x[i]), meaning::convert<V>(y[i])));
  }
  return far != 0;
}

template <Op op, class S>
[[gnu::flatten]] void run_near(void* result, const void* const* operands, std::int64_t count,
                               std::uint32_t* fault) {
  constexpr Family kFamily = op == Op::rem ? Family::binary : Family::unary;
  constexpr std::int64_t kBlock = 128;
  const S* x = static_cast<const S*>(operands[0]);
  const S* y = static_cast<const S*>(operands[op == Op::rem ? 1 : 0]);
  S* out = static_cast<S*>(result);
  for (std::int64_t i = 0; i < count; i += kBlock) {
    const std::int64_t n = count - i < kBlock ? count - i : kBlock;
    const void* block[] = {x + i, y + i};
    if (any_far<op>(x + i, y + i, n)) {
      constexpr auto kRow = static_cast<std::size_t>(op), kColumn = static_cast<std::size_t>(dtype_of<S>());
      const ElementwiseTable& table = op == Op::rem ? kArithmetic_baseline : kTranscendental_baseline;
      table[kRow][kColumn](out + i, block, n, fault);
    } else {
      run_elementwise<op, kFamily, S>(out + i, block, n, fault);
    }
  }
}

template <Op op>
constexpr TileLoopsOfOp near_row() {
  TileLoopsOfOp row{};
  row[static_cast<std::size_t>(DType::f16)] = &run_near<op, float16>;
  row[static_cast<std::size_t>(DType::bf16)] = &run_near<op, bfloat16>;
  row[static_cast<std::size_t>(DType::f32)] = &run_near<op, float>;
  row[static_cast<std::size_t>(DType::f64)] = &run_near<op, double>;
  return row;
}

constexpr ElementwiseTable near_table() {
  ElementwiseTable table{};
  table[static_cast<std::size_t>(Op::sin)] = near_row<Op::sin>();
  table[static_cast<std::size_t>(Op::cos)] = near_row<Op::cos>();
  table[static_cast<std::size_t>(Op::tan)] = near_row<Op::tan>();
  table[static_cast<std::size_t>(Op::rem)] = near_row<Op::rem>();
  return table;
}

}  // namespace
}  // namespace leat::runtime::cpu
