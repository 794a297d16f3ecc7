// The operators of ONNX that Leat imports: one row each, with the versions of the operator set it is for.
#pragma once

#include <span>
#include <string_view>

#include "compiler/frontend/onnx/call.h"

namespace leat::onnx {

/// When the outputs of an op are known while importing.
enum class KnownRule : std::uint8_t {
  operands,  // where its operands are
  shapes,    // always: they follow from the operands' shapes
  never,     // random numbers
};

struct OpRow {
  std::string_view name;
  std::int64_t from, last;  // versions, both included
  Results (*import)(Call&);
  KnownRule rule = KnownRule::operands;
};

/// The row of an operator in a version of the operator set; null if there is none.
const OpRow* find_op(std::string_view name, std::int64_t version);

std::span<const OpRow> all_ops();

}  // namespace leat::onnx
