#include "compiler/frontend/node.h"

#include "compiler/frontend/name_table.h"

namespace leat::frontend {
namespace {

// Locks are striped by Context id and live for ever, so that a Tensor can be read after its Context is gone.
constexpr std::uint32_t kStripes = 64;
struct alignas(64) Stripe {
  runtime::ShortMutex mutex;
};

NameTable& name_table() {
  static NameTable* const kTable = new NameTable(std::size_t{64} << 20);
  return *kTable;
}

// Frees `node`, whose references are gone, and puts operands that die with it on `stack`.
void destroy(Node* node, Node*& stack) {
  if (node->slots != nullptr) {
    for (std::uint32_t i = 0; i < node->slot_count; ++i) {
      Node* const operand = node->is_scalar(i) ? nullptr : node->slots[i].node;
      if (operand != nullptr && operand->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        // The dead are linked through a field that nobody reads any more.
        operand->mark = reinterpret_cast<std::uintptr_t>(stack);
        stack = operand;
      }
    }
    if (node->slots != node->inline_slots) delete[] node->slots;
  }
  delete node->attributes;
  node->~Node();
  free_node_block(node);
}

}  // namespace

const ir::Attributes& Node::attrs() const {
  static const ir::Attributes kNone;
  return attributes != nullptr ? attributes->attributes : kNone;
}

Node* new_node(std::uint32_t slot_count) {
  Slot* more = slot_count > Node::kInlineSlots ? new Slot[slot_count]() : nullptr;
  void* block;
  try {
    block = allocate_node_block();
  } catch (...) {
    delete[] more;
    throw;
  }
  Node* const node = new (block) Node;
  node->slot_count = slot_count;
  if (more != nullptr) node->slots = more;
  node->scope = current_scope();
  return node;
}

void release(Node* node) {
  if (node->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  Node* stack = nullptr;
  destroy(node, stack);
  while (stack != nullptr) {
    Node* const dead = stack;
    stack = reinterpret_cast<Node*>(static_cast<std::uintptr_t>(dead->mark));
    destroy(dead, stack);
  }
}

void drop_operands(Node* node, Garbage& garbage) {
  for (std::uint32_t i = 0; i < node->slot_count; ++i) {
    if (!node->is_scalar(i) && node->slots[i].node != nullptr) garbage.push_back(node->slots[i].node);
  }
  if (node->slots != node->inline_slots) delete[] node->slots;
  node->slots = nullptr;
  node->slot_count = 0;
  node->depth.store(0, std::memory_order_relaxed);
}

runtime::ShortMutex& graph_lock(std::uint32_t context) {
  static Stripe* const kStripesMade = new Stripe[kStripes];
  return kStripesMade[context % kStripes].mutex;
}

std::uint32_t intern_name(std::string_view name) { return name_table().Intern(name); }

const std::string& name_of(std::uint32_t id) { return name_table().NameOf(id); }

std::uint32_t& current_scope() {
  static thread_local std::uint32_t scope = 0;
  return scope;
}

Node& node_of(const Tensor& tensor, std::string_view what, SourceLocation where) {
  if (tensor.node() == nullptr) {
    fail(Code::failed_precondition,
         std::string(what) + ": the Tensor has no value (it was default-constructed or moved from)", where);
  }
  return *tensor.node();
}

void fail(Code code, std::string message, SourceLocation where) {
  throw Error(Status(code, std::move(message), where));
}

void fail(const Status& status, SourceLocation where) {
  throw Error(Status(status.code(), status.message(), status.where().known() ? status.where() : where));
}

}  // namespace leat::frontend
