#include "compiler/frontend/schedule.h"

#include <sched.h>

#include <algorithm>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/call_record.h"
#include "compiler/frontend/launch_queue.h"
#include "compiler/frontend/planning.h"
#include "compiler/frontend/quick_run.h"
#include "compiler/frontend/run_request.h"
#include "compiler/frontend/walk.h"
#include "leat/block_guard.h"
#include "runtime/engine/engine_core.h"
#include "runtime/engine/futex.h"

namespace leat::frontend {
namespace {

using runtime::Ref;
using runtime::Value;

Walk& scratch_walk() {
  static thread_local Walk walk;
  return walk;
}

[[noreturn, gnu::cold]] void traced_error(std::string_view call, SourceLocation where) {
  fail(Code::failed_precondition,
       std::string(call) +
           ": the value is not known while a function is being traced (it depends on an argument)",
       where);
}

void run_now(ContextState& state, Plan& plan, const Walk& walk, std::unique_lock<runtime::ShortMutex>& lock) {
  runtime::RunRequest request;
  request.group = state.group();
  request.program = plan.program;
  fill_inputs(state, walk, request.inputs);
  fill_places(walk, request);
  fill_outputs(walk, request.outputs);
  const ContextState::Use use(state);
  lock.unlock();
  state.runs.fetch_add(1, std::memory_order_relaxed);
  state.plans().hits.fetch_add(1, std::memory_order_relaxed);
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

// The plan of the walk and whether it is ready. REQUIRES: graph lock.
std::shared_ptr<Plan> find_plan(ContextState& state, const Walk& walk, bool& known) {
  const std::uint64_t hash = hash_words(walk.key);
  std::shared_ptr<Plan> plan = state.plans().FindReady(walk.key, hash);
  known = plan != nullptr;
  return known ? plan : state.plans().FindOrAdd(walk.key, hash);
}

// The ready plan if it is quick, or null. REQUIRES: graph lock. The result holds as long as the lock.
const std::shared_ptr<Plan>& find_quick(ContextState& state, const Walk& walk) {
  static const std::shared_ptr<Plan> kNone;
  std::shared_ptr<Plan>& last = state.last_quick;
  if (last != nullptr && std::ranges::equal(last->key, walk.key)) {
    return last;
  }
  // Quick plans are of few nodes; for others the search is not worth it.
  if (walk.order.size() > 256 || walk.outputs.size() != 1) return kNone;
  std::shared_ptr<Plan> found = state.plans().FindReady(walk.key, hash_words(walk.key));
  if (found == nullptr || !found->quick || found->key.empty()) return kNone;
  last = std::move(found);
  return last;
}

void count_evaluations(ContextState& state, Walk& walk) {
  const std::uint64_t recomputed = walk.CountEvaluations();
  if (recomputed > 0) state.recomputed_bytes.fetch_add(recomputed, std::memory_order_relaxed);
}

// Hands the run of a walk over. Where `scheduled` is given it is the one output, which is marked already.
StatusOr<Ref<runtime::Run>> submit(const std::shared_ptr<ContextState>& held, Walk& walk,
                                   const EvalOptions& options, Admission admission,
                                   std::unique_lock<runtime::ShortMutex>& lock,
                                   const Ref<Value>& scheduled = nullptr) {
  ContextState& state = *held;
  bool known = false;
  const std::shared_ptr<Plan> plan = find_plan(state, walk, known);
  runtime::RunRequest request;
  request.group = state.group();
  fill_inputs(state, walk, request.inputs);
  fill_places(walk, request);
  if (known) {
    request.program = plan->program;
    state.plans().hits.fetch_add(1, std::memory_order_relaxed);
  } else {
    auto snapshot =
        std::make_shared<Snapshot>(std::vector<Node*>(walk.order), std::vector<std::uint64_t>(walk.key));
    request.plan = [held, plan, snapshot] {
      auto program = make_plan(*held, plan, *snapshot);
      snapshot->Drop();
      return program;
    };
  }
  request.reserve_bytes = walk.output_bytes;
  request.stop = options.stop;
  if (options.deadline != std::chrono::steady_clock::time_point{}) request.deadline = options.deadline;
  if (const std::uint32_t label = walk.outputs[0].node->label.load(std::memory_order_relaxed); label != 0) {
    request.label = name_of(label);
  }
  std::vector<Node*> nodes;
  for (const WalkOutput& o : walk.outputs) {
    if (nodes.empty() || nodes.back() != o.node) nodes.push_back(o.node);
  }
  auto settling = std::make_shared<Settling>(std::move(nodes));
  std::vector<Ref<Value>> outputs;  // where they are needed afterwards
  const bool alone = walk.outputs.size() == 1;
  if (alone || admission == Admission::refuse) outputs.reserve(walk.outputs.size());
  if (scheduled != nullptr) {
    request.outputs.push_back(scheduled);
  } else {
    fill_outputs(walk, request.outputs);  // from here on nothing throws until the run is submitted
  }
  if (outputs.capacity() > 0) outputs.assign(request.outputs.begin(), request.outputs.end());
  const ContextState::Use use(state);
  lock.unlock();  // submitting may wait for room
  if (known) note_reuse(state, *plan);

  Ref<runtime::Run> run;
  if (admission == Admission::wait) {
    run = state.engine().Submit(std::move(request));
  } else {
    StatusOr<Ref<runtime::Run>> tried = state.engine().TrySubmit(std::move(request));
    if (!tried.ok()) {
      // As if nothing had been asked; whoever saw the values meanwhile may try again.
      for (const Ref<Value>& v : outputs) v->SetFailed(tried.status());
      return tried.status();
    }
    run = *tried;
  }
  // One value tells by itself; many are settled together when the run is at rest.
  if (alone) {
    outputs[0]->OnDone([settling](Value&) { settling->Run(); });
  } else {
    run->OnQuiescent([settling] { settling->Run(); });
  }
  return run;
}

// The value of a root whose plan is quick, run here. REQUIRES: no pending input.
Ref<Value> run_here(const std::shared_ptr<ContextState>& shared, const std::shared_ptr<Plan>& plan,
                    Walk& walk, Node& node, std::unique_lock<runtime::ShortMutex>& lock) {
  ContextState& state = *shared;
  absl::InlinedVector<const void*, 8> addresses;
  absl::InlinedVector<Ref<Value>, 8> kept;
  for (const WalkInput& in : walk.inputs) {
    if (in.leaf == nullptr) {
      addresses.push_back(&in.bits);
      continue;
    }
    kept.push_back(value_of(*in.leaf));
    const Value& value = *kept.back();
    if (value.state() != Value::State::ready || value.content().device() != 0 || !value.content().Align())
      return nullptr;
    addresses.push_back(value.content().data());
  }
  count_evaluations(state, walk);
  const std::shared_ptr<Plan> held = plan;
  Ref<Value> value = Value::Pending();
  node.value = value;
  const ContextState::Use use(state);
  lock.unlock();
  state.runs.fetch_add(1, std::memory_order_relaxed);
  state.plans().hits.fetch_add(1, std::memory_order_relaxed);
  note_reuse(state, *held);
  Ref<runtime::Buffer> buffer = QuickRun(state, *held).Run(addresses.data());
  if (buffer == nullptr) {  // its errors are an ordinary run's
    submit_scheduled(shared, &node, value);
    return value;
  }
  value->SetReady(std::move(buffer));
  Garbage garbage;
  {
    const std::lock_guard again(graph_lock(node.context));
    if (node.value == value && node.slot_count > 0) drop_operands(&node, garbage);
  }
  for (Node* n : garbage) release(n);
  return value;
}

}  // namespace

void settle(Node* node) {
  Garbage garbage;
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
  std::unique_lock<runtime::ShortMutex> lock(graph_lock(id));
  absl::InlinedVector<Node*, 8> wanted;
  std::shared_ptr<ContextState> const* held = nullptr;  // this thread's, until it looks for another one
  std::uint64_t mark = 0;
  for (const Tensor& t : roots) {
    const Node& n = node_of(t, "eval", where);
    if (n.context != id)
      fail(Code::failed_precondition, "eval: the tensors belong to different Contexts", where);
    if (n.traced) traced_error("eval", where);
    if (has_value(n)) continue;
    if (held == nullptr) {
      held = &ContextState::Get(id, where);
      (*held)->CheckProcess(where);
      mark = (*held)->next_walk++;
    }
    if (t.node()->mark == mark) continue;  // named twice
    t.node()->mark = mark;
    wanted.push_back(t.node());
  }
  if (wanted.empty()) return Ref<runtime::Run>();
  ContextState& state = **held;
  std::optional<CallRecord> record;
  if (runtime::anyone_traces()) {
    record.emplace(recording_engine(state), runtime::TraceEvent::Kind::call, "eval", where);
  }
  Walk& walk = scratch_walk();
  walk.Clear();
  walk.Run(wanted, state.next_walk++);
  count_evaluations(state, walk);
  state.runs.fetch_add(1, std::memory_order_relaxed);
  const bool plain = admission == Admission::wait && !options.stop.stop_possible() &&
                     options.deadline == std::chrono::steady_clock::time_point{};
  if (plain) {
    const std::shared_ptr<Plan>& quick = find_quick(state, walk);
    // A first reuse asks for machine code, which takes other locks.
    if (quick != nullptr && quick->reuses.load(std::memory_order_relaxed) > 0 &&
        LaunchQueue::Takes(state, walk)) {
      state.plans().hits.fetch_add(1, std::memory_order_relaxed);
      const LaunchQueue::Then then = state.launches().Add(state, quick, walk);
      if (then == LaunchQueue::Then::nothing) return Ref<runtime::Run>();
      const ContextState::Use use(state);
      lock.unlock();
      LaunchQueue::Follow(then, *held);
      return Ref<runtime::Run>();
    }
  }
  const std::shared_ptr<ContextState> shared = *held;
  StatusOr<Ref<runtime::Run>> run = submit(shared, walk, options, admission, lock);
  if (record && run.ok() && *run) record->run = (*run)->id();
  return run;
}

void submit_scheduled(const std::shared_ptr<ContextState>& state, Node* node, const Ref<Value>& value) {
  try {
    std::unique_lock<runtime::ShortMutex> lock(graph_lock(state->id()));
    if (!state->open()) {
      lock.unlock();
      value->SetFailed(Status(Code::context_gone, "the Context was destroyed before the value was computed"));
      return;
    }
    Walk walk;
    walk.RunScheduled(node, state->next_walk++);
    submit(state, walk, {}, Admission::wait, lock, value).status().IgnoreError();
  } catch (const std::bad_alloc&) {
    value->SetFailed(Status(Code::resource_exhausted, "out of memory while a run was made"));
  } catch (const Error& e) {
    value->SetFailed(e.status());
  }
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
    std::unique_lock<runtime::ShortMutex> lock(graph_lock(node.context));
    if (has_value(node)) return value_of(node);
    if (node.traced) traced_error("eval", where);
    const std::shared_ptr<ContextState>& state = ContextState::Get(node.context, where);
    state->CheckProcess(where);
    Walk& walk = scratch_walk();
    walk.Clear();
    Node* const roots[] = {&node};
    walk.Run(roots, state->next_walk++);
    // A graph beyond 256 nodes is not small; looking for its plan is left to start().
    const bool able = walk.order.size() <= 256 && walk.outputs.size() == 1 && inputs_done(walk);
    if (able && !state->engine().core().tracing.load(std::memory_order_relaxed)) {
      if (const std::shared_ptr<Plan>& quick = find_quick(*state, walk); quick != nullptr) {
        if (Ref<Value> value = run_here(state, quick, walk, node, lock)) return value;
      }
    }
    std::shared_ptr<Plan> plan;
    if (able) {
      plan = state->plans().FindReady(walk.key, hash_words(walk.key));
    }
    if (plan != nullptr && plan->small) {
      count_evaluations(*state, walk);
      run_now(*state, *plan, walk, lock);  // unlocks
      Ref<Value> value;
      Garbage garbage;
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

namespace {

// A value that no run makes is a launch: ours if it is still queued; else it is there in no time.
void run_or_spin(const Node& node, const Value& value) {
  if (value.producer() != nullptr || runtime::Engine::OnPoolThread()) return;
  if (const std::shared_ptr<ContextState>& state = ContextState::Find(node.context); state != nullptr) {
    LaunchQueue::RunQueued(state, node);
  }
  // 20 us, as the engine's threads: then sleeping is cheaper.
  const std::int64_t until = runtime::now_ns() + 20'000;
  for (int looks = 1; !value.done() && runtime::now_ns() < until; ++looks) {
    if (looks % 16 == 0) {
      sched_yield();  // who makes it may need this CPU
    } else {
      for (int k = 0; k < 8; ++k) runtime::cpu_pause();
    }
  }
}

}  // namespace

Ref<Value> await_value(const Tensor& tensor, std::string_view call, SourceLocation where) {
  const Node& node = node_of(tensor, call, where);
  if (node.traced) traced_error(call, where);
  if (BlockGuard::active()) {
    const Ref<Value> there = peek_value(tensor);
    BlockGuard::Report(call, where, there == nullptr || !there->done());
  }
  // A value that is there blocks nobody.
  std::optional<CallRecord> record;
  if (runtime::anyone_traces()) {
    const Ref<Value> there = peek_value(tensor);
    const std::shared_ptr<ContextState>& state = ContextState::Find(node.context);
    if (state != nullptr && (there == nullptr || !there->done())) {
      record.emplace(lock_recording_engine(*state), runtime::TraceEvent::Kind::blocker, call, where);
    }
  }
  Ref<Value> value = request_value(tensor, where);
  if (!value->done()) run_or_spin(node, *value);
  if (!value->done()) {
    if (const Status s = value->Wait(); !s.ok()) fail(s, where);
    settle(tensor.node());
  }
  if (value->state() != Value::State::ready) throw_value_error(*value, node.context, where);
  return value;
}

Ref<Value> read_value(const Tensor& tensor, std::string_view call, SourceLocation where) {
  Ref<Value> value = await_value(tensor, call, where);
  if (value->content().device() == 0) [[likely]]
    return value;
  const Node& node = node_of(tensor, call, where);
  const std::shared_ptr<ContextState>& found = ContextState::Find(node.context);
  if (found == nullptr) {
    // Its engine is gone, and with it the way to a GPU; other memory of the host is there.
    if (!value->content().on_device()) return value;
    fail(Code::context_gone, "the Context of this value, which is on a GPU, was destroyed", where);
  }
  const std::shared_ptr<ContextState> state = found;
  Ref<Value> here = state->engine().OnHost(value, state->group());
  if (here == value) return value;
  if (const Status s = here->Wait(); !s.ok()) fail(s, where);
  if (here->state() != Value::State::ready) throw_value_error(*here, node.context, where);
  return here;
}

}  // namespace leat::frontend
