// Making the plan of a walked graph, usually on the pool, while the expression above changes on.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "compiler/frontend/context_state.h"
#include "compiler/frontend/node.h"

namespace leat::frontend {

// The nodes and the key of a walk, kept until the plan is made (on the pool).
struct Snapshot {
  std::vector<Node*> order;
  std::vector<std::uint64_t> key;
  Snapshot(std::vector<Node*> nodes, std::vector<std::uint64_t> words)
      : order(std::move(nodes)), key(std::move(words)) {
    for (Node* n : order) retain(n);
  }
  ~Snapshot() { Drop(); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  void Drop() {
    for (Node* n : order) release(n);
    order.clear();
  }
};

/// What stands for the inputs of a graph that belong to its plan; nothing for those that each run brings.
using BoundInputs = std::vector<std::optional<ir::Literal>>;

/// A value as a literal that keeps it alive: nothing is copied.
ir::Literal literal_of(runtime::Ref<runtime::Buffer> buffer, const ir::Type& type);
/// Turns parameters into constants, and leaves the devices of the others.
void bind_inputs(ir::Graph& graph, std::vector<runtime::DeviceId>& devices, const BoundInputs& bound);

/// The program of `plan`, made from the snapshot if need be; a plan with bound inputs is no other's. Never
/// throws; a plan that cannot be made is forgotten.
StatusOr<std::shared_ptr<const runtime::Program>> make_plan(ContextState& state,
                                                            const std::shared_ptr<Plan>& plan,
                                                            const Snapshot& snapshot,
                                                            const BoundInputs& bound = {});

/// To be called when a run finds its plan ready: what is used a second time gets machine code.
void note_reuse(ContextState& state, Plan& plan);

/// An input of a program that is one number: 8 bytes with it in the low ones.
runtime::Ref<runtime::Value> scalar_value(ContextState& state, std::uint64_t bits);

}  // namespace leat::frontend
