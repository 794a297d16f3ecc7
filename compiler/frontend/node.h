// The node of a lazy expression: what a Tensor points at.
//
// Nodes are counted intrusively and live in blocks of one size (node_pool.cpp), so that building
// `x + 1` costs no malloc. What a node computes (op, operands, attributes, type, place) never changes
// once it is built and may be read by any holder of a reference; its value, and the operands once it
// is evaluated, are guarded by the graph lock of its Context (graph_lock()). An evaluated node drops
// its operands. Destruction is iterative: chains may be a million nodes long.
//
// C++ scalars are stored in the operand slots (`scalars` says which), already converted to the dtype
// in which the op takes them; implicit broadcasting is not spelled out before lowering.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "ir/graph.h"
#include "leat/tensor.h"
#include "runtime/engine/short_mutex.h"
#include "runtime/engine/value.h"

namespace leat::frontend {

struct Node;

struct AttributeBlock {
  ir::Attributes attributes;
  std::vector<ir::Type> results;     // of a tuple node: one per result
  std::vector<std::uint64_t> words;  // canonical: equal words, equal attributes
  // Guarded by the graph lock: the values of a tuple with an effect, once it is scheduled.
  std::vector<runtime::Ref<runtime::Value>> values;
};

enum class Kind : std::uint8_t {
  leaf,         // a value from outside; never has operands
  operation,    // one result
  tuple,        // an op of several results; no Tensor points at it
  projection,   // result `result` of the tuple in slot 0
  placeholder,  // argument `result` of a function that is being traced
};

union Slot {
  Node* node;
  std::uint64_t bits;
};

struct Node {
  static constexpr std::uint32_t kInlineSlots = 3;

  std::atomic<std::uint32_t> references{1};
  std::uint32_t context = 0;  // id of its Context
  Kind kind = Kind::operation;
  ir::Op op = ir::Op::parameter;
  DType dtype = DType::f32;
  DType scalar_dtype = DType::f32;  // of the scalars in the slots
  std::uint8_t scalars = 0;         // bit i: slot i is a scalar
  std::uint8_t frozen = 0;          // bit i: scalar i belongs to the structure (part of the plan's key)
  bool traced = false;              // depends on a placeholder
  std::uint32_t slot_count = 0;
  std::uint32_t result = 0;
  std::uint32_t scope = 0;  // ids in the name table; 0 is none
  std::atomic<std::uint32_t> label{0};
  std::atomic<std::uint32_t> depth{0};  // longest chain of unevaluated nodes that ends here
  SourceLocation where;
  Slot inline_slots[kInlineSlots] = {};
  Slot* slots = inline_slots;
  AttributeBlock* attributes = nullptr;  // owned
  Shape shape;

  // Guarded by the graph lock.
  runtime::Ref<runtime::Value> value;  // set while it is scheduled and ever after it is ready
  std::uint64_t mark = 0;              // the walk that saw it last
  std::uint32_t ordinal = 0;           // its place in that walk
  std::uint32_t evaluations = 0;       // times it was computed without being kept

  bool is_scalar(std::uint32_t slot) const { return slot < 8 && (scalars >> slot & 1) != 0; }
  bool is_frozen(std::uint32_t slot) const { return slot < 8 && (frozen >> slot & 1) != 0; }
  ir::Type type() const { return {dtype, shape}; }
  const ir::Attributes& attrs() const;
};

/// A fresh node with one reference and room for `slot_count` operands. Throws std::bad_alloc.
Node* new_node(std::uint32_t slot_count);
inline void retain(Node* node) { node->references.fetch_add(1, std::memory_order_relaxed); }
/// Drops a reference; the last one frees the node and whatever only it held.
void release(Node* node);
/// Nodes whose references are to be dropped once no lock is held.
using Garbage = absl::InlinedVector<Node*, 8>;
/// Moves the operands of `node` into `garbage`, to be released without the lock. REQUIRES: graph lock.
void drop_operands(Node* node, Garbage& garbage);

/// Blocks of Node size, for new_node and release.
void* allocate_node_block();
void free_node_block(void* block) noexcept;
/// Nodes that exist now; for tests of leaks.
std::int64_t live_nodes();

/// The lock that guards the mutable part of the nodes of a Context.
runtime::ShortMutex& graph_lock(std::uint32_t context);

// Labels and scopes, as numbers of the process's one name_table.h.
std::uint32_t intern_name(std::string_view name);
const std::string& name_of(std::uint32_t id);
/// The scope of nodes that this thread makes.
std::uint32_t& current_scope();

/// The node of a Tensor, or throws failed_precondition naming `what`.
Node& node_of(const Tensor& tensor, std::string_view what, SourceLocation where);

[[noreturn, gnu::cold]] void fail(Code code, std::string message, SourceLocation where);
[[noreturn, gnu::cold]] void fail(const Status& status, SourceLocation where);

}  // namespace leat::frontend
