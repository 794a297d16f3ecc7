#include "leat/executable.h"

#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/dump.h"
#include "compiler/frontend/graph_state.h"
#include "compiler/frontend/schedule.h"
#include "ir/inference.h"
#include "runtime/executor/prepared_run.h"

namespace leat {

using frontend::ContextState;
using runtime::Ref;
using runtime::Value;
using ProgramOr = StatusOr<std::shared_ptr<const runtime::Program>>;

namespace {

bool overlap(const void* a, std::size_t a_bytes, const void* b, std::size_t b_bytes) {
  const auto x = reinterpret_cast<std::uintptr_t>(a), y = reinterpret_cast<std::uintptr_t>(b);
  return a_bytes > 0 && b_bytes > 0 && x < y + b_bytes && y < x + a_bytes;
}

Status bad(std::string message) { return Status(Code::invalid_argument, "Run: " + std::move(message)); }

}  // namespace

struct Executable::State {
  // A plan for one set of extents, made once; the others wait on its lock meanwhile.
  struct Sized {
    std::mutex planning;
    std::vector<ir::Type> outputs;
    ir::Graph graph;
    std::shared_ptr<const runtime::Program> program;
    Status error;
  };

  State(Graph g, std::shared_ptr<ContextState> c) : graph(std::move(g)), context(std::move(c)) {}
  Graph graph;
  std::shared_ptr<ContextState> context;
  compiler::CompileOptions options;
  std::mutex mutex;
  std::map<std::vector<std::int64_t>, std::shared_ptr<Sized>> sized;
  std::unique_ptr<runtime::PreparedRun> prepared;

  const ir::Graph& ir() const { return graph.state().graph; }
  ProgramOr Plan(Sized& s) {
    const std::lock_guard lock(s.planning);
    if (s.program != nullptr) return s.program;
    if (!s.error.ok()) return s.error;
    ProgramOr program = compiler::compile(s.graph, options, context->code());
    if (program.ok()) {
      s.program = *program;
    } else {
      s.error = program.status();
    }
    return program;
  }
  StatusOr<std::shared_ptr<Sized>> ForExtents(const std::vector<std::int64_t>& extents) {
    const std::lock_guard lock(mutex);
    // Beyond this many extents seen, keeping their plans costs more than making one again.
    if (sized.size() > 1024) sized.clear();
    std::shared_ptr<Sized>& slot = sized[extents];
    if (slot != nullptr) return slot;
    StatusOr<ir::Graph> bound =
        ir().has_symbols() ? ir::bind_symbols(ir(), extents) : StatusOr<ir::Graph>(ir());
    if (!bound.ok()) {
      sized.erase(extents);
      return bound.status();
    }
    auto made = std::make_shared<Sized>();
    made->graph = *std::move(bound);
    for (ir::Value v : made->graph.outputs) made->outputs.push_back(made->graph.type(v));
    slot = made;
    return slot;
  }
};

StatusOr<Executable> Compile(const Graph& graph, const CompileOptions& options) {
  Context& context = options.context != nullptr ? *options.context : Context::Current();
  auto state = std::make_shared<Executable::State>(graph, context.state());
  if (!state->context->open()) return Status(Code::context_gone, "Compile: the Context is gone");
  state->options = state->context->compile_options();
  state->options.fuse = options.fuse;
  state->options.exact_contractions = options.exact_contractions || state->options.exact_contractions;
  state->options.tier = options.tier == Tier::tiles          ? compiler::Tier::tiles
                        : options.tier == Tier::machine_code ? compiler::Tier::machine_code
                                                             : compiler::Tier::automatic;
  if (!state->ir().has_symbols()) {
    const auto sized = state->ForExtents({});
    if (!sized.ok()) return sized.status();
    if (const ProgramOr program = state->Plan(**sized); !program.ok()) return program.status();
  }
  return Executable(std::move(state));
}

StatusOr<std::vector<Future>> Executable::Run(RunArguments a) const {
  State& s = *state_;
  const ir::Graph& g = s.ir();
  if (a.inputs.size() != g.parameters.size()) {
    return bad(absl::StrCat(a.inputs.size(), " inputs for a graph of ", g.parameters.size()));
  }
  std::vector<std::int64_t> extents(g.symbols.size(), -1);
  for (std::size_t i = 0; i < a.inputs.size(); ++i) {
    const Tensor& t = a.inputs[i];
    const ir::Type& want = g.nodes[g.parameters[i]].type();
    const auto mismatch = [&] {
      return bad(absl::StrCat("input ", i, " (%", g.parameter_names[i], ") is ",
                              g.ToString({t.dtype(), t.shape()}), ", the graph wants ", g.ToString(want)));
    };
    if (!t.defined()) return bad(absl::StrCat("input ", i, " has no value"));
    if (t.node()->context != s.context->id())
      return bad(absl::StrCat("input ", i, " belongs to another Context"));
    if (t.dtype() != want.dtype || t.rank() != want.shape.rank()) return mismatch();
    for (std::size_t d = 0; d < want.shape.size(); ++d) {
      const std::int64_t w = want.shape[d], have = t.shape()[d];
      if (is_static(w) ? w != have : false) return mismatch();
      if (is_static(w) || w == kUnknownDim) continue;
      std::int64_t& e = extents[static_cast<std::size_t>(symbol_of(w))];
      const ir::Symbol& symbol = g.symbols[static_cast<std::size_t>(symbol_of(w))];
      if (e >= 0 && e != have) return mismatch();
      if (symbol.bound >= 0 && have > symbol.bound) return mismatch();
      e = have;
    }
  }
  StatusOr<std::shared_ptr<State::Sized>> sized = s.ForExtents(extents);
  if (!sized.ok()) return sized.status();
  const std::vector<ir::Type>& types = (*sized)->outputs;
  if (!a.outputs.empty() && a.outputs.size() != types.size()) {
    return bad(absl::StrCat(a.outputs.size(), " outputs for a graph of ", types.size()));
  }
  try {
    frontend::start(a.inputs, {}, frontend::Admission::wait, {}).status().IgnoreError();
  } catch (const Error& e) {
    return e.status();
  }
  runtime::RunRequest request;
  std::vector<Future> futures;
  for (const Tensor& t : a.inputs) request.inputs.push_back(frontend::peek_value(t));
  for (std::size_t i = 0; i < types.size(); ++i) {
    Ref<Value> value = Value::Pending();
    const ir::Type& type = types[i];
    const std::size_t bytes = static_cast<std::size_t>(type.shape.num_elements()) * byte_size(type.dtype);
    if (!a.outputs.empty() && a.outputs[i].data != nullptr) {
      const OutputMemory& out = a.outputs[i];
      if (out.bytes < bytes) return bad(absl::StrCat("output ", i, " has ", out.bytes, " bytes of ", bytes));
      for (std::size_t j = 0; j < a.inputs.size(); ++j) {
        const Ref<Value>& in = request.inputs[j];
        if (in->state() != Value::State::ready) continue;
        if (overlap(out.data, bytes, in->buffer()->data(), a.inputs[j].byte_count())) {
          return bad(absl::StrCat("output ", i, " overlaps input ", j));
        }
      }
      for (std::size_t j = 0; j < i; ++j) {
        if (a.outputs[j].data != nullptr && overlap(out.data, bytes, a.outputs[j].data, a.outputs[j].bytes)) {
          return bad(absl::StrCat("output ", i, " overlaps output ", j));
        }
      }
      value->GiveBuffer(runtime::Buffer::Wrap(out.data, bytes, {}));
    }
    request.outputs.push_back(value);
    request.reserve_bytes += static_cast<std::int64_t>(bytes);
    futures.emplace_back(frontend::make_leaf(s.context->id(), type.dtype, type.shape, std::move(value), {}));
  }
  for (std::uint32_t i : a.donate) {
    if (i >= a.inputs.size()) return bad(absl::StrCat("donate names input ", i, " of ", a.inputs.size()));
    const Ref<Value>& v = request.inputs[i];
    // The Tensor here, the node's reference and the request's: nobody else can see the memory.
    if (a.inputs[i].node()->references.load() == 1 && v->use_count() == 2 &&
        v->state() == Value::State::ready) {
      const Ref<runtime::Buffer> buffer = v->buffer();
      if (buffer->use_count() == 2 && !buffer->wrapped()) request.donate.push_back(i);
    }
  }
  request.stop = std::move(a.stop);
  request.deadline = a.deadline;
  request.label = g.name;
  bool planned;
  {
    const std::lock_guard lock((*sized)->planning);
    planned = (*sized)->program != nullptr;
    if (planned) request.program = (*sized)->program;
  }
  if (!planned) request.plan = [state = state_, sized = *sized] { return state->Plan(*sized); };
  {
    std::unique_lock lock(frontend::graph_lock(s.context->id()));
    if (!s.context->open()) return Status(Code::context_gone, "Run: the Context is gone");
    const ContextState::Use use(*s.context);
    lock.unlock();
    s.context->runs.fetch_add(1, std::memory_order_relaxed);
    request.group = s.context->group();
    s.context->engine().Submit(std::move(request));
  }
  return futures;
}

Status Executable::RunInto(std::span<const void* const> inputs, std::span<void* const> outputs) const {
  State& s = *state_;
  if (s.prepared == nullptr) [[unlikely]] {
    if (s.ir().has_symbols()) {
      return Status(Code::failed_precondition,
                    "RunInto: the graph has symbols; bind them by compiling it static");
    }
    StatusOr<std::shared_ptr<State::Sized>> sized = s.ForExtents({});
    if (!sized.ok()) return sized.status();
    ProgramOr program = s.Plan(**sized);
    if (!program.ok()) return program.status();
    auto prepared = runtime::PreparedRun::Create(s.context->engine(), *program);
    if (!prepared.ok()) return prepared.status();
    s.prepared = *std::move(prepared);
  }
  if (inputs.size() != s.ir().parameters.size() || outputs.size() != s.ir().outputs.size()) [[unlikely]] {
    return Status(
        Code::invalid_argument,
        absl::StrCat("RunInto: ", inputs.size(), " inputs and ", outputs.size(), " outputs for a graph of ",
                     s.ir().parameters.size(), " and ", s.ir().outputs.size()));
  }
  return s.prepared->RunInto(inputs.data(), outputs.data());
}

StatusOr<std::string> Executable::Dump(std::string_view stage) const {
  if (stage == "graph") return state_->graph.ToString();
  if (state_->ir().has_symbols()) {
    return Status(Code::failed_precondition, "Dump: the graph has symbols; only \"graph\" is there");
  }
  return frontend::dump(state_->ir(), stage, state_->options, state_->context->code());
}

const Graph& Executable::graph() const { return state_->graph; }

}  // namespace leat
