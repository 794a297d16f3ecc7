// The conversion loops of the tile tier, and random_bits; see tile_loop_templates.h for the linkage.
#pragma once

#include "ir/meaning/philox.h"
#include "runtime/cpu/tile_loop_templates.h"

namespace leat::runtime::cpu {
namespace {

template <Op op, class From, class To>
[[gnu::flatten]] void run_convert(void* result, const void* const* operands, std::int64_t count,
                                  std::uint32_t*) {
  const From* x = static_cast<const From*>(operands[0]);
  To* out = static_cast<To*>(result);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < count; ++i) out[i] = meaning::apply_convert<op, To>(x[i]);
}

template <Op op, int from, int to>
constexpr TileLoop convert_loop() {
  if constexpr (op == Op::convert || sizeof(Storage<from>) == sizeof(Storage<to>)) {
    return &run_convert<op, Storage<from>, Storage<to>>;
  } else {
    return nullptr;
  }
}

template <Op op, int from, int... to>
constexpr TileLoopsOfOp convert_row(std::integer_sequence<int, to...>) {
  return {convert_loop<op, from, to>()...};
}

template <Op op, int... from>
constexpr ConvertTable convert_table(std::integer_sequence<int, from...>) {
  return {convert_row<op, from>(AllDTypes{})...};
}

/// Operands: key u64, offset u64, linear index i64.
template <class Word>
[[gnu::flatten]] void run_random_bits(void* result, const void* const* operands, std::int64_t count,
                                      std::uint32_t*) {
  const auto* key = static_cast<const std::uint64_t*>(operands[0]);
  const auto* offset = static_cast<const std::uint64_t*>(operands[1]);
  const auto* index = static_cast<const std::uint64_t*>(operands[2]);
  Word* out = static_cast<Word*>(result);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < count; ++i) {
    if constexpr (sizeof(Word) == 4) {
      out[i] = meaning::random_u32(index[i], key[i], offset[i]);
    } else {
      out[i] = meaning::random_u64(index[i], key[i], offset[i]);
    }
  }
}

}  // namespace
}  // namespace leat::runtime::cpu
