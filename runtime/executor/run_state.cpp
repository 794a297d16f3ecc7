#include "runtime/executor/run_state.h"

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "runtime/engine/engine_core.h"
#include "runtime/engine/fp_environment.h"
#include "runtime/engine/futex.h"
#include "runtime/executor/items.h"

namespace leat::runtime {
namespace {

constexpr std::uint32_t kNone = ~0u;
enum Gate : std::uint8_t { unknown = 0, closed = 1, open = 2 };

Status mismatch(std::string message) { return Status(Code::invalid_argument, std::move(message)); }

bool overlap(const Buffer& a, const Buffer& b) {
  const auto x = reinterpret_cast<std::uintptr_t>(a.data()), y = reinterpret_cast<std::uintptr_t>(b.data());
  return a.bytes() > 0 && b.bytes() > 0 && x < y + b.bytes() && y < x + a.bytes();
}

}  // namespace

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

Status RunState::Prepare() {
  const Program& p = *program;
  if (!p.graph) return Status(Code::failed_precondition, "Program::Finish was not called on " + p.name);
  if (request.inputs.size() != p.inputs.size() || request.outputs.size() != p.outputs.size()) {
    return mismatch(p.name + " has " + std::to_string(p.inputs.size()) + " inputs and " +
                    std::to_string(p.outputs.size()) + " outputs, but was given " +
                    std::to_string(request.inputs.size()) + " and " + std::to_string(request.outputs.size()));
  }
  for (const BufferInfo& b : p.buffers) {
    if (b.device >= core_->memories.size()) {
      return mismatch(p.name + " uses device " + std::to_string(b.device) + " of " +
                      std::to_string(core_->memories.size()));
    }
  }
  for (std::uint32_t d : request.donate) {
    if (d >= p.inputs.size()) return mismatch("donated input " + std::to_string(d) + " does not exist");
  }
  std::sort(request.donate.begin(), request.donate.end());
  peak_bytes = p.peak_bytes;
  if (peak_bytes == 0) {
    for (std::int64_t bytes : p.arena_bytes) peak_bytes += bytes;
    for (std::uint32_t o : p.outputs) {
      if (p.buffers[o].kind == BufferInfo::Kind::output) peak_bytes += p.buffers[o].bytes;
    }
  }
  for (std::size_t o = 0; o < p.outputs.size(); ++o) {
    if (p.buffers[p.outputs[o]].index == o && request.outputs[o]->buffer()) {
      peak_bytes -= std::min(peak_bytes, p.buffers[p.outputs[o]].bytes);
    }
  }
  const std::int64_t limit = core_->options.memory_limit;
  if (limit > 0 && peak_bytes > limit * static_cast<std::int64_t>(core_->memories.size())) {
    return Status(Code::resource_exhausted, p.name + " needs " + std::to_string(peak_bytes) +
                                                " bytes at its peak, over the memory limit of " +
                                                std::to_string(limit));
  }
  faults.emplace(p, &request.locate);
  if (std::all_of(request.inputs.begin(), request.inputs.end(),
                  [](const Ref<Value>& v) { return v->done(); })) {
    return {};
  }
  gate_count_ = static_cast<std::uint32_t>(request.inputs.size());
  gates_.reset(new std::atomic<std::uint8_t>[gate_count_]);
  for (std::uint32_t i = 0; i < gate_count_; ++i) gates_[i].store(unknown, std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < gate_count_; ++i) {
    request.inputs[i]->OnDone([run = Ref<RunState>::Share(this), i](Value&) { run->InputDone(i); });
  }
  return {};
}

bool RunState::InputsOnTheWay() const {
  return std::all_of(request.inputs.begin(), request.inputs.end(),
                     [](const Ref<Value>& v) { return v->OnTheWay(); });
}

Status RunState::CheckInput(std::uint32_t input, const Buffer& buffer) const {
  const BufferInfo& info = program->buffers[program->inputs[input]];
  if (buffer.bytes() < static_cast<std::size_t>(info.bytes)) {
    return mismatch("input " + std::to_string(input) + " of " + program->name + " has " +
                    std::to_string(buffer.bytes()) + " bytes, " + std::to_string(info.bytes) + " expected");
  }
  if (!buffer.wrapped() && buffer.device() != info.device) {
    return mismatch("input " + std::to_string(input) + " of " + program->name + " is on device " +
                    std::to_string(buffer.device()) + ", not " + std::to_string(info.device));
  }
  return {};
}

StatusOr<Ref<Buffer>> RunState::OutputBuffer(std::uint32_t ordinal) {
  const BufferInfo& info = program->buffers[program->outputs[ordinal]];
  if (Ref<Buffer> given = request.outputs[ordinal]->buffer()) {
    const std::string who = "the buffer given for output " + std::to_string(ordinal) + " of " + program->name;
    if (given->bytes() < static_cast<std::size_t>(info.bytes)) {
      return mismatch(who + " has " + std::to_string(given->bytes()) + " bytes, " +
                      std::to_string(info.bytes) + " needed");
    }
    for (const Ref<Value>& input : request.inputs) {
      const Ref<Buffer> content = input->buffer();
      if (content && overlap(*given, *content)) return mismatch(who + " overlaps an input");
    }
    return given;
  }
  const std::uint32_t donor = program->graph->donor[ordinal];
  if (donor != kNone && std::binary_search(request.donate.begin(), request.donate.end(), donor) &&
      request.inputs[donor]->state() == Value::State::ready) {
    Ref<Buffer> content = request.inputs[donor]->buffer();
    // Of the value, and this handle: nobody else looks at it.
    if (content->use_count() == 2 && !content->wrapped() &&
        content->bytes() == static_cast<std::size_t>(info.bytes)) {
      return content;
    }
  }
  Memory& memory = *core_->memories[info.device];
  StatusOr<Ref<Buffer>> made = memory.Allocate(static_cast<std::size_t>(info.bytes));
  if (made.ok() || made.status().code() != Code::resource_exhausted) return made;
  core_->instances.Trim(true);  // idle arenas may be what is in the way
  return memory.Allocate(static_cast<std::size_t>(info.bytes));
}

Status RunState::Bind() {
  const Program& p = *program;
  const StepGraph& g = *p.graph;
  StatusOr<std::unique_ptr<Instance>> taken = core_->instances.Take(program);
  if (!taken.ok()) return taken.status();
  instance = *std::move(taken);
  const std::size_t inputs = p.inputs.size();
  instance->outputs.resize(p.outputs.size());
  for (std::uint32_t o = 0; o < p.outputs.size(); ++o) {
    const BufferInfo& info = p.buffers[p.outputs[o]];
    if (info.kind != BufferInfo::Kind::output || info.index != o) continue;
    StatusOr<Ref<Buffer>> buffer = OutputBuffer(o);
    if (!buffer.ok()) {
      instance->outputs.clear();
      core_->instances.Give(program, std::move(instance));
      return buffer.status();
    }
    instance->outputs[o] = *std::move(buffer);
    instance->Patch(g, inputs + o, instance->outputs[o]->data());
    instance->writers[o].store(g.output_writers[o], std::memory_order_relaxed);
    instance->skipped[o].store(false, std::memory_order_relaxed);
  }
  records = g.records.data();
  edges = g.edges.data();
  pending = instance->pending.get();
  pointers = instance->pointers.get();
  single = gates_ ? 0 : kSingle;
  const EngineOptions& options = core_->options;
  serial = !gates_ && !options.always_concurrent &&
           (core_->pool.workers() <= 1 || g.is_chain ||
            (g.cost_known && !g.user_code &&
             g.total_cost_ns <= std::max(EngineCore::kSerialNs, EngineCore::kSerialStepNs * g.step_count)));
  instance->inputs.resize(inputs);
  if (core_->tracing.load(std::memory_order_relaxed)) {
    trace = std::make_shared<TraceRun>(TraceRun{id_, request.label, program});
    attention.fetch_or(traced, std::memory_order_relaxed);
  }
  return {};
}

void RunState::BindInputs() {
  const Program& p = *program;
  const StepGraph& g = *p.graph;
  for (std::uint32_t o = 0; o < p.outputs.size(); ++o) {
    const BufferInfo& info = p.buffers[p.outputs[o]];
    if (info.kind == BufferInfo::Kind::constant) {
      std::shared_ptr<const std::byte[]> data = info.data;
      void* address = const_cast<std::byte*>(data.get());
      Complete(o, Buffer::Wrap(address, static_cast<std::size_t>(info.bytes), [data] {}));
    } else if (info.kind == BufferInfo::Kind::output && info.index == o && g.output_writers[o] == 0) {
      FulfilOutput(o, instance->outputs[o]);
    }
  }
  for (std::uint32_t i = 0; i < p.inputs.size(); ++i) {
    if (!gates_) {
      ResolveInput(i);
      continue;
    }
    // The readers wait for one more event; then the gate may be found open already.
    for (std::uint32_t e = g.input_edges[i]; e < g.input_edges[i + 1]; ++e) {
      pending[g.edges[e]].fetch_add(1, std::memory_order_relaxed);
    }
    std::uint8_t expected = unknown;
    const bool shut =
        !failed() && gates_[i].compare_exchange_strong(expected, closed, std::memory_order_seq_cst);
    if (shut) continue;
    const bool there = expected == open || request.inputs[i]->done();
    gates_[i].store(open, std::memory_order_relaxed);
    if (there) ResolveInput(i);
    for (std::uint32_t e = g.input_edges[i]; e < g.input_edges[i + 1]; ++e) {
      pending[g.edges[e]].fetch_sub(1, std::memory_order_relaxed);
    }
  }
  if (failed()) OpenGates();
}

void RunState::InputDone(std::uint32_t input) {
  const std::uint8_t was = gates_[input].exchange(open, std::memory_order_acq_rel);
  if (was == unknown) {
    if (!core_->closed.load(std::memory_order_acquire)) core_->Kick();
    return;
  }
  if (was != closed) return;
  ResolveInput(input);
  ReleaseReaders(input);
}

void RunState::ReleaseReaders(std::uint32_t input) {
  // With the last piece released the run may end: it is not touched after that.
  const StepGraph& g = *program->graph;
  const std::uint32_t begin = g.input_edges[input], end = g.input_edges[input + 1], at = slot;
  const std::shared_ptr<EngineCore> core = core_;
  for (std::uint32_t b = begin; b < end;) {
    const std::uint32_t n = std::min(end - b, kMostEdges);
    b += n;
    core->pool.Push(make_item(at, n, b - n));
  }
}

void RunState::OpenGates() {
  for (std::uint32_t i = 0; i < gate_count_; ++i) {
    std::uint8_t expected = closed;
    if (gates_[i].compare_exchange_strong(expected, open, std::memory_order_seq_cst)) ReleaseReaders(i);
  }
}

void RunState::ResolveInput(std::uint32_t input) {
  const Ref<Value>& value = request.inputs[input];
  const std::uint32_t buffer = program->inputs[input];
  Ref<Buffer> content;
  switch (value->state()) {
    case Value::State::pending: break;  // the run has failed; nobody will look
    case Value::State::ready:
      content = value->buffer();
      if (Status s = CheckInput(input, *content); !s.ok()) {
        Fail(std::move(s));
        return;
      }
      instance->inputs[input] = content;
      instance->Patch(*program->graph, input, content->data());
      break;
    case Value::State::poisoned:
    case Value::State::failed:
      faults->Add(buffer,
                  {value->status(), value->state() == Value::State::failed, Taint::kInput, buffer, 0});
      attention.fetch_or(tainted, std::memory_order_release);
      break;
  }
  const auto& passed = program->graph->passed_through;
  for (auto p = std::lower_bound(passed.begin(), passed.end(), std::pair(input, 0u));
       p != passed.end() && p->first == input; ++p) {
    FulfilOutput(p->second, content);
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
      Fail(mismatch("the buffer given for output " + std::to_string(ordinal) + " of " + program->name +
                    " has " + std::to_string(given->bytes()) + " bytes, " + std::to_string(bytes) +
                    " needed"));
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
    core_->run_trace.Add({TraceEvent::Kind::run, 0, begin_ns_, now_ns(), 0, 0,
                          trace ? trace : std::make_shared<TraceRun>(TraceRun{id_, request.label, program})});
  }
  if (instance) {
    instance->inputs.clear();
    instance->outputs.clear();
    core_->instances.Give(program, std::move(instance));
  }
  {
    // Users' deleters may run here: no lock is held, and the run holds nothing of theirs any more.
    const auto inputs = std::exchange(request.inputs, {});
    const auto outputs = std::exchange(request.outputs, {});
  }
  core_->admission.Release(*this);
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(mutex_);
    callbacks.swap(callbacks_);
    if (done_.exchange(1, std::memory_order_acq_rel) == 2) futex_wake(done_);
  }
  for (std::function<void()>& callback : callbacks) core_->pool.Schedule(std::move(callback), Priority::high);
  const std::shared_ptr<EngineCore> core = core_;
  core->admission.Forget(*this);
  core->Kick();
}

void RunState::OnQuiescent(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (done_.load(std::memory_order_relaxed) != 1) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  core_->pool.Schedule(std::move(callback), Priority::high);
}

Status RunState::WaitUntil(Clock::time_point deadline) {
  if (done()) return {};
  if (Engine::OnPoolThread()) {
    return Status(
        Code::would_deadlock,
        "waiting on a thread of the pool for a run that is not done could never end; use OnQuiescent");
  }
  Help(
      deadline, [](const void* run) { return static_cast<const RunState*>(run)->done(); }, this);
  for (;;) {
    std::uint32_t word = 0;
    if (!done_.compare_exchange_strong(word, 2, std::memory_order_acq_rel) && word == 1) return {};
    if (deadline == Clock::time_point::max()) {
      futex_wait(done_, 2);
    } else {
      if (Clock::now() >= deadline) return Status(Code::deadline_exceeded, "the run did not end in time");
      futex_wait_until(done_, 2, deadline);
    }
  }
}

bool RunState::HelpOnce(Clock::time_point deadline) {
  Pool& pool = core_->pool;
  if (stage.load(std::memory_order_acquire) == Stage::planning) {
    if (plan_claimed_.load(std::memory_order_relaxed) || deadline != Clock::time_point::max()) return false;
    const FpScope fp;
    const InsideScope inside;
    Plan();
    return true;
  }
  if (stage.load(std::memory_order_acquire) != Stage::running) return false;
  if (program->graph->user_code) return false;
  if (deadline != Clock::time_point::max()) {
    const StepGraph& g = *program->graph;
    const std::chrono::duration<double, std::nano> cost(g.total_cost_ns);
    if (!g.cost_known || Clock::now() + cost >= deadline) return false;
  }
  if (!pool.HasItems()) return false;
  Worker* seat = pool.EnterHelper();
  if (!seat) return false;
  const std::uint32_t mine = slot;
  Item item = make_item(mine, 0, program->graph->start);
  if (!pool.TakeBack(item)) item = pool.FindFor(*seat, [&](Item i) { return slot_of(i) == mine; });
  if (item != kNoItem) {
    const FpScope fp;
    const InsideScope inside;
    core_->Execute(*seat, item);
  }
  pool.LeaveHelper(seat);
  return item != kNoItem;
}

void RunState::Help(Clock::time_point deadline, bool (*satisfied)(const void*), const void* argument) {
  const Ref<RunState> keep = Ref<RunState>::Share(this);
  if (core_->pool.synchronous()) {
    core_->pool.Drain();
    return;
  }
  if (!core_->CheckUsable().ok()) return;
  std::int64_t idle_since = 0;
  for (int looks = 1; !satisfied(argument); ++looks) {
    if (HelpOnce(deadline)) {
      idle_since = 0;
      continue;
    }
    const std::int64_t now = now_ns();
    if (idle_since == 0) idle_since = now;
    if (static_cast<double>(now - idle_since) >= core_->pool.spin_ns()) return;
    if (looks % 16 == 0) {
      sched_yield();
    } else {
      for (int k = 0; k < 8; ++k) cpu_pause();
    }
  }
}

}  // namespace leat::runtime
