#include "leat/context.h"

#include "compiler/codegen/process_end.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/call_record.h"
#include "compiler/frontend/context_state.h"
#include "compiler/frontend/dump.h"
#include "compiler/frontend/schedule.h"
#include "leat/block_guard.h"

namespace leat {
namespace {

thread_local constinit Context* t_current = nullptr;

}  // namespace

Context::Context(ContextOptions options) : state_(frontend::ContextState::Create(std::move(options))) {}

Context::Context(const Engine& engine, ContextOptions options)
    : state_(frontend::ContextState::Create(std::move(options), engine.state())) {}

Context::~Context() { state_->Shutdown(); }

Context& Context::Default() {
  static Context* const context = [] {
    auto* const made = new Context;
    compiler::codegen::at_process_end([](void* c) { static_cast<Context*>(c)->state_->Shutdown(); }, made);
    return made;
  }();
  return *context;
}

Context& Context::Current() { return t_current != nullptr ? *t_current : Default(); }

Context::Scope::Scope(Context& context) : outer_(std::exchange(t_current, &context)) {}
Context::Scope::~Scope() { t_current = outer_; }

void Context::wait_all(SourceLocation where) {
  BlockGuard::Report("wait_all", where, true);
  if (!state_->open()) return;
  const frontend::CallRecord record(frontend::lock_recording_engine(*state_),
                                    runtime::TraceEvent::Kind::blocker, "wait_all", where);
  const Status s = state_->engine().WaitIdle(state_->group().get());
  if (!s.ok()) frontend::fail(s, where);
}

ContextStats Context::stats() const { return state_->stats(); }
const ContextOptions& Context::options() const { return state_->options(); }
int Context::worker_count() const { return state_->engine().workers(); }

void Context::SetTracing(bool on) { state_->engine().SetTracing(on); }
std::string Context::TakeTrace() { return runtime::trace_json(state_->engine().TakeTrace()); }

std::string Context::Describe() const { return state_->engine().Describe(); }

void Context::RegisterCustom(std::string name, CustomFunction function) {
  RegisterCustom(std::move(name), CustomOp{.host = std::move(function)});
}
void Context::RegisterCustom(std::string name, CustomOp op) {
  if (!op.host && !op.cuda)
    throw Error(Status(Code::invalid_argument, "RegisterCustom: \"" + name + "\" has no function"));
  state_->RegisterCustom(std::move(name), std::move(op));
}

StatusOr<std::string> Context::Dump(std::span<const Tensor> tensors, std::string_view stage) const {
  compiler::CompileOptions options = state_->compile_options();
  StatusOr<ir::Graph> graph = frontend::graph_of(tensors, *state_, &options.input_devices);
  if (!graph.ok()) return graph.status();
  return frontend::dump(*graph, stage, options, state_->code());
}

LabelScope::LabelScope(std::string_view name) : outer_(frontend::current_scope()) {
  std::string full = frontend::name_of(outer_);
  if (!full.empty()) full += '/';
  full += name;
  frontend::current_scope() = frontend::intern_name(full);
}
LabelScope::~LabelScope() { frontend::current_scope() = outer_; }

std::vector<Tensor> custom(std::string_view name, std::span<const Tensor> inputs,
                           std::span<const TensorType> outputs, SourceLocation where) {
  const std::uint32_t id =
      inputs.empty() ? frontend::current_context_id() : frontend::node_of(inputs[0], "custom", where).context;
  if (!frontend::ContextState::Get(id, where)->HasCustom(name)) {
    frontend::fail(Code::not_found,
                   "custom: no function is registered under the name \"" + std::string(name) + "\"", where);
  }
  std::vector<ir::Type> types;
  for (const TensorType& t : outputs) types.push_back({t.dtype, t.shape});
  return frontend::make_tuple_op(ir::Op::custom_call, inputs, {{ir::Attr::target, std::string(name)}}, where,
                                 std::move(types));
}

Tensor custom(std::string_view name, std::initializer_list<Tensor> inputs, const TensorType& output,
              SourceLocation where) {
  return custom(name, std::span(inputs.begin(), inputs.size()), std::span(&output, 1), where)[0];
}

void eval(std::span<const Tensor> tensors, const EvalOptions& options, SourceLocation where) {
  frontend::start(tensors, options, frontend::Admission::wait, where).status().IgnoreError();
}

Status try_eval(std::span<const Tensor> tensors, const EvalOptions& options, SourceLocation where) {
  return frontend::start(tensors, options, frontend::Admission::refuse, where).status();
}

void wait(std::span<const Tensor> tensors, SourceLocation where) {
  eval(tensors, {}, where);
  for (const Tensor& t : tensors) frontend::await_value(t, "wait", where);
}

void wait_all(SourceLocation where) { Context::Current().wait_all(where); }

namespace frontend {

std::uint32_t current_context_id() { return Context::Current().state()->id(); }

void flush_if_deep(const Tensor& tensor) {
  const Node& node = *tensor.node();
  if (node.traced) return;
  const std::shared_ptr<ContextState>& state = ContextState::Find(node.context);
  if (state == nullptr) return;
  const std::int64_t limit = state->options().auto_flush_depth;
  if (limit <= 0 || static_cast<std::int64_t>(node.depth.load(std::memory_order_relaxed)) < limit) return;
  state->auto_flushes.fetch_add(1, std::memory_order_relaxed);
  tensor.node()->depth.store(0, std::memory_order_relaxed);
  start(std::span(&tensor, 1), {}, Admission::wait, node.where).status().IgnoreError();
}

}  // namespace frontend
}  // namespace leat
