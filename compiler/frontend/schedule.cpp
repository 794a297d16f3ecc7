#include "compiler/frontend/schedule.h"

#include <cstring>

#include "absl/container/inlined_vector.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/planning.h"
#include "compiler/frontend/walk.h"
#include "leat/block_guard.h"

namespace leat::frontend {
namespace {

using runtime::Ref;
using runtime::Value;

Walk& scratch_walk() {
  static thread_local Walk walk;
  return walk;
}

// The inputs of a run. REQUIRES: graph lock (for the leaves).
void fill_inputs(ContextState& state, const Walk& walk, std::vector<Ref<Value>>& inputs) {
  inputs.reserve(walk.inputs.size());
  for (const WalkInput& in : walk.inputs) {
    if (in.leaf != nullptr) {
      inputs.push_back(value_of(*in.leaf));
      continue;
    }
    inputs.push_back(scalar_value(state, in.bits));
  }
}

// Marks the outputs as scheduled. REQUIRES: graph lock.
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

[[noreturn, gnu::cold]] void traced_error(std::string_view call, SourceLocation where) {
  fail(Code::failed_precondition,
       std::string(call) +
           ": the value is not known while a function is being traced (it depends on an argument)",
       where);
}

// Where the nodes of this walk were written, for errors: a plan is shared by many places. Only made where
// something may go wrong, in this run or in one before it.
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
    if (in.leaf != nullptr && !value_of(*in.leaf)->done()) return false;
  }
  return true;
}

void run_now(ContextState& state, Plan& plan, const Walk& walk, std::unique_lock<std::mutex>& lock) {
  runtime::RunRequest request;
  request.program = plan.program;
  fill_inputs(state, walk, request.inputs);
  fill_places(walk, request);
  fill_outputs(walk, request.outputs);
  const ContextState::Use use(state);
  lock.unlock();
  state.runs.fetch_add(1, std::memory_order_relaxed);
  note_reuse(state, plan);
  state.engine().RunInline(std::move(request)).IgnoreError();  // it is in the values
}

// Drops the operands of the outputs once they are ready; called when the run is at rest, or per value.
class Settling {
 public:
  explicit Settling(std::vector<Node*> nodes) : nodes_(std::move(nodes)) {
    for (Node* n : nodes_) retain(n);
  }
  ~Settling() {
    for (Node* n : nodes_) release(n);
  }
  Settling(const Settling&) = delete;
  Settling& operator=(const Settling&) = delete;
  void Run() {
    for (Node* n : nodes_) settle(n);
  }

 private:
  std::vector<Node*> nodes_;
};

struct Submitted {
  runtime::RunRequest request;
  std::vector<Node*> settle;
  std::shared_ptr<ContextState> state;
  std::shared_ptr<Plan> reused;  // for the first time
};

}  // namespace

void settle(Node* node) {
  std::vector<Node*> garbage;
  {
    const std::lock_guard lock(graph_lock(node->context));
    if (node->slot_count == 0) return;
    if (node->kind == Kind::tuple) {
      for (const Ref<Value>& v : node->attributes->values) {
        if (!v->done() || v->state() == Value::State::failed) return;
      }
      if (node->attributes->values.empty()) return;
    } else if (node->value == nullptr || !node->value->done() ||
               node->value->state() == Value::State::failed) {
      return;
    }
    drop_operands(node, garbage);
  }
  for (Node* n : garbage) release(n);
}

StatusOr<Ref<runtime::Run>> start(std::span<const Tensor> roots, const EvalOptions& options,
                                  Admission admission, SourceLocation where) {
  if (roots.empty()) return Ref<runtime::Run>();
  const Node& first = node_of(roots[0], "eval", where);
  const std::uint32_t id = first.context;
  Submitted s;
  bool known = false;
  std::unique_lock<std::mutex> lock(graph_lock(id));
  absl::InlinedVector<Node*, 8> wanted;
  std::uint64_t mark = 0;
  for (const Tensor& t : roots) {
    const Node& n = node_of(t, "eval", where);
    if (n.context != id)
      fail(Code::failed_precondition, "eval: the tensors belong to different Contexts", where);
    if (n.traced) traced_error("eval", where);
    if (has_value(n)) continue;
    if (s.state == nullptr) {
      s.state = ContextState::Get(id, where);
      s.state->CheckProcess(where);
      mark = s.state->next_walk++;
    }
    if (t.node()->mark == mark) continue;  // named twice
    t.node()->mark = mark;
    wanted.push_back(t.node());
  }
  if (wanted.empty()) return Ref<runtime::Run>();
  ContextState& state = *s.state;
  Walk& walk = scratch_walk();
  walk.Clear();
  walk.Run(wanted, state.next_walk++);
  state.recomputed_bytes.fetch_add(walk.CountEvaluations(), std::memory_order_relaxed);
  const std::uint64_t hash = hash_words(walk.key);
  std::shared_ptr<Plan> plan = state.plans().FindReady(walk.key, hash);
  known = plan != nullptr;
  if (!known) plan = state.plans().FindOrAdd(walk.key, hash);

  fill_inputs(state, walk, s.request.inputs);
  fill_places(walk, s.request);
  if (known) {
    s.request.program = plan->program;
    if (plan->reuses.load(std::memory_order_relaxed) == 0) s.reused = plan;
  } else {
    auto snapshot =
        std::make_shared<Snapshot>(std::vector<Node*>(walk.order), std::vector<std::uint64_t>(walk.key));
    s.request.plan = [held = s.state, plan, snapshot] {
      auto program = make_plan(*held, plan, *snapshot);
      snapshot->Drop();
      return program;
    };
  }
  s.request.reserve_bytes = walk.output_bytes;
  s.request.stop = options.stop;
  if (options.deadline != std::chrono::steady_clock::time_point{}) s.request.deadline = options.deadline;
  if (const std::uint32_t label = wanted[0]->label.load(std::memory_order_relaxed); label != 0) {
    s.request.label = name_of(label);
  }
  for (const WalkOutput& o : walk.outputs) {
    if (s.settle.empty() || s.settle.back() != o.node) s.settle.push_back(o.node);
  }
  auto settling = std::make_shared<Settling>(std::move(s.settle));
  std::vector<Ref<Value>> outputs;
  outputs.reserve(walk.outputs.size());
  fill_outputs(walk, s.request.outputs);  // from here on nothing throws until the run is submitted
  outputs.assign(s.request.outputs.begin(), s.request.outputs.end());
  const ContextState::Use use(state);
  lock.unlock();  // submitting may wait for room
  if (s.reused != nullptr) note_reuse(state, *s.reused);

  state.runs.fetch_add(1, std::memory_order_relaxed);
  Ref<runtime::Run> run;
  if (admission == Admission::wait) {
    run = state.engine().Submit(std::move(s.request));
  } else {
    StatusOr<Ref<runtime::Run>> tried = state.engine().TrySubmit(std::move(s.request));
    if (!tried.ok()) {
      // As if nothing had been asked; whoever saw the values meanwhile may try again.
      for (const Ref<Value>& v : outputs) v->SetFailed(tried.status());
      return tried.status();
    }
    run = *tried;
  }
  // One value tells by itself; many are settled together when the run is at rest.
  if (outputs.size() == 1) {
    outputs[0]->OnDone([settling](Value&) { settling->Run(); });
  } else {
    run->OnQuiescent([settling] { settling->Run(); });
  }
  return run;
}

Ref<Value> peek_value(const Tensor& tensor) {
  Node* const node = tensor.node();
  if (node == nullptr) return nullptr;
  const std::lock_guard lock(graph_lock(node->context));
  if (node->value != nullptr) return node->value;
  return has_value(*node) ? value_of(*node) : Ref<Value>();
}

Ref<Value> request_value(const Tensor& tensor, SourceLocation where) {
  Node& node = node_of(tensor, "eval", where);
  {
    std::unique_lock<std::mutex> lock(graph_lock(node.context));
    if (has_value(node)) return value_of(node);
    if (node.traced) traced_error("eval", where);
    const std::shared_ptr<ContextState>& state = ContextState::Get(node.context, where);
    state->CheckProcess(where);
    Walk& walk = scratch_walk();
    walk.Clear();
    Node* const roots[] = {&node};
    walk.Run(roots, state->next_walk++);
    std::shared_ptr<Plan> plan;
    // A graph beyond 256 nodes is not small; looking for its plan is left to start().
    if (walk.order.size() <= 256 && walk.outputs.size() == 1 && inputs_done(walk)) {
      plan = state->plans().FindReady(walk.key, hash_words(walk.key));
    }
    if (plan != nullptr && plan->small) {
      state->recomputed_bytes.fetch_add(walk.CountEvaluations(), std::memory_order_relaxed);
      run_now(*state, *plan, walk, lock);  // unlocks
      Ref<Value> value;
      std::vector<Node*> garbage;
      {
        const std::lock_guard again(graph_lock(node.context));
        value = node.value;
        if (value != nullptr && value->done() && value->state() != Value::State::failed &&
            node.slot_count > 0) {
          drop_operands(&node, garbage);
        }
      }
      for (Node* n : garbage) release(n);
      if (value != nullptr) return value;
    }
  }
  StatusOr<Ref<runtime::Run>> run = start(std::span(&tensor, 1), {}, Admission::wait, where);
  if (!run.ok()) fail(run.status(), where);
  Ref<Value> value = peek_value(tensor);
  if (value == nullptr) fail(Code::internal, "eval: the value was dropped while it was asked for", where);
  return value;
}

void throw_value_error(const Value& value, std::uint32_t context, SourceLocation where) {
  const Status status = value.status();
  if (value.state() == Value::State::failed && ContextState::Find(context) == nullptr) {
    fail(Code::context_gone, "the Context of this value was destroyed before it was computed", where);
  }
  fail(status, where);
}

Ref<Value> await_value(const Tensor& tensor, std::string_view call, SourceLocation where) {
  const Node& node = node_of(tensor, call, where);
  if (node.traced) traced_error(call, where);
  if (BlockGuard::active()) {
    const Ref<Value> there = peek_value(tensor);
    BlockGuard::Report(call, where, there == nullptr || !there->done());
  }
  Ref<Value> value = request_value(tensor, where);
  if (!value->done()) {
    if (const Status s = value->Wait(); !s.ok()) fail(s, where);
    settle(tensor.node());
  }
  if (value->state() != Value::State::ready) throw_value_error(*value, node.context, where);
  return value;
}

}  // namespace leat::frontend
