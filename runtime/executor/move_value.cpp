// Values that are asked for on another device than they are on, where a GPU is one of the two.
#include <algorithm>

#include "runtime/cuda/gpu.h"
#include "runtime/cuda/gpu_steps.h"
#include "runtime/engine/engine_core.h"
#include "runtime/executor/copy_step.h"
#include "runtime/executor/run_state.h"

namespace leat::runtime {

std::shared_ptr<const Program> make_copy_program(DeviceId from, bool from_gpu, DeviceId to, bool to_gpu,
                                                 std::int64_t bytes) {
  auto program = std::make_shared<Program>();
  program->name = "copy";
  const ir::Type type{DType::u8, Shape{bytes}};
  program->buffers.resize(2);
  for (std::size_t b = 0; b < 2; ++b) {
    BufferInfo& buffer = program->buffers[b];
    buffer.kind = b == 0 ? BufferInfo::Kind::input : BufferInfo::Kind::output;
    buffer.device = b == 0 ? from : to;
    buffer.type = type;
    buffer.bytes = bytes;
  }
  program->inputs = {0};
  program->outputs = {1};
  program->arena_bytes.assign(static_cast<std::size_t>(std::max(from, to)) + 1, 0);
  program->peak_bytes = bytes;
  cuda::CopyCost copy = cuda::make_gpu_copy_step(from, from_gpu, to, to_gpu, bytes);
  Step step;
  step.name = "copy";
  step.device = cuda::device_of_copy(*copy.body);
  step.body = std::move(copy.body);
  step.cost_ns = copy.cost_ns;
  step.uses = {{0, false}, {1, true}};
  program->steps.push_back(std::move(step));
  cuda::plan_streams(*program);
  program->Finish().IgnoreError();  // it is in order
  return program;
}

Ref<Value> EngineCore::Move(const Ref<Value>& value, DeviceId to, const Ref<RunGroup>& group) {
  if (value->state() == Value::State::ready &&
      (value->content().device() == to || (on_host(value->content().device()) && on_host(to)))) {
    return value;
  }
  Ref<Value> moved = Value::Pending();
  moved->SetDeviceHint(to);
  value->OnDone([core = shared_from_this(), moved, to, group](Value& v) {
    if (v.state() != Value::State::ready) {
      v.state() == Value::State::poisoned ? moved->SetPoisoned(v.status()) : moved->SetFailed(v.status());
      return;
    }
    Ref<Buffer> content = v.buffer();
    const DeviceId from = content->device();
    if (from == to || (core->on_host(from) && core->on_host(to))) {
      moved->SetReady(std::move(content));
      return;
    }
    if (Status s = core->CheckUsable(); !s.ok()) {
      moved->SetFailed(std::move(s));
      return;
    }
    RunRequest request;
    request.program = make_copy_program(from, !core->on_host(from), to, !core->on_host(to),
                                        static_cast<std::int64_t>(content->bytes()));
    request.inputs = {Value::Ready(std::move(content))};
    request.outputs = {moved};
    request.label = "copy";
    request.group = group;
    const Ref<RunState> run =
        make_ref<RunState>(core, std::move(request), core->next_run.fetch_add(1, std::memory_order_relaxed));
    core->admission.Reserve(*run, true);
    run->Watch();
    // A listener has to be short.
    core->pool.Schedule({[run] { run->Plan(); }, group}, Priority::high);
  });
  return moved;
}

}  // namespace leat::runtime
