// compile(f): traces, and calls of what was traced.
#include "leat/function.h"

#include <cstring>
#include <map>
#include <mutex>

#include "compiler/frontend/attribute_words.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/format.h"
#include "compiler/frontend/planning.h"
#include "compiler/frontend/schedule.h"
#include "compiler/frontend/trace.h"
#include "compiler/frontend/walk.h"
#include "ir/printer.h"

namespace leat {
namespace {

using frontend::ContextState;
using frontend::Node;
using runtime::Ref;
using runtime::Value;

using Key = std::vector<std::uint64_t>;

// Tensors made before the trace that it uses and that have no value yet.
std::vector<Tensor> find_captured(std::span<const Tensor> results) {
  std::vector<Tensor> captured;
  if (results.empty()) return captured;
  const std::uint32_t context = results[0].node()->context;
  const std::lock_guard lock(frontend::graph_lock(context));
  const std::uint64_t mark = ContextState::Get(context, {})->next_walk++;
  std::vector<Node*> stack;
  const auto visit = [&](Node* n) {
    if (n->mark == mark) return;
    n->mark = mark;
    if (n->traced && n->kind != frontend::Kind::placeholder) {
      stack.push_back(n);
    } else if (!n->traced && !frontend::has_value(*n)) {
      frontend::retain(n);
      captured.emplace_back(n);
    }
  };
  for (const Tensor& r : results) visit(r.node());
  while (!stack.empty()) {
    Node* const n = stack.back();
    stack.pop_back();
    for (std::uint32_t i = 0; i < n->slot_count; ++i) {
      if (!n->is_scalar(i)) visit(n->slots[i].node);
    }
  }
  return captured;
}

}  // namespace

struct CompiledBody::State {
  struct Traced {
    // One input of the traced program.
    struct Input {
      enum class Kind : std::uint8_t { argument, captured, draw };
      Kind kind = Kind::captured;
      std::uint32_t index = 0;  // of the argument or the draw
      Ref<Value> value;         // captured tensors and scalars
      bool frozen = false;      // a C++ scalar, as it was when f was traced
      std::uint64_t bits = 0;   // of the scalar
    };

    std::shared_ptr<frontend::Plan> plan;
    std::shared_ptr<frontend::Snapshot> snapshot;
    std::vector<Input> inputs;
    frontend::BoundInputs bound;  // per input, or empty
    std::vector<ir::Type> results;
    std::vector<frontend::GeneratorDraw> draws;
    std::vector<Tensor> captured;  // keeps the values alive
  };

  Body body;
  std::mutex mutex;
  std::map<Key, std::shared_ptr<Traced>> traced;

  std::shared_ptr<Traced> Trace(std::span<const Tensor> arguments, ContextState& state, SourceLocation where);
  Ref<Value> DrawValue(const Traced& t, std::uint32_t index, ContextState& state);
};

CompiledBody::CompiledBody(Body body) : state_(new State{std::move(body), {}, {}}) {}
CompiledBody::~CompiledBody() = default;

std::shared_ptr<CompiledBody::State::Traced> CompiledBody::State::Trace(std::span<const Tensor> arguments,
                                                                        ContextState& state,
                                                                        SourceLocation where) {
  auto t = std::make_shared<Traced>();
  std::vector<Tensor> results;
  std::vector<std::pair<std::uint32_t, frontend::GeneratorDraw>> draws;
  bool keeps_captured = false;
  {
    frontend::Trace trace(state.id());
    std::vector<Tensor> placeholders;
    for (const Tensor& a : arguments) {
      placeholders.push_back(trace.AddPlaceholder(a.dtype(), a.shape(), a.where()));
    }
    results = body(placeholders);
    draws = std::move(trace.draws);
    keeps_captured = trace.keeps_captured;
  }
  for (const Tensor& r : results) {
    const Node& n = frontend::node_of(r, "compile: a result", where);
    if (n.context != state.id()) {
      frontend::fail(Code::failed_precondition, "compile: a result belongs to another Context", where);
    }
    t->results.push_back(n.type());
  }
  t->captured = find_captured(results);
  frontend::start(t->captured, {}, frontend::Admission::wait, where).status().IgnoreError();

  // A generator that only the trace still holds was made inside: its draws are the same in every call.
  std::map<frontend::GeneratorState*, long> ours;
  for (const auto& [ordinal, draw] : draws) ++ours[draw.state.get()];
  std::map<std::uint32_t, std::uint32_t> draw_of;
  for (auto& [ordinal, draw] : draws) {
    draw_of[ordinal] = static_cast<std::uint32_t>(t->draws.size());
    t->draws.push_back(std::move(draw));
  }
  for (frontend::GeneratorDraw& draw : t->draws) {
    frontend::GeneratorState* const g = draw.state.get();
    if (draw.state.use_count() == ours[g] || ours[g] == 0) ours[g] = 0;
  }
  for (frontend::GeneratorDraw& draw : t->draws) {
    if (ours[draw.state.get()] == 0) draw.state = nullptr;
  }
  for (const auto& [g, count] : ours) {
    if (count > 0)
      g->counter -= static_cast<std::uint64_t>(count);  // the first call draws what the trace did
  }

  frontend::Walk walk;
  std::vector<Node*> roots;
  for (const Tensor& r : results) roots.push_back(r.node());
  {
    const std::lock_guard lock(frontend::graph_lock(state.id()));
    walk.Run(roots, state.next_walk++, true);
    for (const frontend::WalkInput& in : walk.inputs) {
      Traced::Input input;
      if (in.leaf == nullptr) {
        input.value = frontend::scalar_value(state, in.bits);
        input.frozen = true;
        input.bits = in.bits;
      } else if (in.leaf->kind == frontend::Kind::placeholder) {
        const auto it = draw_of.find(in.leaf->result);
        input.kind = it == draw_of.end() ? Traced::Input::Kind::argument : Traced::Input::Kind::draw;
        input.index = it == draw_of.end() ? in.leaf->result : it->second;
      } else {
        input.value = frontend::value_of(*in.leaf);
      }
      if (keeps_captured) {
        const bool ready = input.kind == Traced::Input::Kind::captured &&
                           input.value->state() == Value::State::ready &&
                           input.value->buffer()->device() == 0;
        const ir::Type type = in.leaf == nullptr ? ir::Type{in.dtype, {}} : in.leaf->type();
        t->bound.push_back(ready ? std::optional(frontend::literal_of(input.value->buffer(), type))
                                 : std::nullopt);
      }
      t->inputs.push_back(std::move(input));
    }
    t->snapshot = std::make_shared<frontend::Snapshot>(std::move(walk.order), std::move(walk.key));
  }
  t->plan = keeps_captured
                ? std::make_shared<frontend::Plan>()
                : state.plans().FindOrAdd(t->snapshot->key, frontend::hash_words(t->snapshot->key));
  return t;
}

Ref<Value> CompiledBody::State::DrawValue(const Traced& t, std::uint32_t index, ContextState& state) {
  const frontend::GeneratorDraw& d = t.draws[index];
  const std::uint64_t key[] = {d.seed, (d.state != nullptr ? d.state->counter + d.offset : d.counter) << 32};
  Ref<runtime::Buffer> buffer = state.engine().Allocate(sizeof key).value();
  std::memcpy(buffer->data(), key, sizeof key);
  return Value::Ready(std::move(buffer));
}

std::vector<Tensor> CompiledBody::Call(std::span<const Tensor> arguments, SourceLocation where) {
  bool traced = frontend::tracing_depth() > 0;
  std::uint32_t context = 0;
  for (const Tensor& a : arguments) {
    const Node& n = frontend::node_of(a, "compile: an argument", where);
    traced = traced || n.traced;
    if (context != 0 && n.context != context) {
      frontend::fail(Code::failed_precondition, "compile: the arguments belong to different Contexts", where);
    }
    context = n.context;
  }
  if (traced) return state_->body(arguments);  // within another trace it is a part of that
  if (context == 0) context = frontend::current_context_id();
  const std::shared_ptr<ContextState> state = ContextState::Get(context, where);
  state->CheckProcess(where);

  Key key{context};
  for (const Tensor& a : arguments) {
    key.push_back(static_cast<std::uint64_t>(a.dtype()));
    frontend::append_words(a.shape(), key);
  }
  using Input = State::Traced::Input;
  std::shared_ptr<State::Traced> t;
  runtime::RunRequest request;
  frontend::start(arguments, {}, frontend::Admission::wait, where).status().IgnoreError();
  {
    const std::lock_guard lock(state_->mutex);
    std::shared_ptr<State::Traced>& slot = state_->traced[key];
    if (slot == nullptr) {
      try {
        slot = state_->Trace(arguments, *state, where);
      } catch (...) {
        state_->traced.erase(key);
        throw;
      }
    }
    t = slot;
    for (std::size_t i = 0; i < t->inputs.size(); ++i) {
      const Input& in = t->inputs[i];
      if (!t->bound.empty() && t->bound[i]) continue;
      switch (in.kind) {
        case Input::Kind::argument:
          request.inputs.push_back(frontend::peek_value(arguments[in.index]));
          break;
        case Input::Kind::captured: request.inputs.push_back(in.value); break;
        case Input::Kind::draw: request.inputs.push_back(state_->DrawValue(*t, in.index, *state)); break;
      }
    }
    for (const frontend::GeneratorDraw& d : t->draws) {
      if (d.state != nullptr) ++d.state->counter;
    }
  }
  std::vector<Tensor> results;
  for (const ir::Type& type : t->results) {
    request.outputs.push_back(Value::Pending());
    results.push_back(frontend::make_leaf(context, type.dtype, type.shape, request.outputs.back(), where));
    request.reserve_bytes += byte_size(type);
  }
  if (t->plan->ready.load(std::memory_order_acquire)) {
    request.program = t->plan->program;
    state->plans().hits.fetch_add(1, std::memory_order_relaxed);
    frontend::note_reuse(*state, *t->plan);
  } else {
    request.plan = [state, t] { return frontend::make_plan(*state, t->plan, *t->snapshot, t->bound); };
  }
  state->runs.fetch_add(1, std::memory_order_relaxed);
  request.group = state->group();
  state->engine().Submit(std::move(request));
  return results;
}

std::string CompiledBody::Dump() const {
  std::string text;
  const std::lock_guard lock(state_->mutex);
  for (const auto& [key, t] : state_->traced) {
    const ir::Graph graph = frontend::lower(t->snapshot->order, t->snapshot->key);
    for (std::size_t i = 0; i < t->inputs.size() && i < graph.parameters.size(); ++i) {
      if (!t->inputs[i].frozen) continue;
      const DType dtype = graph.nodes[graph.parameters[i]].type().dtype;
      text += "// %" + graph.parameter_names[i] + " is a C++ scalar, frozen when this was traced: " +
              frontend::format_tensor(dtype, {}, &t->inputs[i].bits) + "\n";
    }
    text += ir::print(graph);
  }
  return text;
}

std::size_t CompiledBody::traces() const {
  const std::lock_guard lock(state_->mutex);
  return state_->traced.size();
}

}  // namespace leat
