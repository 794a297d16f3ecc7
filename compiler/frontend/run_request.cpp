#include "compiler/frontend/run_request.h"

#include "compiler/frontend/planning.h"

namespace leat::frontend {

using runtime::Ref;
using runtime::Value;

void fill_inputs(ContextState& state, const Walk& walk, std::vector<Ref<Value>>& inputs) {
  inputs.reserve(walk.inputs.size());
  const Ref<Value>* last_scalar = nullptr;  // the 1 of a thousand x + 1 is one value
  std::uint64_t last_bits = 0;
  for (const WalkInput& in : walk.inputs) {
    if (in.leaf != nullptr) {
      inputs.push_back(value_of(*in.leaf));
    } else if (last_scalar != nullptr && last_bits == in.bits) {
      inputs.push_back(*last_scalar);
    } else {
      inputs.push_back(scalar_value(state, in.bits));
      last_scalar = &inputs.back();
      last_bits = in.bits;
    }
  }
}

void fill_outputs(const Walk& walk, std::vector<Ref<Value>>& outputs) {
  outputs.reserve(walk.outputs.size());
  for (const WalkOutput& o : walk.outputs) {
    if (o.node->kind == Kind::tuple) o.node->attributes->values.reserve(o.node->attributes->results.size());
    outputs.push_back(Value::Pending());
  }
  for (std::size_t i = 0; i < walk.outputs.size(); ++i) {
    const WalkOutput& o = walk.outputs[i];
    if (o.node->kind == Kind::tuple) {
      if (o.result == 0) o.node->attributes->values.clear();
      o.node->attributes->values.push_back(outputs[i]);
    } else {
      o.node->value = outputs[i];
    }
  }
}

void fill_places(const Walk& walk, runtime::RunRequest& request) {
  bool needed = walk.may_fault;
  for (const Ref<Value>& v : request.inputs) needed = needed || v->state() != Value::State::ready;
  if (!needed) return;
  struct Place {
    SourceLocation where;
    std::uint32_t label, scope;
  };
  std::vector<Place> places;
  places.reserve(walk.order.size());
  for (const Node* n : walk.order) {
    places.push_back({n->where, n->label.load(std::memory_order_relaxed), n->scope});
  }
  request.locate = [places = std::move(places)](std::uint32_t ordinal) -> ir::NodeLocation {
    if (ordinal - 1 >= places.size()) return {};
    const Place& at = places[ordinal - 1];
    const auto name = [](std::uint32_t id) { return id != 0 ? name_of(id) : std::string(); };
    return {at.where, name(at.label), name(at.scope)};
  };
}

bool inputs_done(const Walk& walk) {
  for (const WalkInput& in : walk.inputs) {
    if (in.leaf == nullptr) continue;
    const Node& leaf = *in.leaf;
    const Value* const value =
        leaf.value != nullptr ? leaf.value.get() : leaf.slots[0].node->attributes->values[leaf.result].get();
    if (!value->done()) return false;
  }
  return true;
}

}  // namespace leat::frontend
