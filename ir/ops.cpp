#include "ir/ops.h"

#include <array>
#include <unordered_map>

namespace leat::ir {
namespace {

// One array of attribute specs per op, so that each row can hold a span of it.
#define ATTR(name, kind) AttrSpec{Attr::name, AttrKind::kind, false},
#define OPT(name, kind) AttrSpec{Attr::name, AttrKind::kind, true},
template <std::size_t N>
struct Specs {
  AttrSpec specs[N];
  std::size_t count;
};
#define LEAT_OP(name, family, types, domain, traits, summary, ...) \
  constexpr AttrSpec kAttrs_##name[] = {__VA_ARGS__ AttrSpec{}};
#include "ir/ops.def"

constexpr OpInfo kOps[] = {
#define LEAT_OP(name, family, types, domain, traits, summary, ...) \
  OpInfo{Op::name,       #name,                                    \
         Family::family, TypeRule::types,                          \
         Domain::domain, (traits),                                 \
         summary,        std::span<const AttrSpec>(kAttrs_##name, std::size(kAttrs_##name) - 1)},
#include "ir/ops.def"
};
#undef ATTR
#undef OPT

constexpr std::string_view kAttrNames[] = {
    "axis",       "backward",    "batch_dims", "batch_x",        "batch_y",  "body",  "causal", "condition",
    "contract_x", "contract_y",  "descending", "device",         "dilation", "dims",  "dtype",  "else_branch",
    "exclusive",  "groups",      "high",       "input_dilation", "interior", "k",     "kind",   "layout",
    "least",      "limits",      "low",        "pure",           "scale",    "sizes", "starts", "strides",
    "target",     "then_branch", "value",      "window"};
static_assert(std::size(kAttrNames) == kAttrCount);

}  // namespace

std::span<const OpInfo> all_ops() { return kOps; }

const OpInfo& op_info(Op op) { return kOps[static_cast<std::size_t>(op)]; }

std::optional<Op> find_op(std::string_view name) {
  static const auto* const kByName = [] {
    auto* map = new std::unordered_map<std::string_view, Op>;
    for (const OpInfo& info : kOps) map->emplace(info.name, info.op);
    return map;
  }();
  const auto it = kByName->find(name);
  if (it == kByName->end()) return std::nullopt;
  return it->second;
}

std::string_view name(Attr attr) { return kAttrNames[static_cast<std::size_t>(attr)]; }

std::optional<Attr> find_attr(std::string_view name) {
  for (int i = 0; i < kAttrCount; ++i) {
    if (kAttrNames[i] == name) return static_cast<Attr>(i);
  }
  return std::nullopt;
}

bool accepts(TypeRule rule, DType t) {
  switch (rule) {
    case TypeRule::any: return true;
    case TypeRule::numeric: return t != DType::bool_;
    case TypeRule::floating: return is_float(t);
    case TypeRule::integer: return is_int(t);
    case TypeRule::integral: return !is_float(t);
  }
  __builtin_unreachable();
}

std::string_view describe(TypeRule rule) {
  switch (rule) {
    case TypeRule::any: return "any dtype";
    case TypeRule::numeric: return "a numeric dtype (not bool)";
    case TypeRule::floating: return "a floating dtype (f16, bf16, f32, f64)";
    case TypeRule::integer: return "an integer dtype";
    case TypeRule::integral: return "an integer dtype or bool";
  }
  __builtin_unreachable();
}

int operand_count(Op op) {
  const OpInfo& info = op_info(op);
  if (info.is(kVariadic) || op == Op::attention || op == Op::dynamic_slice ||
      op == Op::dynamic_update_slice) {
    return -1;
  }
  switch (op) {
    case Op::parameter:
    case Op::constant:
    case Op::iota: return 0;
    case Op::pad:
    case Op::gather:
    case Op::gather_elements:
    case Op::gather_nd:
    case Op::dot_general:
    case Op::convolution: return 2;
    case Op::scatter_elements:
    case Op::scatter_nd: return 3;
    default: break;
  }
  switch (info.family) {
    case Family::binary:
    case Family::compare: return 2;
    case Family::ternary:
    case Family::select: return 3;
    default: return 1;
  }
}

}  // namespace leat::ir
