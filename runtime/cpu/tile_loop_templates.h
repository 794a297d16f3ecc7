// How a meaning becomes a loop: included once by each tile_loops_*.cpp, for one instruction set.
//
// Everything here has internal linkage on purpose (an anonymous namespace in a header): the same template
// instantiated in a file with other compiler flags must be another function, or the linker could give the
// baseline a function with AVX-512 in it. For the same reason LEAT_MEANING_ISA must be set before inclusion.
#pragma once

#ifndef LEAT_MEANING_ISA
#error "name the instruction set: #define LEAT_MEANING_ISA avx2"
#endif

#include <tuple>
#include <utility>

#include "ir/meaning/elementwise.h"
#include "runtime/cpu/tile_loops.h"

namespace leat::runtime::cpu {
namespace {

using ir::Family;
using ir::Op;
using ir::TypeRule;

template <int t>
using Storage = std::tuple_element_t<
    t, std::tuple<bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t,
                  std::uint32_t, std::uint64_t, float16, bfloat16, float, double>>;
using AllDTypes = std::make_integer_sequence<int, kDTypeCount>;

constexpr bool takes(TypeRule rule, DType t) {
  switch (rule) {
    case TypeRule::any: return true;
    case TypeRule::numeric: return t != DType::bool_;
    case TypeRule::floating: return is_float(t);
    case TypeRule::integer: return is_int(t);
    case TypeRule::integral: return !is_float(t);
  }
  return false;
}

// Flattened: a loop that calls its meaning out of line is not vectorised (exp: 0.3 against 2.9 ns/element).
template <Op op, Family family, class S>
[[gnu::flatten]] void run_elementwise(void* result, const void* const* operands, std::int64_t count,
                                      [[maybe_unused]] std::uint32_t* fault) {
  constexpr bool kPredicate = family == Family::compare || family == Family::classify;
  using R = std::conditional_t<kPredicate, bool, S>;
  [[maybe_unused]] R* out = static_cast<R*>(result);
  if constexpr (family == Family::select) {
    // meaning::select on the bits: as a choice between two loads the compiler would branch.
    using U = meaning::UnsignedOf<sizeof(S)>;
    const std::uint8_t* p = static_cast<const std::uint8_t*>(operands[0]);
    const U* x = static_cast<const U*>(operands[1]);
    const U* y = static_cast<const U*>(operands[2]);
    U* chosen = static_cast<U*>(result);
#pragma GCC ivdep
    for (std::int64_t i = 0; i < count; ++i) {
      const U mask = static_cast<U>(-static_cast<U>(p[i]));
      chosen[i] = static_cast<U>((x[i] & mask) | (y[i] & static_cast<U>(~mask)));
    }
  } else if constexpr (family == Family::ternary) {
    const S* x = static_cast<const S*>(operands[0]);
    const S* y = static_cast<const S*>(operands[1]);
    const S* z = static_cast<const S*>(operands[2]);
#pragma GCC ivdep
    for (std::int64_t i = 0; i < count; ++i) out[i] = meaning::apply<op>(x[i], y[i], z[i]);
  } else if constexpr (family == Family::binary || family == Family::compare) {
    const S* x = static_cast<const S*>(operands[0]);
    const S* y = static_cast<const S*>(operands[1]);
    if constexpr ((op == Op::div || op == Op::rem) && std::is_integral_v<S>) {
      bool any = false;
      for (std::int64_t i = 0; i < count; ++i) {
        const S a = x[i], b = y[i];
        any |= meaning::faults<op>(a, b);
        out[i] = meaning::apply<op>(a, b);
      }
      if (any) *fault = 1;
    } else {
#pragma GCC ivdep
      for (std::int64_t i = 0; i < count; ++i) out[i] = meaning::apply<op>(x[i], y[i]);
    }
  } else {
    const S* x = static_cast<const S*>(operands[0]);
#pragma GCC ivdep
    for (std::int64_t i = 0; i < count; ++i) out[i] = meaning::apply<op>(x[i]);
  }
}

/// Which of the tables that split the elementwise ops an op belongs to.
enum class Share { arithmetic, transcendental };

template <Share share, Op op, Family family, TypeRule rule, int traits, int t>
constexpr TileLoop elementwise_loop() {
  constexpr bool kCostly = (traits & ir::kTranscendental) != 0;
  if constexpr (family < Family::convert && kCostly == (share == Share::transcendental) &&
                takes(rule, static_cast<DType>(t))) {
    return &run_elementwise<op, family, Storage<t>>;
  } else {
    return nullptr;
  }
}

template <Share share, Op op, Family family, TypeRule rule, int traits, int... t>
constexpr TileLoopsOfOp elementwise_row(std::integer_sequence<int, t...>) {
  return {elementwise_loop<share, op, family, rule, traits, t>()...};
}

template <Share share>
constexpr ElementwiseTable elementwise_table() {
  using ir::kCommutative;
  using ir::kEffect;
  using ir::kFaults;
  using ir::kMultiResult;
  using ir::kTranscendental;
  using ir::kVariadic;
  return {
#define LEAT_OP(name, family, types, domain, traits, ...) \
  elementwise_row<share, Op::name, Family::family, TypeRule::types, (traits)>(AllDTypes{}),
#include "ir/ops.def"
  };
}

}  // namespace
}  // namespace leat::runtime::cpu
