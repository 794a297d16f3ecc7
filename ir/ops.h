// The op table as C++: the Op enum, and what the rows of ops.def say about each op.
//
//   for (const OpInfo& info : all_ops()) ...
//   op_info(Op::add).name;               // "add"
//   find_op("broadcast");                // Op::broadcast
// Immutable; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "leat/dtype.h"

namespace leat::ir {

enum class Op : std::uint8_t {
#define LEAT_OP(name, ...) name,
#include "ir/ops.def"
};

enum class Family : std::uint8_t {
  unary,
  binary,
  compare,
  ternary,
  classify,
  select,
  convert,  // elementwise
  source,
  view,
  movement,
  reduce,
  arg_reduce,
  cumulative,
  window,
  contraction,
  sorting,
  control,
};

enum class TypeRule : std::uint8_t {
  any,       // every dtype
  numeric,   // every dtype but bool
  floating,  // f16 bf16 f32 f64
  integer,   // i8..i64 u8..u64
  integral,  // integers and bool
};

enum class Domain : std::uint8_t { all, positive, unit /* (-1, 1) */, moderate /* [-20, 20] */ };

enum Trait : std::uint8_t {
  kCommutative = 1,
  kFaults = 2,
  kTranscendental = 4,
  kEffect = 8,
  kVariadic = 16,
  kMultiResult = 32,
};

enum class Attr : std::uint8_t {
  axis,
  backward,
  batch_dims,
  batch_x,
  batch_y,
  body,
  causal,
  condition,
  contract_x,
  contract_y,
  descending,
  device,
  dilation,
  dims,
  dtype,
  else_branch,
  exclusive,
  groups,
  high,
  input_dilation,
  interior,
  k,
  kind,
  layout,
  least,
  limits,
  low,
  pure,
  scale,
  sizes,
  starts,
  strides,
  target,
  then_branch,
  value,
  window,
};
inline constexpr int kAttrCount = static_cast<int>(Attr::window) + 1;

enum class AttrKind : std::uint8_t { boolean, integer, real, integers, string, dtype, literal, graph };

struct AttrSpec {
  Attr attr;
  AttrKind kind;
  bool optional;
};

struct OpInfo {
  Op op;
  std::string_view name;
  Family family;
  TypeRule types;
  Domain domain;
  std::uint8_t traits;
  std::string_view summary;
  std::span<const AttrSpec> attributes;

  bool is(Trait t) const { return (traits & t) != 0; }
  /// One result element per operand element of the same index, no attributes but a dtype.
  bool elementwise() const { return family <= Family::convert; }
};

std::span<const OpInfo> all_ops();
const OpInfo& op_info(Op op);
inline std::string_view name(Op op) { return op_info(op).name; }
std::optional<Op> find_op(std::string_view name);

std::string_view name(Attr attr);
std::optional<Attr> find_attr(std::string_view name);

/// Whether `rule` accepts `t`; and the rule in words, for error messages ("a floating dtype").
bool accepts(TypeRule rule, DType t);
std::string_view describe(TypeRule rule);

/// The number of operands, or -1 if it varies (variadic ops and ops with optional operands).
int operand_count(Op op);

}  // namespace leat::ir
