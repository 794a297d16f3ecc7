// Which ops can run on arrays blocked by channels, and what they become there.
//
// The dense array [n,c,spatial...] is [n,c/block,spatial...,block] when blocked (ir/layout.h). Blocks are
// whole: where channels are no multiple of a block an op stays dense. Immutable; any thread; the graph must
// outlive it.
#pragma once

#include <optional>

#include "compiler/passes/rebuild.h"
#include "ir/graph.h"

namespace leat::compiler {

class BlockedForm {
 public:
  BlockedForm(const ir::Graph& graph, std::int64_t block) : graph_(graph), block_(block) {}

  /// How an op reads an operand.
  enum class Role : std::uint8_t {
    array,     // [n,c,spatial...], which is to be blocked too
    repeated,  // the broadcast of a number, or of one number a channel: made anew, blocked
    number,    // as it is (the value of a pad)
  };
  Role RoleOf(const ir::Node& node, std::size_t operand) const;
  /// Whether the op gives the blocked array of its result from blocked arrays.
  bool Possible(const ir::Node& node) const;

  ir::Type Blocked(const ir::Type& dense) const;
  std::string LayoutOf(const ir::Type& dense) const;
  /// The op on blocked operands.
  ir::Value Add(Rebuild& rebuild, const ir::Node& node, absl::InlinedVector<ir::Value, 3> operands) const;
  /// The broadcast node `v`, blocked; `operand` is its operand in the new graph.
  ir::Value AddRepeated(Rebuild& rebuild, ir::Value v, ir::Value operand) const;

 private:
  std::optional<ir::Literal> RepeatedConstant(Rebuild& rebuild, const ir::Node& node,
                                              ir::Value operand) const;

  const ir::Graph& graph_;
  std::int64_t block_;
};

}  // namespace leat::compiler
