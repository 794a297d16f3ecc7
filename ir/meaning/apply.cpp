#include "ir/meaning/apply.h"

#include <array>
#include <tuple>
#include <utility>

#include "ir/meaning/elementwise.h"

namespace leat::meaning {
namespace {

using ir::Family;
using ir::Op;
using ir::TypeRule;

using Loop = void (*)(const void* const* operands, void* result, std::int64_t count, bool* fault);
using LoopsOfOp = std::array<Loop, kDTypeCount>;

template <int t>
using Storage = std::tuple_element_t<
    t, std::tuple<bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t,
                  std::uint32_t, std::uint64_t, float16, bfloat16, float, double>>;

constexpr bool takes(TypeRule rule, DType t) {
  switch (rule) {
    case TypeRule::any: return true;
    case TypeRule::numeric: return t != DType::bool_;
    case TypeRule::floating: return is_float(t);
    case TypeRule::integer: return is_int(t);
    case TypeRule::integral: return is_int(t) || t == DType::bool_;
  }
  return false;
}

constexpr bool is_predicate(Family family) { return family == Family::compare || family == Family::classify; }

template <Op op, Family family, class S>
void run(const void* const* operands, void* result, std::int64_t count, bool* fault) {
  using R = std::conditional_t<is_predicate(family), bool, S>;
  R* out = static_cast<R*>(result);
  bool any = false;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = [&](int k) { return static_cast<const S*>(operands[k])[i]; };
    if constexpr (family == Family::select) {
      out[i] = apply<op>(static_cast<const bool*>(operands[0])[i], at(1), at(2));
    } else if constexpr (family == Family::ternary) {
      out[i] = apply<op>(at(0), at(1), at(2));
    } else if constexpr (family == Family::binary || family == Family::compare) {
      const S a = at(0), b = at(1);
      any |= faults<op>(a, b);
      out[i] = apply<op>(a, b);
    } else {
      out[i] = apply<op>(at(0));
    }
  }
  if (any) *fault = true;
}

template <Op op, int from, int to>
void run_convert(const void* const* operands, void* result, std::int64_t count, bool*) {
  const auto* in = static_cast<const Storage<from>*>(operands[0]);
  auto* out = static_cast<Storage<to>*>(result);
  for (std::int64_t i = 0; i < count; ++i) out[i] = apply_convert<op, Storage<to>>(in[i]);
}

template <Op op, Family family, TypeRule rule, int t>
constexpr Loop loop() {
  if constexpr (takes(rule, static_cast<DType>(t))) {
    return &run<op, family, Storage<t>>;
  } else {
    return nullptr;
  }
}

template <Op op, Family family, TypeRule rule, int... t>
constexpr LoopsOfOp loops(std::integer_sequence<int, t...>) {
  return {loop<op, family, rule, t>()...};
}

template <Op op, int from, int to>
constexpr Loop convert_loop() {
  if constexpr (op == Op::convert || sizeof(Storage<from>) == sizeof(Storage<to>)) {
    return &run_convert<op, from, to>;
  } else {
    return nullptr;
  }
}

template <Op op, int from, int... to>
constexpr LoopsOfOp converts_from(std::integer_sequence<int, to...>) {
  return {convert_loop<op, from, to>()...};
}

template <Op op, int... from>
constexpr std::array<LoopsOfOp, kDTypeCount> converts(std::integer_sequence<int, from...> all) {
  return {converts_from<op, from>(all)...};
}

using AllDTypes = std::make_integer_sequence<int, kDTypeCount>;

template <Op op, Family family, TypeRule rule>
constexpr LoopsOfOp row() {
  if constexpr (family < Family::convert) {
    return loops<op, family, rule>(AllDTypes{});
  } else {
    return {};  // convert has a table of its own; the other families are not elementwise
  }
}

constexpr LoopsOfOp kLoops[] = {
#define LEAT_OP(name, family, types, ...) row<Op::name, Family::family, TypeRule::types>(),
#include "ir/ops.def"
};
constexpr auto kConverts = converts<Op::convert>(AllDTypes{});
constexpr auto kBitcasts = converts<Op::bitcast>(AllDTypes{});

}  // namespace

bool apply_elementwise(ir::Op op, DType operand_dtype, DType result_dtype, const void* const* operands,
                       void* result, std::int64_t count, bool* fault) {
  const ir::OpInfo& info = ir::op_info(op);
  if (!info.elementwise()) return false;
  const int from = static_cast<int>(operand_dtype), to = static_cast<int>(result_dtype);
  Loop loop = nullptr;
  if (op == Op::convert) {
    loop = kConverts[from][to];
  } else if (op == Op::bitcast) {
    loop = kBitcasts[from][to];
  } else if (result_dtype == (is_predicate(info.family) ? DType::bool_ : operand_dtype)) {
    loop = kLoops[static_cast<int>(op)][from];
  }
  if (loop == nullptr) return false;
  loop(operands, result, count, fault);
  return true;
}

}  // namespace leat::meaning
