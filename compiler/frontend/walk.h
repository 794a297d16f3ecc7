// From roots to what a run needs: the reachable unevaluated nodes in topological order, the values
// they start from, and the canonical key of the plan.
//
// The key is the graph as words: for every node its op, attributes, types and operand ordinals, then
// the outputs. Scalars are arguments, of which the key has only the dtype, unless they belong to the
// structure (0, 1, -1, small integer exponents, constants of composites). The key has all that lowering
// needs of the edges, so nodes may drop their operands while a plan is being made.
//
//   std::lock_guard lock(graph_lock(id));
//   Walk w;  w.Run(roots, state.next_walk++);       // w.key, w.order, w.inputs
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/frontend/node.h"

namespace leat::frontend {

/// An input of the program: a leaf's value, or a scalar.
struct WalkInput {
  Node* leaf = nullptr;  // null: a scalar
  std::uint64_t bits = 0;
  DType dtype = DType::f32;
};

struct WalkOutput {
  Node* node;            // an operation, a projection, or a tuple with an effect
  std::uint32_t result;  // of the tuple
};

/// One node as the key has it.
enum class KeyTag : std::uint8_t { leaf, operation, tuple, projection, outputs };

struct Walk {
  std::vector<Node*> order;
  std::vector<std::uint64_t> key;
  std::vector<WalkInput> inputs;
  std::vector<WalkOutput> outputs;
  bool traced = false;     // a placeholder was reached
  bool may_fault = false;  // an op that may fault was reached
  std::int64_t output_bytes = 0;

  /// Walks from `roots`, which are not evaluated yet and distinct. `mark` is a number that no walk of this
  /// Context had. Placeholders are inputs if `placeholders`. REQUIRES: graph lock.
  void Run(std::span<Node* const> roots, std::uint64_t mark, bool placeholders = false);
  /// The same from one root that is scheduled already, as if it were not. REQUIRES: graph lock.
  void RunScheduled(Node* root, std::uint64_t mark);
  /// Counts the nodes as computed once more; the bytes of those that were before and were not kept.
  /// REQUIRES: graph lock, before the outputs get their values.
  std::uint64_t CountEvaluations();
  void Clear();

 private:
  struct Frame {
    Node* node;
    std::uint32_t next;
  };
  void Visit(Node* root, std::uint64_t mark, bool placeholders);
  void EmitLeaf(Node* node);
  void EmitOperation(Node* node);
  std::vector<Frame> stack_;
  std::vector<Node*> effects_;
  const Node* scheduled_ = nullptr;
};

/// Whether the node stands for a value that is there or on its way (a failed one is not).
bool has_value(const Node& node);
/// The value of a node for which has_value() holds.
runtime::Ref<runtime::Value> value_of(const Node& node);

/// The graph of a key. `order` are the nodes of the walk (for attributes, names and places). Node k of the
/// walk has location k + 1 in the graph. `input_devices`: where the key has each input.
ir::Graph lower(std::span<Node* const> order, std::span<const std::uint64_t> key,
                std::vector<runtime::DeviceId>* input_devices = nullptr);

}  // namespace leat::frontend
