#include "runtime/cuda/gpu_run.h"

#include <algorithm>
#include <cstring>

namespace leat::runtime::cuda {

StatusOr<std::unique_ptr<GpuRun>> GpuRun::Create(std::shared_ptr<Gpu> gpu, const Program& program,
                                                 DeviceId device) {
  const Status lost = gpu->lost();
  if (!lost.ok()) return lost;
  StatusOr<const StreamSet*> streams = gpu->TakeStreams();
  if (!streams.ok()) return streams.status();
  std::unique_ptr<GpuRun> run(new GpuRun(std::move(gpu), program.steps.size()));
  run->streams_ = *streams;
  run->joins_.resize(kStreams);
  const Gpu::Current current(*run->gpu_);
  if (!current.status().ok()) return current.status();
  const auto make_event = [&](CuEvent& event) {
    return run->gpu_->Check(run->gpu_->driver().EventCreate(&event, kEventDisableTiming), "cuEventCreate");
  };
  std::size_t bytes = 0;
  for (std::uint32_t s = 0; s < program.steps.size(); ++s) {
    const StepBody* body = program.steps[s].body.get();
    if (body == nullptr || !body->queued() || program.steps[s].device != device) continue;
    const StreamUse& use = program.stream_uses[s];
    run->offsets_[s] = bytes;
    bytes += (static_cast<const GpuStepBody*>(body)->pinned_bytes() + 63) / 64 * 64;
    if (use.signals) {
      if (Status made = make_event(run->events_[s]); !made.ok()) return made;
    }
    if (std::find(run->used_.begin(), run->used_.end(), use.stream) != run->used_.end()) continue;
    run->used_.push_back(use.stream);
    if (Status made = make_event(run->joins_[use.stream]); !made.ok()) return made;
  }
  StatusOr<Ref<Buffer>> pinned = run->gpu_->pinned().Allocate(std::max<std::size_t>(bytes, 64));
  if (!pinned.ok()) return pinned.status().WithNote("pinned host memory for " + program.name);
  run->pinned_ = *std::move(pinned);
  run->pinned_bytes_ = bytes;
  return run;
}

GpuRun::~GpuRun() {
  const Gpu::Current current(*gpu_);
  for (CuEvent event : events_) {
    if (event != nullptr) give_back([&] { return gpu_->driver().EventDestroy(event); });
  }
  for (CuEvent event : joins_) {
    if (event != nullptr) give_back([&] { return gpu_->driver().EventDestroy(event); });
  }
}

void GpuRun::Hold(std::uint32_t step, Ref<Buffer> buffer) { held_[step] = std::move(buffer); }

void GpuRun::Begin() {
  if (pinned_bytes_ > 0) std::memset(pinned_->data(), 0, pinned_bytes_);
}

void GpuRun::AtRest() {
  for (Ref<Buffer>& buffer : held_) buffer = nullptr;
}

StepTurn::StepTurn(StepContext& context, DeviceId device)
    : context_(context), run_(context.gpu(device)), gpu_(&run_->gpu()), current_(*gpu_) {
  const StreamUse& use = context.stream_use();
  stream_ = run_->stream(use.stream);
  status_ = gpu_->lost();
  if (status_.ok() && !current_.status().ok()) status_ = current_.status();
  for (const auto& [step, other] : use.waits) {
    if (!status_.ok()) return;
    status_ = gpu_->Check(gpu_->driver().StreamWaitEvent(stream_, context.gpu(other)->event(step), 0),
                          "cuStreamWaitEvent");
  }
}

Status StepTurn::Done() {
  if (!context_.stream_use().signals) return {};
  return gpu_->Check(gpu_->driver().EventRecord(run_->event(context_.step_ordinal()), stream_),
                     "cuEventRecord");
}

Status StepTurn::Defer(const StepBody& body) {
  if (const std::optional<Resume> resume = context_.Defer()) {
    Completion& completion = run_->completion(context_.step_ordinal());
    completion.resume = *resume;
    Status s = gpu_->ResumeAfter(stream_, completion);
    if (!s.ok()) context_.KeepTurn();
    return s;
  }
  if (Status s = gpu_->Check(gpu_->driver().StreamSynchronize(stream_), "cuStreamSynchronize"); !s.ok())
    return s;
  return body.Finish(context_);
}

}  // namespace leat::runtime::cuda
