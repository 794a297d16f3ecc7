#include "runtime/executor/run_state.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "runtime/engine/engine_core.h"
#include "runtime/engine/fp_environment.h"
#include "runtime/engine/futex.h"

namespace leat::runtime {

RunState::RunState(std::shared_ptr<EngineCore> core, RunRequest r, std::uint64_t id)
    : request(std::move(r)), core_(std::move(core)), id_(id) {
  reserved_bytes = request.reserve_bytes;
}

RunState::~RunState() = default;

void RunState::Refuse(Status why) {
  status_ = why;
  resting_ = true;
  stage.store(Stage::done, std::memory_order_release);
  for (const Ref<Value>& v : request.outputs) v->SetFailed(why);
  request.inputs.clear();
  request.outputs.clear();
  done_.store(1, std::memory_order_release);
}

void RunState::Watch() {
  begin_ns_ = core_->tracing.load(std::memory_order_relaxed) ? now_ns() : 0;
  for (const Ref<Value>& v : request.outputs) v->SetProducer(this);
  if (request.deadline) {
    if (*request.deadline <= Clock::now()) {
      Fail(Status(Code::deadline_exceeded, "the run passed its deadline"));  // not a race with the timer
    } else {
      core_->timer.Add(*request.deadline, Ref<RunState>::Share(this));
    }
  }
  if (request.stop.stop_possible()) stop_callback_.emplace(request.stop, Stopper{this});
}

void RunState::Plan() {
  if (plan_claimed_.exchange(true, std::memory_order_acq_rel)) return;
  MakeProgram();
  stage.store(Stage::waiting, std::memory_order_seq_cst);
  core_->admission.Enqueue(*this);
  core_->Kick();
}

void RunState::RunHere() {
  Watch();
  const FpScope fp;
  const InsideScope inside;
  MakeProgram();
  if (!failed()) {
    if (Status s = Bind(); !s.ok()) Fail(std::move(s));
  }
  if (!failed()) {
    BindInputs();
    // A seat gives the trace a track; otherwise none is needed.
    Worker* const seat = trace ? core_->pool.EnterHelper() : nullptr;
    core_->RunSerially(seat, *this);
    if (seat) core_->pool.LeaveHelper(seat);
  } else {
    Finish();
  }
}

void RunState::MakeProgram() {
  const std::int64_t began = begin_ns_ != 0 && !request.program ? now_ns() : 0;
  if (failed()) {
    program = nullptr;
  } else if (request.program) {
    program = request.program;
  } else {
    StatusOr<std::shared_ptr<const Program>> made = Status(Code::invalid_argument, "a run without a program");
    try {
      if (request.plan) made = request.plan();
      if (made.ok() && !*made) made = Status(Code::internal, "planning made no program");
    } catch (const std::bad_alloc&) {
      made = Status(Code::resource_exhausted, "out of memory while planning");
    } catch (const Error& e) {
      made = e.status();
    } catch (const std::exception& e) {
      made = Status(Code::internal, std::string("planning threw: ") + e.what());
    }
    if (made.ok()) {
      program = *std::move(made);
    } else {
      Fail(made.status());
    }
  }
  request.plan = nullptr;
  if (program) {
    if (Status s = Prepare(); !s.ok()) Fail(std::move(s));
  }
  if (began != 0) {
    core_->run_trace.Add({TraceEvent::Kind::plan, 0, began, now_ns(), 0, 0,
                          std::make_shared<TraceRun>(TraceRun{id_, request.label, program})});
  }
}

void RunState::OutputsWritten(std::uint32_t step) {
  const bool skip = attention.load(std::memory_order_acquire) & stopping;
  std::uint32_t previous = kNone;
  for (const Use& use : program->steps[step].uses) {
    const BufferInfo& info = program->buffers[use.buffer];
    if (!use.write || info.kind != BufferInfo::Kind::output || use.buffer == previous) continue;
    previous = use.buffer;
    const std::uint32_t o = info.index;
    if (skip) instance->skipped[o].store(true, std::memory_order_relaxed);
    if (instance->writers[o].fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
    if (instance->skipped[o].load(std::memory_order_relaxed)) continue;  // Finish fails it
    FulfilOutput(o, instance->outputs[o]);
  }
}

// Every output of the buffer of `ordinal`, which is complete.
void RunState::FulfilOutput(std::uint32_t ordinal, const Ref<Buffer>& buffer) {
  const StepGraph& g = *program->graph;
  const BufferInfo& info = program->buffers[program->outputs[ordinal]];
  const bool own = info.kind == BufferInfo::Kind::output;
  for (std::uint32_t o = ordinal; o != kNone; o = own ? g.next_alias[o] : kNone) Complete(o, buffer);
}

void RunState::Complete(std::uint32_t ordinal, const Ref<Buffer>& content) {
  const std::uint32_t b = program->outputs[ordinal];
  Value& value = *request.outputs[ordinal];
  if ((attention.load(std::memory_order_acquire) & tainted) && faults->Has(b)) {
    Taint taint = faults->Report(b);
    if (taint.failure) {
      value.SetFailed(std::move(taint.status));
    } else {
      value.SetPoisoned(std::move(taint.status));
    }
    return;
  }
  if (!content) return;  // the run has failed
  const Ref<Buffer> given = value.buffer();
  if (given && given->data() != content->data()) {
    const auto bytes = static_cast<std::size_t>(program->buffers[b].bytes);
    if (given->bytes() < bytes) {
      Fail(Status(Code::invalid_argument, "the buffer given for output " + std::to_string(ordinal) + " of " +
                                              program->name + " has " + std::to_string(given->bytes()) +
                                              " bytes, " + std::to_string(bytes) + " needed"));
      return;
    }
    if (!core_->on_host(content->device())) {
      Fail(Status(Code::unimplemented,
                  "output " + std::to_string(ordinal) + " of " + program->name +
                      " is an input on a GPU, and the buffer given is memory of the host"));
      return;
    }
    if (bytes > 0) std::memcpy(given->data(), content->data(), bytes);
    value.SetReady(nullptr);
    return;
  }
  value.SetReady(given ? nullptr : content);
}

void RunState::StepFault(std::uint32_t step, Status fault, std::int64_t first_unit) {
  switch (fault.code()) {
    case Code::cancelled:
    case Code::deadline_exceeded:
    case Code::resource_exhausted:
    case Code::device_lost: Fail(std::move(fault)); return;
    default: break;
  }
  for (const Use& use : program->steps[step].uses) {
    if (use.write) faults->AddOfStep(step, use.buffer, fault, 0, first_unit);
  }
  attention.fetch_or(tainted, std::memory_order_release);
}

void RunState::Poison(std::uint32_t step, std::size_t use, Status fault, std::size_t source,
                      std::int64_t first_unit) {
  faults->AddOfStep(step, program->steps[step].uses[use].buffer, std::move(fault), source, first_unit);
  attention.fetch_or(tainted, std::memory_order_release);
}

bool RunState::ReplaceTainted(std::uint32_t step) {
  const Step& s = program->steps[step];
  const std::lock_guard lock(mutex_);
  for (std::size_t u = 0; u < s.uses.size(); ++u) {
    void** const pointer = pointers + records[step].first_use + u;
    if (s.uses[u].write || !faults->Has(s.uses[u].buffer)) continue;
    // A step in pieces comes here with each of them.
    if (std::any_of(replaced_.begin(), replaced_.end(),
                    [&](const Replaced& r) { return r.pointer == pointer; }))
      continue;
    const auto bytes = static_cast<std::size_t>(program->buffers[s.uses[u].buffer].bytes);
    StatusOr<Ref<Buffer>> instead = Allocate(s.device, bytes);
    if (!instead.ok()) {
      faults->Spread(step, /*whole=*/true);
      return false;
    }
    if (!(*instead)->on_device()) std::memset((*instead)->data(), 0, bytes);  // no bool of the host is 2
    replaced_.push_back({pointer, *pointer, *std::move(instead)});
    *pointer = replaced_.back().memory->data();
  }
  return true;
}

void RunState::Fail(Status failure) {
  const Ref<RunState> keep = Ref<RunState>::Share(this);
  {
    const std::lock_guard lock(mutex_);
    if (resting_ || !status_.ok()) return;
    status_ = std::move(failure);
    attention.fetch_or(stopping, std::memory_order_seq_cst);
  }
  // A gate that is being closed meanwhile is opened again by who closes it.
  const Stage now = stage.load(std::memory_order_seq_cst);
  if (now != Stage::planning) OpenGates();
  if (now == Stage::waiting) core_->Kick();
}

void RunState::Cancel() { Fail(Status(Code::cancelled, "the run was cancelled")); }

Status RunState::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void RunState::Finish() {
  stop_callback_.reset();
  if (request.deadline) core_->timer.Remove(*request.deadline, *this);
  Status failure;
  {
    const std::lock_guard lock(mutex_);
    resting_ = true;
    failure = status_;
  }
  if (failure.ok()) failure = Status(Code::internal, "the run ended without writing this value");
  for (const Ref<Value>& v : request.outputs) {
    if (!v->done()) v->SetFailed(failure);
  }
  if (begin_ns_ != 0) {
    core_->run_trace.Add({TraceEvent::Kind::run, 0, begin_ns_, now_ns(), bound_ns_, peak_bytes,
                          trace ? trace : std::make_shared<TraceRun>(TraceRun{id_, request.label, program})});
  }
  if (instance) {
    for (const Replaced& r : std::exchange(replaced_, {})) *r.pointer = r.before;
    instance->inputs.clear();
    instance->outputs.clear();
    for (std::size_t d = 0; d < instance->gpus.size(); ++d) {
      cuda::GpuRun* const gpu = instance->gpus[d].get();
      if (gpu == nullptr) continue;
      for (const cuda::StreamTime& t : gpu->Times(*program)) {
        core_->run_trace.Add({TraceEvent::Kind::device, t.step, t.begin_ns, t.end_ns,
                              static_cast<std::int64_t>(d), t.track, trace});
      }
      gpu->AtRest();
    }
    core_->instances.Give(program, std::move(instance));
  }
  {
    // Users' deleters may run here: no lock is held, and the run holds nothing of theirs any more.
    const auto inputs = std::exchange(request.inputs, {});
    const auto outputs = std::exchange(request.outputs, {});
  }
  core_->admission.Release(*this);
  std::vector<std::function<void()>> callbacks;
  bool awaited = false;
  {
    const std::lock_guard lock(mutex_);
    callbacks.swap(callbacks_);
    awaited = done_.exchange(1, std::memory_order_acq_rel) == 2;
  }
  if (awaited) futex_wake(done_);
  for (std::function<void()>& callback : callbacks) {
    core_->pool.Schedule({std::move(callback), request.group}, Priority::high);
  }
  const std::shared_ptr<EngineCore> core = core_;
  core->admission.Forget(*this);
  core->Kick();
}

}  // namespace leat::runtime
