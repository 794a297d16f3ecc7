#include "compiler/frontend/context_state.h"

#include <pthread.h>

#include <cstdlib>
#include <shared_mutex>
#include <thread>
#include <unordered_map>

#include "compiler/frontend/launch_queue.h"
#include "compiler/frontend/node.h"
#include "runtime/cuda/gpu.h"

namespace leat::frontend {
namespace {

struct Registry {
  std::shared_mutex mutex;
  std::unordered_map<std::uint32_t, std::weak_ptr<ContextState>> states;
  std::uint32_t next_id = 1;
};
Registry& registry() {
  static Registry* const kRegistry = new Registry;
  return *kRegistry;
}

std::atomic<std::uint32_t> g_forks{0};
std::uint32_t fork_generation() {
  static const int kRegistered = pthread_atfork(nullptr, nullptr, [] { g_forks.fetch_add(1); });
  static_cast<void>(kRegistered);
  return g_forks.load(std::memory_order_relaxed);
}

EngineOptions engine_options(const ContextOptions& o) {
  EngineOptions e;
  e.workers = o.workers;
  e.cpu_devices = o.cpu_devices;
  e.gpu_devices = o.gpu_devices;
  e.cuda_driver = o.cuda_driver;
  e.memory_limit = o.memory_limit;
  e.max_bytes_in_flight = o.max_bytes_in_flight;
  e.max_runs_in_flight = o.max_runs_in_flight;
  e.synchronous = o.synchronous;
  e.schedule = o.schedule;
  return e;
}

void refuse_engine_options(const ContextOptions& o) {
  const ContextOptions unset;
  const auto check = [](bool set, const char* name) {
    if (set) {
      throw Error(Status(Code::invalid_argument,
                         std::string("Context: ") + name + " is an option of the engine that is shared"));
    }
  };
  check(o.workers != unset.workers, "workers");
  check(o.cpu_devices != unset.cpu_devices, "cpu_devices");
  check(o.gpu_devices != unset.gpu_devices, "gpu_devices");
  check(o.cuda_driver != unset.cuda_driver, "cuda_driver");
  check(o.max_bytes_in_flight != unset.max_bytes_in_flight, "max_bytes_in_flight");
  check(o.max_runs_in_flight != unset.max_runs_in_flight, "max_runs_in_flight");
  check(o.memory_limit != unset.memory_limit, "memory_limit");
  check(o.synchronous != unset.synchronous, "synchronous");
  check(o.schedule != unset.schedule, "schedule");
}

ContextOptions with_engine(ContextOptions o, const runtime::Engine& engine) {
  const EngineOptions& e = engine.options();
  o.workers = e.workers;
  o.cpu_devices = e.cpu_devices;
  o.gpu_devices = e.gpu_devices;
  o.cuda_driver = e.cuda_driver;
  o.max_bytes_in_flight = e.max_bytes_in_flight;
  o.max_runs_in_flight = e.max_runs_in_flight;
  o.memory_limit = e.memory_limit;
  o.synchronous = e.synchronous;
  o.schedule = e.schedule;
  return o;
}

// A user's function as the layers below call it: nothing that it throws gets past here.
ir::CustomFunction guard_custom(std::string name, CustomFunction function) {
  return [name = std::move(name), function = std::move(function)](std::span<const ir::Array> inputs,
                                                                  std::span<ir::Array> outputs) {
    std::vector<CustomArray> in, out;
    for (const ir::Array& a : inputs) in.push_back({a.type.dtype, a.type.shape, a.bytes.get()});
    for (ir::Array& a : outputs) out.push_back({a.type.dtype, a.type.shape, a.bytes.get()});
    try {
      const Status s = function(in, out);
      if (s.ok()) return s;
      return Status(Code::custom_op_failed, "custom op " + name + ": " + s.message());
    } catch (const std::exception& e) {
      return Status(Code::custom_op_failed, "custom op " + name + " threw: " + e.what());
    } catch (...) {
      return Status(Code::custom_op_failed,
                    "custom op " + name + " threw something that is not a std::exception");
    }
  };
}

// The step that calls it catches what it throws.
runtime::cuda::CustomLaunch adapt_cuda_custom(CudaFunction function) {
  return [function = std::move(function)](const runtime::cuda::CustomLaunchCall& call) {
    std::vector<CustomArray> arrays;
    for (const std::span<const ir::Type> types : {call.operands, call.results}) {
      for (const ir::Type& type : types)
        arrays.push_back({type.dtype, type.shape, call.addresses[arrays.size()]});
    }
    const std::span<const CustomArray> all(arrays);
    return function(
        {all.first(call.operands.size()), all.subspan(call.operands.size()), call.stream, call.device});
  };
}

}  // namespace

ContextState::ContextState(std::uint32_t id, ContextOptions options, std::shared_ptr<runtime::Engine> engine)
    : id_(id),
      engine_(std::move(engine)),
      options_(with_engine(std::move(options), *engine_)),
      fork_generation_(fork_generation()),
      plans_(static_cast<std::size_t>(std::max<std::int64_t>(0, options_.plan_cache_entries))),
      launches_(std::make_unique<LaunchQueue>()) {
  compiler::CodeOptions code;
  code.cache_folder = options_.cache_folder;
  code.vector_bits = options_.vector_bits;
  if (!options_.synchronous) {
    code.background = [this](std::function<void()> job) {
      // Once the Context is closing nobody waits for machine code any more.
      engine_->Schedule(
          [group = group_, job = std::move(job)] {
            if (!group->retired()) job();
          },
          runtime::Priority::low, group_);
    };
  }
  code_ = compiler::make_code_cache(std::move(code));
}

ContextState::~ContextState() { Shutdown(); }

std::shared_ptr<ContextState> ContextState::Create(ContextOptions options,
                                                   std::shared_ptr<runtime::Engine> shared) {
  if (shared == nullptr) {
    shared = Engine(engine_options(options)).state();
  } else {
    refuse_engine_options(options);
  }
  Registry& r = registry();
  std::uint32_t id;
  {
    const std::unique_lock lock(r.mutex);
    id = r.next_id++;
  }
  auto state = std::make_shared<ContextState>(id, std::move(options), std::move(shared));
  const std::unique_lock lock(r.mutex);
  r.states.emplace(id, state);
  return state;
}

const std::shared_ptr<ContextState>& ContextState::Find(std::uint32_t id) {
  static thread_local std::shared_ptr<ContextState> last;
  static const std::shared_ptr<ContextState> kNone;
  if (last != nullptr && last->id_ == id) return last->open() ? last : kNone;
  Registry& r = registry();
  std::shared_ptr<ContextState> found;
  {
    const std::shared_lock lock(r.mutex);
    const auto it = r.states.find(id);
    if (it != r.states.end()) found = it->second.lock();
  }
  if (found == nullptr || !found->open()) return kNone;
  last = std::move(found);
  return last;
}

const std::shared_ptr<ContextState>& ContextState::Get(std::uint32_t id, SourceLocation where) {
  const std::shared_ptr<ContextState>& state = Find(id);
  if (state == nullptr) {
    fail(Code::context_gone, "the Context of this value was destroyed before it was computed", where);
  }
  return state;
}

void ContextState::Shutdown() noexcept {
  if (!open()) return;  // the last reference may go where a graph lock is held, and other Contexts share that
  // Nothing new is scheduled once this is false: schedulers look at it under the graph lock.
  {
    const std::lock_guard lock(graph_lock(id_));
    if (!open_.exchange(false)) return;
    last_quick = nullptr;
  }
  launches_->Cancel(id_);
  for (std::int32_t n = users_.load(); n != 0; n = users_.load()) users_.wait(n);
  last_stats_ = stats();
  if (fork_generation_ == g_forks.load(std::memory_order_relaxed)) {
    engine_->Retire(*group_);  // the planning that is under way still finds it, and the code cache
    if (!runtime::Engine::OnPoolThread()) {
      engine_.reset();
      code_.reset();
    }
  } else {
    new std::shared_ptr<runtime::Engine>(std::move(engine_));  // a forked child has no threads to wait for
    code_.reset();
  }
  plans_.Clear();
  {
    const std::lock_guard lock(custom_mutex_);
    custom_.clear();
    replaced_custom_.clear();
  }
  Registry& r = registry();
  const std::unique_lock lock(r.mutex);
  r.states.erase(id_);
}

compiler::CompileOptions ContextState::compile_options() {
  compiler::CompileOptions o;
  o.exact_contractions = options_.exact_contractions;
  o.tf32 = options_.tf32;
  o.device_graphs = options_.device_graphs;
  o.library_epilogues = options_.library_epilogues;
  o.fuse = options_.fuse;
  o.place_automatically = options_.placement == PlacementPolicy::automatic;
  o.tier = options_.tier == Tier::tiles          ? compiler::Tier::tiles
           : options_.tier == Tier::machine_code ? compiler::Tier::machine_code
                                                 : compiler::Tier::automatic;
  o.devices.clear();
  int gpus = 0;
  for (std::string& name : device_names()) {
    compiler::DeviceDescription device;
    if (const runtime::cuda::Gpu* gpu = engine_->gpu(static_cast<runtime::DeviceId>(o.devices.size()))) {
      device = compiler::describe_gpu_device(gpus++, gpu->description());
      device.opened = gpu;
    } else {
      device.name = std::move(name);
      device.workers = engine_->workers();
    }
    o.devices.push_back(std::move(device));
  }
  o.custom_call = [this](std::string_view name) { return FindCustom(name); };
  o.cuda_custom_call = [this](std::string_view name) { return FindCudaCustom(name); };
  return o;
}

std::vector<std::string> ContextState::device_names() const { return engine_->device_names(); }

StatusOr<std::shared_ptr<const runtime::Program>> ContextState::Compile(
    const ir::Graph& graph, std::vector<runtime::DeviceId> input_devices) {
  compiler::CompileOptions options = compile_options();
  options.input_devices = std::move(input_devices);
  return compiler::compile(graph, options, *code_);
}

void ContextState::RegisterCustom(std::string name, CustomOp op) {
  CustomFunctions functions;
  if (op.host) functions.host = guard_custom(name, std::move(op.host));
  if (op.cuda) functions.cuda = adapt_cuda_custom(std::move(op.cuda));
  auto guarded = std::make_shared<const CustomFunctions>(std::move(functions));
  {
    const std::lock_guard lock(custom_mutex_);
    auto& slot = custom_[std::move(name)];
    if (slot != nullptr) replaced_custom_.push_back(slot);
    slot = std::move(guarded);
  }
  plans_.Clear();  // plans hold the functions that they were made with
}

const ir::CustomFunction* ContextState::FindCustom(std::string_view name) const {
  const std::lock_guard lock(custom_mutex_);
  const auto it = custom_.find(name);
  return it == custom_.end() || !it->second->host ? nullptr : &it->second->host;
}

const runtime::cuda::CustomLaunch* ContextState::FindCudaCustom(std::string_view name) const {
  const std::lock_guard lock(custom_mutex_);
  const auto it = custom_.find(name);
  return it == custom_.end() || !it->second->cuda ? nullptr : &it->second->cuda;
}

ContextStats ContextState::stats() const {
  if (engine_ == nullptr || code_ == nullptr) return last_stats_;
  const runtime::EngineStats e = engine_->stats();
  const compiler::CodeStats c = code_->stats();
  ContextStats s;
  s.runs = runs.load(std::memory_order_relaxed);
  s.plans = plans_.planned.load(std::memory_order_relaxed);
  s.plan_hits = plans_.hits.load(std::memory_order_relaxed);
  s.kernels = c.kernels;
  s.llvm_runs = c.compiled;
  s.disk_hits = c.disk_hits;
  s.cubins = c.linked;
  s.link_failures = c.link_failures;
  s.compile_seconds = c.compile_seconds;
  s.recomputed_bytes = recomputed_bytes.load(std::memory_order_relaxed);
  s.auto_flushes = auto_flushes.load(std::memory_order_relaxed);
  for (const runtime::MemoryStats& m : e.memory) {
    s.bytes_live += m.live_bytes;
    s.bytes_peak += m.peak_bytes;
  }
  return s;
}

void ContextState::CheckProcess(SourceLocation where) const {
  if (fork_generation_ != g_forks.load(std::memory_order_relaxed)) [[unlikely]] {
    fail(Code::failed_precondition,
         "this process was forked from the one that made the Context: its threads are not here; make a new "
         "one",
         where);
  }
}

}  // namespace leat::frontend
