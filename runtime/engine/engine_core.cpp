#include "runtime/engine/engine_core.h"

#include <algorithm>
#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include "runtime/engine/futex.h"
#include "runtime/executor/items.h"

namespace leat::runtime {
namespace {

std::atomic<std::uint32_t> forks{0};

Gpus make_gpus(const EngineOptions& options, std::vector<std::shared_ptr<cuda::Gpu>> gpus) {
  Gpus all(static_cast<std::size_t>(options.cpu_devices));
  all.insert(all.end(), gpus.begin(), gpus.end());
  return all;
}

Memories make_memories(const EngineOptions& options, const Gpus& gpus) {
  Memories memories;
  for (int d = 0; d < options.cpu_devices; ++d) {
    memories.push_back(make_ref<Memory>(static_cast<DeviceId>(d), options.allocator, options.memory_limit));
  }
  for (std::size_t d = memories.size(); d < gpus.size(); ++d) {
    memories.push_back(
        make_ref<Memory>(static_cast<DeviceId>(d), gpus[d]->MakeAllocator(), options.memory_limit, true));
  }
  return memories;
}

}  // namespace

std::uint32_t fork_generation() {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1); }); });
  return forks.load(std::memory_order_relaxed);
}

EngineCore::EngineCore(EngineOptions o, std::vector<std::shared_ptr<cuda::Gpu>> found)
    : options(std::move(o)),
      gpus(make_gpus(options, std::move(found))),
      memories(make_memories(options, gpus)),
      admission(options.max_bytes_in_flight, options.max_runs_in_flight),
      instances(memories, gpus),
      pool(*this, options),
      fork_generation_(runtime::fork_generation()) {}

EngineCore::~EngineCore() {
  if (tracing.load(std::memory_order_relaxed)) tracing_engines.fetch_sub(1);
}

Status EngineCore::CheckUsable() const {
  if (forks.load(std::memory_order_relaxed) != fork_generation_) {
    return Status(Code::failed_precondition,
                  "this engine belongs to the parent process: its threads do not exist in a forked child");
  }
  if (closed.load(std::memory_order_acquire)) return Status(Code::context_gone, "the engine was destroyed");
  return {};
}

void EngineCore::Kick() {
  if (!admission.anyone_waits()) return;
  // A finished run kicks too, also one that finishes below this very loop: the loop then goes round again
  // instead of growing the stack.
  thread_local EngineCore* kicking = nullptr;
  thread_local bool again = false;
  if (kicking == this) {
    again = true;
    return;
  }
  const auto keep = shared_from_this();
  EngineCore* const outer = std::exchange(kicking, this);
  const bool outer_again = again;
  do {
    again = false;
    while (RunState* next = admission.Next()) {
      const Ref<RunState> run = Ref<RunState>::Share(next);
      if (run->failed()) {
        run->Finish();
        continue;
      }
      if (Status s = run->Bind(); !s.ok()) {
        if (s.code() == Code::resource_exhausted && admission.PutBack(*run)) continue;
        run->Fail(std::move(s));
        run->Finish();
        continue;
      }
      run->BindInputs();
      pool.Push(make_item(run->slot, 0, run->program->graph->start));
    }
  } while (again);
  kicking = outer;
  again = outer_again;
}

void EngineCore::RunJob(Worker& me, std::function<void()> job, Priority priority) {
  const std::int64_t begin = tracing.load(std::memory_order_relaxed) ? now_ns() : 0;
  if (begin != 0) take_job_name();
  try {
    job();
  } catch (...) {
    // A continuation that throws has nobody to tell; it must not end the process.
  }
  job = nullptr;
  if (begin == 0) return;
  const auto kind = priority == Priority::low ? TraceEvent::Kind::compile : TraceEvent::Kind::job;
  std::string name = take_job_name();
  me.trace.Add({kind, 0, begin, now_ns(), 0, 0,
                name.empty() ? nullptr : std::make_shared<TraceRun>(TraceRun{0, std::move(name), nullptr})});
}

std::vector<TraceEvent> EngineCore::TakeTrace() {
  std::vector<TraceEvent> events;
  const int workers = pool.workers();
  for (const std::unique_ptr<Worker>& w : pool.places()) {
    const auto index = static_cast<std::int32_t>(w->index);
    const std::int32_t track = w->helper ? 1000 + index - workers : index;
    for (const TraceRecord& record : w->trace.Take()) events.push_back(make_event(record, track));
  }
  for (const TraceRecord& record : run_trace.Take()) events.push_back(make_event(record, -1));
  std::sort(events.begin(), events.end(), [](const TraceEvent& a, const TraceEvent& b) {
    return a.begin_ns != b.begin_ns ? a.begin_ns < b.begin_ns : a.end_ns > b.end_ns;
  });
  std::map<std::int32_t, std::int64_t> until;  // of each stream, which does one thing at a time
  for (TraceEvent& e : events) {
    if (e.kind != TraceEvent::Kind::device) continue;
    const auto device = static_cast<std::size_t>(std::exchange(e.first_unit, 0));
    e.track_name = gpus[device]->name() + " " + cuda::stream_name(std::exchange(e.last_unit, 0));
    // Runs that share a stream may have queued marks between each other's.
    std::int64_t& end = until[e.track];
    e.begin_ns = std::max(e.begin_ns, end);
    e.end_ns = end = std::max(e.begin_ns, e.end_ns);
  }
  return events;
}

}  // namespace leat::runtime
