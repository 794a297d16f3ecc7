// How a run gets its memory and its inputs: what fits, what is given, and what is still to come.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "runtime/engine/engine_core.h"
#include "runtime/engine/futex.h"
#include "runtime/executor/items.h"
#include "runtime/executor/run_state.h"

namespace leat::runtime {
namespace {

enum Gate : std::uint8_t { kUnknown = 0, kClosed = 1, kOpen = 2 };

Status mismatch(std::string message) { return Status(Code::invalid_argument, std::move(message)); }

bool overlap(const Buffer& a, const Buffer& b) {
  const auto x = reinterpret_cast<std::uintptr_t>(a.data()), y = reinterpret_cast<std::uintptr_t>(b.data());
  return a.bytes() > 0 && b.bytes() > 0 && x < y + b.bytes() && y < x + a.bytes();
}

}  // namespace

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
  if (p.graph->queued) {
    for (const Step& step : p.steps) {
      if (step.body && step.body->queued() && core_->on_host(step.device)) {
        return mismatch(p.name + " has a step on GPU " + std::to_string(step.device) +
                        ", which is a CPU here");
      }
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
  if (core_->gpus.back() != nullptr) MoveInputs();
  if (std::all_of(request.inputs.begin(), request.inputs.end(),
                  [](const Ref<Value>& v) { return v->done(); })) {
    return {};
  }
  gate_count_ = static_cast<std::uint32_t>(request.inputs.size());
  gates_.reset(new std::atomic<std::uint8_t>[gate_count_]);
  for (std::uint32_t i = 0; i < gate_count_; ++i) gates_[i].store(kUnknown, std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < gate_count_; ++i) {
    request.inputs[i]->OnDone([run = Ref<RunState>::Share(this), i](Value&) { run->InputDone(i); });
  }
  return {};
}

void RunState::MoveInputs() {
  const Program& p = *program;
  for (std::size_t o = 0; o < p.outputs.size(); ++o)
    request.outputs[o]->SetDeviceHint(p.buffers[p.outputs[o]].device);
  for (std::size_t i = 0; i < p.inputs.size(); ++i) {
    const DeviceId wanted = p.buffers[p.inputs[i]].device;
    const Ref<Value>& value = request.inputs[i];
    const Value::State state = value->state();
    int there = value->device_hint();
    if (state == Value::State::poisoned || state == Value::State::failed) continue;
    if (state == Value::State::ready) there = value->content().device();
    if (there >= 0 &&
        (there == wanted || (core_->on_host(static_cast<DeviceId>(there)) && core_->on_host(wanted)))) {
      continue;
    }
    Ref<Value> moved = core_->Move(value, wanted, request.group);
    const std::lock_guard lock(mutex_);
    request.inputs[i] = std::move(moved);
  }
}

bool RunState::InputsOnTheWay() const {
  return std::all_of(request.inputs.begin(), request.inputs.end(),
                     [](const Ref<Value>& v) { return v->OnTheWay(); });
}

StatusOr<Ref<Buffer>> RunState::InputBuffer(std::uint32_t input, const Ref<Buffer>& content) const {
  const BufferInfo& info = program->buffers[program->inputs[input]];
  const auto bytes = static_cast<std::size_t>(info.bytes);
  if (content->bytes() < bytes) {
    return mismatch("input " + std::to_string(input) + " of " + program->name + " has " +
                    std::to_string(content->bytes()) + " bytes, " + std::to_string(info.bytes) + " expected");
  }
  if (!content->Align()) {
    return Status(Code::resource_exhausted, "no memory for an aligned copy of input " +
                                                std::to_string(input) + " of " + program->name + ", " +
                                                std::to_string(content->bytes()) + " bytes");
  }
  if (content->wrapped() || content->device() == info.device) return content;
  if (!core_->on_host(content->device()) || !core_->on_host(info.device)) {
    return Status(Code::internal, "input " + std::to_string(input) + " of " + program->name +
                                      " is on device " + std::to_string(content->device()) + ", not " +
                                      std::to_string(info.device));
  }
  // Where a value is need not be known when its readers are planned.
  StatusOr<Ref<Buffer>> moved = Allocate(info.device, bytes);
  if (moved.ok()) std::memcpy((*moved)->data(), content->data(), bytes);
  return moved;
}

StatusOr<Ref<Buffer>> RunState::Allocate(DeviceId device, std::size_t bytes) const {
  Memory& memory = *core_->memories[device];
  StatusOr<Ref<Buffer>> made = memory.Allocate(bytes);
  if (made.ok() || made.status().code() != Code::resource_exhausted) return made;
  core_->instances.Trim(true);  // idle arenas may be what is in the way
  return memory.Allocate(bytes);
}

StatusOr<Ref<Buffer>> RunState::OutputBuffer(std::uint32_t ordinal) {
  const BufferInfo& info = program->buffers[program->outputs[ordinal]];
  if (Ref<Buffer> given = request.outputs[ordinal]->buffer()) {
    const std::string who = "the buffer given for output " + std::to_string(ordinal) + " of " + program->name;
    if (given->bytes() < static_cast<std::size_t>(info.bytes)) {
      return mismatch(who + " has " + std::to_string(given->bytes()) + " bytes, " +
                      std::to_string(info.bytes) + " needed");
    }
    if (!core_->on_host(info.device) && core_->on_host(given->device())) {
      return Status(Code::unimplemented, who + " is memory of the host, and the output is on GPU " +
                                             std::to_string(info.device) + ": move it to a CPU first");
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
  return Allocate(info.device, static_cast<std::size_t>(info.bytes));
}

Status RunState::Bind() {
  const Program& p = *program;
  const StepGraph& g = *p.graph;
  if (core_->options.schedule && (gates_ || g.queued)) {
    return Status(Code::failed_precondition,
                  gates_ ? "under a StepSchedule a run begins when its inputs are there: ask for them first"
                         : "a StepSchedule orders the steps of CPUs, and this program has others");
  }
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
  const bool tracing = core_->tracing.load(std::memory_order_relaxed);
  for (const std::unique_ptr<cuda::GpuRun>& gpu : instance->gpus) {
    if (gpu) gpu->Begin(tracing);
  }
  records = g.records.data();
  edges = g.edges.data();
  pending = instance->pending.get();
  pointers = instance->pointers.get();
  single = gates_ ? 0 : kSingle;
  const EngineOptions& options = core_->options;
  serial = !gates_ && !g.queued && !options.always_concurrent &&
           (core_->pool.workers() <= 1 || g.is_chain ||
            (g.cost_known && !g.user_code &&
             g.total_cost_ns <= std::max(EngineCore::kSerialNs, EngineCore::kSerialStepNs * g.step_count)));
  if (options.schedule) serial = true;
  instance->inputs.resize(inputs);
  if (tracing) {
    trace = std::make_shared<TraceRun>(TraceRun{id_, request.label, program});
    attention.fetch_or(traced, std::memory_order_relaxed);
    bound_ns_ = now_ns();
  }
  if (core_->ranges) {
    ranges = core_->ranges;
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
    if (g.input_edges[i] == g.input_edges[i + 1]) {  // nobody reads it: the run may end before it is there
      gates_[i].store(kOpen, std::memory_order_release);
      continue;
    }
    // The readers wait for one more event; then the gate may be found open already.
    for (std::uint32_t e = g.input_edges[i]; e < g.input_edges[i + 1]; ++e) {
      pending[g.edges[e]].fetch_add(1, std::memory_order_relaxed);
    }
    std::uint8_t expected = kUnknown;
    const bool shut =
        !failed() && gates_[i].compare_exchange_strong(expected, kClosed, std::memory_order_seq_cst);
    if (shut) continue;
    const bool there = expected == kOpen || request.inputs[i]->done();
    gates_[i].store(kOpen, std::memory_order_relaxed);
    if (there) ResolveInput(i);
    for (std::uint32_t e = g.input_edges[i]; e < g.input_edges[i + 1]; ++e) {
      pending[g.edges[e]].fetch_sub(1, std::memory_order_relaxed);
    }
  }
  if (failed()) OpenGates();
}

void RunState::InputDone(std::uint32_t input) {
  const std::uint8_t was = gates_[input].exchange(kOpen, std::memory_order_acq_rel);
  if (was == kUnknown) {
    if (!core_->closed.load(std::memory_order_acquire)) core_->Kick();
    return;
  }
  if (was != kClosed) return;
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
    std::uint8_t expected = kClosed;
    if (gates_[i].compare_exchange_strong(expected, kOpen, std::memory_order_seq_cst)) ReleaseReaders(i);
  }
}

void RunState::ResolveInput(std::uint32_t input) {
  const Ref<Value>& value = request.inputs[input];
  const std::uint32_t buffer = program->inputs[input];
  Ref<Buffer> content;
  switch (value->state()) {
    case Value::State::pending: break;  // the run has failed; nobody will look
    case Value::State::ready: {
      content = value->buffer();
      StatusOr<Ref<Buffer>> here = InputBuffer(input, content);
      if (!here.ok()) {
        Fail(here.status());
        return;
      }
      instance->inputs[input] = *std::move(here);
      instance->Patch(*program->graph, input, instance->inputs[input]->data());
      break;
    }
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

}  // namespace leat::runtime
