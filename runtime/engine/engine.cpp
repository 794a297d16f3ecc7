#include "runtime/engine/engine.h"

#include <algorithm>
#include <new>
#include <string>
#include <system_error>
#include <thread>

#include "runtime/cuda/gpu.h"
#include "runtime/engine/cpu_count.h"
#include "runtime/engine/engine_core.h"
#include "runtime/engine/fp_environment.h"
#include "runtime/engine/futex.h"
#include "runtime/engine/live_dump.h"
#include "runtime/executor/items.h"

namespace leat::runtime {
namespace {

// A run that never began: it is done, and its outputs say why.
Ref<Run> stillborn(const std::shared_ptr<EngineCore>& core, RunRequest request, Status why) {
  Ref<RunState> run = make_ref<RunState>(core, std::move(request), 0);
  run->Refuse(std::move(why));
  return run;
}

Ref<RunState> make_run(const std::shared_ptr<EngineCore>& core, RunRequest request) {
  return make_ref<RunState>(core, std::move(request), core->next_run.fetch_add(1, std::memory_order_relaxed));
}

Status gone() { return Status(Code::context_gone, "the Context was destroyed before the run was done"); }

// What stands against a run in the name of this group.
Status check_usable(const EngineCore& core, const RunRequest& request) {
  if (Status s = core.CheckUsable(); !s.ok()) return s;
  return request.group && request.group->retired() ? gone() : Status();
}

void begin(EngineCore& core, RunState& run) {
  // Binding takes some 0.1 us a buffer: of many it is not the caller's to do.
  constexpr std::size_t kMostBound = 64;
  run.Watch();
  if (run.request.program && run.request.inputs.size() + run.request.outputs.size() <= kMostBound) {
    run.Plan();
  } else {
    core.pool.Schedule({[run = Ref<RunState>::Share(&run)] { run->Plan(); }, run.request.group},
                       Priority::high);
  }
}

// Work for a submitter who is over the bounds: any step of any run without user code.
bool help_anyone(EngineCore& core) {
  if (!core.pool.HasItems()) return false;
  Worker* seat = core.pool.EnterHelper();
  if (!seat) return false;
  Item item = core.pool.TakeInjected();
  if (item == kNoItem) item = core.pool.FindFor(*seat, [](Item) { return true; });
  // Only of an item that we hold is the run sure to be alive.
  if (item != kNoItem && core.admission.at(slot_of(item))->program->graph->user_code) {
    core.pool.Push(item);  // a worker's
    item = kNoItem;
  }
  if (item != kNoItem) {
    const FpScope fp;
    const InsideScope inside;
    core.Execute(*seat, item);
  }
  core.pool.LeaveHelper(seat);
  return item != kNoItem;
}

// The GPUs that are asked for; what cannot be had is an error.
StatusOr<std::vector<std::shared_ptr<cuda::Gpu>>> open_gpus(const EngineOptions& options) {
  std::vector<std::shared_ptr<cuda::Gpu>> gpus;
  if (options.gpu_devices == 0) return gpus;
  const std::string who = "engine: " + std::to_string(options.gpu_devices) + " GPUs are asked for, but ";
  const StatusOr<std::shared_ptr<const cuda::Driver>> driver = cuda::Driver::Open(options.cuda_driver);
  if (!driver.ok()) return Status(Code::not_found, who + driver.status().message());
  if ((*driver)->device_count() < options.gpu_devices) {
    return Status(Code::not_found,
                  who + (*driver)->path() + " has " + std::to_string((*driver)->device_count()));
  }
  for (int g = 0; g < options.gpu_devices; ++g) {
    void* const context =
        options.cuda_contexts.empty() ? nullptr : options.cuda_contexts[static_cast<std::size_t>(g)];
    StatusOr<std::shared_ptr<cuda::Gpu>> gpu =
        cuda::Gpu::Create(*driver, g, static_cast<cuda::CuContext>(context));
    if (!gpu.ok()) return Status(gpu.status().code(), who + gpu.status().message());
    gpus.push_back(*std::move(gpu));
  }
  return gpus;
}

}  // namespace

StatusOr<std::unique_ptr<Engine>> Engine::Create(EngineOptions options) {
  const auto bad = [](std::string what) {
    return Status(Code::invalid_argument, "engine: " + std::move(what));
  };
  if (options.workers < 0 || options.workers > 4096) return bad("workers must be 0 to 4096");
  if (options.cpu_devices < 1 || options.cpu_devices > 256) return bad("cpu_devices must be 1 to 256");
  if (options.gpu_devices < 0 || options.gpu_devices > 64) return bad("gpu_devices must be 0 to 64");
  if (!options.cuda_contexts.empty() &&
      (options.cuda_contexts.size() != static_cast<std::size_t>(options.gpu_devices) ||
       std::count(options.cuda_contexts.begin(), options.cuda_contexts.end(), nullptr) > 0)) {
    return bad("cuda_contexts must have one for each of gpu_devices, none of them null");
  }
  if (options.memory_limit < 0 || options.max_bytes_in_flight < 0) return bad("a limit is negative");
  if (options.max_runs_in_flight < 0 || options.max_runs_in_flight > static_cast<int>(kRunSlots)) {
    return bad("max_runs_in_flight must be 0 to " + std::to_string(kRunSlots));
  }
  if (!(options.spin_us >= 0)) return bad("spin_us is negative");
  if (options.schedule) options.synchronous = true;
  if (options.workers == 0) options.workers = usable_cpus();
  if (options.max_runs_in_flight == 0) options.max_runs_in_flight = kDefaultRunsInFlight;
  if (!options.allocator) options.allocator = default_allocator();
  try {
    StatusOr<std::vector<std::shared_ptr<cuda::Gpu>>> gpus = open_gpus(options);
    if (!gpus.ok()) return gpus.status();
    auto core = std::make_shared<EngineCore>(std::move(options), *std::move(gpus));
    core->pool.Start(core);
    know_engine(core);
    return std::unique_ptr<Engine>(new Engine(std::move(core)));
  } catch (const std::bad_alloc&) {
    return Status(Code::resource_exhausted, "out of memory while making an engine");
  } catch (const std::system_error& e) {
    return Status(Code::resource_exhausted,
                  std::string("cannot start the threads of an engine: ") + e.what());
  }
}

Engine::Engine(std::shared_ptr<EngineCore> core) : core_(std::move(core)) {
  core_->pool.on_jobs_done = [core = core_.get()] { core->admission.NotifyIdle(); };
}

Engine::~Engine() { Stop(); }

void Engine::Stop() {
  if (core_ == nullptr) return;  // a forked child that left it behind
  const Status usable = core_->CheckUsable();
  if (usable.code() == Code::failed_precondition) {
    // A forked child: the threads, and whatever lock they held, are gone. Leaking is all that is safe.
    core_->pool.Abandon();
    core_->timer.Abandon();
    new std::shared_ptr<EngineCore>(std::move(core_));
    return;
  }
  if (core_->closed.exchange(true, std::memory_order_acq_rel)) return;
  for (const Ref<RunState>& run : core_->admission.Runs()) {
    run->Fail(Status(Code::context_gone, "the engine was destroyed before the run was done"));
  }
  core_->pool.DropLowPriority(nullptr);
  const auto close = [](const std::shared_ptr<EngineCore>& core) {
    core->Kick();
    if (core->pool.synchronous()) core->pool.Drain();
    core->admission.AwaitIdle([&] { return core->pool.jobs_pending() == 0; });
    core->timer.Stop();
    // A thread of a driver may still be leaving the pool's queue.
    for (const std::shared_ptr<cuda::Gpu>& gpu : core->gpus) {
      if (gpu) gpu->Quiesce();
    }
    core->pool.Stop();
    core->instances.Trim(true);
    for (const Ref<Memory>& memory : core->memories) memory->Close();
  };
  if (OnPoolThread() && !core_->pool.synchronous()) {
    // The last owner is a continuation: its thread cannot wait for itself.
    std::thread([core = core_, close] { close(core); }).detach();
    return;
  }
  close(core_);
}

bool Engine::OnPoolThread() { return this_place().worker != nullptr || this_place().inside > 0; }

Ref<Run> Engine::Submit(RunRequest request) {
  if (Status s = check_usable(*core_, request); !s.ok())
    return stillborn(core_, std::move(request), std::move(s));
  const Ref<RunState> run = make_run(core_, std::move(request));
  const bool never_wait = core_->pool.synchronous() || OnPoolThread();
  for (;;) {
    const std::uint64_t epoch = core_->admission.epoch();
    if (core_->admission.Reserve(*run, never_wait)) break;
    if (!help_anyone(*core_)) core_->admission.AwaitRelease(epoch);
  }
  begin(*core_, *run);
  return run;
}

StatusOr<Ref<Run>> Engine::TrySubmit(RunRequest request) {
  if (Status s = check_usable(*core_, request); !s.ok()) return s;
  if (!request.program) {
    if (!request.plan) return Status(Code::invalid_argument, "a run without a program");
    StatusOr<std::shared_ptr<const Program>> planned = request.plan();
    if (!planned.ok()) return planned.status();
    request.program = *std::move(planned);
  }
  const std::int64_t peak = std::max(request.program->peak_bytes, request.reserve_bytes);
  request.reserve_bytes = peak;
  const Ref<RunState> run = make_run(core_, std::move(request));
  if (!core_->admission.Reserve(*run, false)) {
    EngineStats now;
    core_->admission.FillStats(now);
    return Status(Code::resource_exhausted, "no room for a run of " + std::to_string(peak) +
                                                " bytes: " + std::to_string(now.runs_in_flight) + " of " +
                                                std::to_string(core_->options.max_runs_in_flight) +
                                                " runs and " + std::to_string(now.bytes_in_flight) + " of " +
                                                std::to_string(core_->options.max_bytes_in_flight) +
                                                " bytes are in flight");
  }
  begin(*core_, *run);
  return Ref<Run>(run);
}

Status Engine::RunInline(RunRequest request) {
  if (Status s = check_usable(*core_, request); !s.ok()) {
    stillborn(core_, std::move(request), s);
    return s;
  }
  const auto here = [&](const Ref<Value>& v) {
    return v->done() && (v->state() != Value::State::ready || core_->on_host(v->content().device()));
  };
  // What a device does is waited for asleep.
  if ((request.program && request.program->graph && request.program->graph->queued) ||
      !std::all_of(request.inputs.begin(), request.inputs.end(), here)) {
    const Ref<Run> run = Submit(std::move(request));
    if (Status s = run->Wait(); !s.ok()) return s;
    return run->status();
  }
  const Ref<RunState> run = make_run(core_, std::move(request));
  core_->admission.Reserve(*run, true);
  run->RunHere();
  return run->status();
}

void Engine::Schedule(std::function<void()> job, Priority priority, Ref<RunGroup> group) {
  core_->pool.Schedule({std::move(job), std::move(group)}, priority);
}

Status Engine::WaitIdle(const RunGroup* group) {
  if (Status s = core_->CheckUsable(); !s.ok()) return s;
  if (OnPoolThread()) {
    return Status(Code::would_deadlock, "waiting for an idle engine on a thread of its pool could never end");
  }
  if (core_->pool.synchronous()) core_->pool.Drain();
  if (group != nullptr) {
    core_->admission.Await([&] { return group->idle(); });
  } else {
    core_->admission.AwaitIdle([&] { return core_->pool.jobs_pending() == 0; });
  }
  return {};
}

void Engine::Retire(RunGroup& group) {
  group.Retire();
  for (const Ref<RunState>& run : core_->admission.Runs(&group)) run->Fail(gone());
  core_->pool.DropLowPriority(&group);
  core_->Kick();
  WaitIdle(&group).IgnoreError();  // refused on a thread of the pool
}

StatusOr<Ref<Buffer>> Engine::Allocate(std::size_t bytes, DeviceId device) {
  if (device >= core_->memories.size()) {
    return Status(Code::invalid_argument, "device " + std::to_string(device) + " does not exist");
  }
  StatusOr<Ref<Buffer>> buffer = core_->memories[device]->Allocate(bytes);
  if (buffer.ok() || buffer.status().code() != Code::resource_exhausted) return buffer;
  core_->instances.Trim(true);
  return core_->memories[device]->Allocate(bytes);
}

Memory& Engine::memory(DeviceId device) { return *core_->memories[device]; }
int Engine::workers() const { return core_->pool.workers(); }
int Engine::devices() const { return static_cast<int>(core_->memories.size()); }
const EngineOptions& Engine::options() const { return core_->options; }

std::vector<std::string> Engine::device_names() const {
  std::vector<std::string> names;
  int cpus = 0, gpus = 0;
  for (const std::shared_ptr<cuda::Gpu>& gpu : core_->gpus)
    names.push_back(gpu ? "gpu:" + std::to_string(gpus++) : "cpu:" + std::to_string(cpus++));
  return names;
}

const cuda::Gpu* Engine::gpu(DeviceId device) const { return core_->gpus[device].get(); }

Ref<Value> Engine::OnHost(const Ref<Value>& value, const Ref<RunGroup>& group) {
  return core_->Move(value, 0, group);
}

EngineStats Engine::stats() const {
  EngineStats s;
  core_->admission.FillStats(s);
  s.steps_run = core_->serial_steps.load(std::memory_order_relaxed);
  for (const std::unique_ptr<Worker>& w : core_->pool.places()) {
    s.steps_run += w->steps.load(std::memory_order_relaxed);
    s.steals += w->steals.load(std::memory_order_relaxed);
    s.wakes += w->wakes.load(std::memory_order_relaxed);
    s.sleeps += w->sleeps.load(std::memory_order_relaxed);
  }
  s.jobs = core_->pool.jobs_done();
  for (const Ref<Memory>& memory : core_->memories) s.memory.push_back(memory->stats());
  return s;
}

void Engine::TrimMemory() {
  core_->instances.Trim(true);
  for (const Ref<Memory>& memory : core_->memories) memory->Trim();
}

void Engine::SetTracing(bool on) {
  if (core_->tracing.exchange(on, std::memory_order_relaxed) != on) tracing_engines.fetch_add(on ? 1 : -1);
}
bool Engine::tracing() const { return core_->tracing.load(std::memory_order_relaxed); }

void Engine::RecordCall(TraceEvent::Kind kind, std::string name, std::int64_t begin_ns, std::uint64_t run) {
  static std::atomic<std::uint32_t> threads{0};
  thread_local const std::uint32_t thread = 2000 + threads.fetch_add(1, std::memory_order_relaxed);
  // On a worker the call lies inside the job that makes it.
  Worker* const worker = this_place().pool == &core_->pool ? this_place().worker : nullptr;
  TraceRecord record{kind,
                     worker ? worker->index : thread,
                     begin_ns,
                     now_ns(),
                     0,
                     0,
                     std::make_shared<TraceRun>(TraceRun{run, std::move(name), nullptr})};
  (worker ? worker->trace : core_->run_trace).Add(std::move(record));
}
std::string Engine::Describe() const { return core_->Describe(); }
std::vector<TraceEvent> Engine::TakeTrace() { return core_->TakeTrace(); }
std::string Engine::ExplainWait(const Value& value) const { return explain_wait(value); }

}  // namespace leat::runtime
