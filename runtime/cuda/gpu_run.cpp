#include "runtime/cuda/gpu_run.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "runtime/cuda/device_graph.h"
#include "runtime/cuda/gpu_steps.h"
#include "runtime/engine/futex.h"

namespace leat::runtime::cuda {
namespace {

/// Launches on the stream of a step.
class StreamTarget final : public LaunchTarget {
 public:
  explicit StreamTarget(StepTurn& turn) : turn_(turn) {}
  Status Launch(CuFunction function, const LaunchGeometry& geometry, void** parameters) override {
    if (!std::exchange(begun_, true)) turn_.BeginsHere();
    Gpu& gpu = turn_.gpu();
    return gpu.Check(gpu.driver().LaunchKernel(function, geometry.blocks, 1, 1, geometry.threads, 1, 1,
                                               geometry.shared_bytes, turn_.stream(), parameters, nullptr),
                     "cuLaunchKernel");
  }

 private:
  StepTurn& turn_;
  bool begun_ = false;
};

}  // namespace

Status GpuStepBody::Execute(StepContext& context, std::int64_t, std::int64_t) const {
  GpuRun& run = *context.gpu(device_);
  if (run.as_graphs() && context.stream_use().in_graph) {
    run.Passed(context.step_ordinal());
    return {};
  }
  return Queue(context);
}

Status GpuStepBody::Queue(StepContext& context) const {
  StepTurn turn(context, device_);
  if (!turn.status().ok()) return turn.status();
  StreamTarget target(turn);
  if (Status s = Launch(context, target); !s.ok()) return s;
  return turn.Done();
}

Status GpuStepBody::Launch(StepContext&, LaunchTarget&) const { return {}; }

GpuRun::GpuRun(std::shared_ptr<Gpu> gpu, std::size_t steps)
    : gpu_(std::move(gpu)),
      events_(steps),
      flag_offsets_(steps),
      block_offsets_(steps),
      held_(steps),
      completions_(steps),
      turns_(steps),
      graphs_(steps) {}

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
  std::size_t block_bytes = 0;
  const auto round = [](std::size_t n) { return (n + 63) / 64 * 64; };
  for (std::uint32_t s = 0; s < program.steps.size(); ++s) {
    const StepBody* body = program.steps[s].body.get();
    if (body == nullptr || !body->queued() || program.steps[s].device != device) continue;
    const StreamUse& use = program.stream_uses[s];
    const auto& gpu_body = static_cast<const GpuStepBody&>(*body);
    run->flag_offsets_[s] = run->flag_bytes_;
    run->flag_bytes_ += round(gpu_body.flag_bytes());
    run->block_offsets_[s] = block_bytes;
    block_bytes += round(gpu_body.block_bytes());
    if (const auto members = graph_members(*body); !members.empty())
      run->graphs_[s] = std::make_unique<DeviceGraph>(*run->gpu_, members);
    if (use.signals) {
      if (Status made = make_event(run->events_[s]); !made.ok()) return made;
    }
    if (std::find(run->used_.begin(), run->used_.end(), use.stream) != run->used_.end()) continue;
    run->used_.push_back(use.stream);
    if (Status made = make_event(run->joins_[use.stream]); !made.ok()) return made;
  }
  for (std::size_t& offset : run->block_offsets_) offset += run->flag_bytes_;
  const std::size_t bytes = run->flag_bytes_ + block_bytes;
  StatusOr<Ref<Buffer>> pinned = run->gpu_->pinned().Allocate(std::max<std::size_t>(bytes, 64));
  if (!pinned.ok()) return pinned.status().WithNote("pinned host memory for " + program.name);
  run->pinned_ = *std::move(pinned);
  return run;
}

GpuRun::~GpuRun() {
  const Gpu::Current current(*gpu_);
  graphs_.clear();
  for (CuEvent event : events_) {
    if (event != nullptr) give_back([&] { return gpu_->driver().EventDestroy(event); });
  }
  for (CuEvent event : joins_) {
    if (event != nullptr) give_back([&] { return gpu_->driver().EventDestroy(event); });
  }
  for (const Timing& t : timings_) {
    for (CuEvent event : {t.begin.event, t.end.event}) {
      if (event != nullptr) give_back([&] { return gpu_->driver().EventDestroy(event); });
    }
  }
}

void GpuRun::Hold(std::uint32_t step, Ref<Buffer> buffer) { held_[step] = std::move(buffer); }

void GpuRun::Begin(bool timed) {
  if (flag_bytes_ > 0) std::memset(pinned_->data(), 0, flag_bytes_);
  for (std::atomic<bool>& stream : touched_) stream.store(false, std::memory_order_relaxed);
  as_graphs_ = std::exchange(ran_, true) && !timed;
  for (Turn& turn : turns_) turn.passed = turn.recorded = false;
  timed_ = timed;
  if (!timed) return;
  timings_.resize(events_.size());
  for (Timing& t : timings_) {
    t.begin.recorded = t.end.recorded = false;
    t.known_ns = 0;
  }
}

void GpuRun::Mark(std::uint32_t step, CuStream stream, Timing::Moment Timing::*which) {
  if (!timed_) return;
  Timing::Moment& moment = timings_[step].*which;
  if (moment.event == nullptr &&
      gpu_->driver().EventCreate(&moment.event, kEventDefault) != CuResult::success) {
    moment.event = nullptr;
    return;
  }
  moment.recorded = gpu_->driver().EventRecord(moment.event, stream) == CuResult::success;
}

void GpuRun::Known(std::uint32_t step, std::int64_t at_ns) {
  if (timed_) timings_[step].known_ns = at_ns;
}

// The device's clock is another one. Where the host heard of an end, that end was earlier on the host's
// clock too; the one that it heard of soonest says by how much the clocks differ.
std::vector<StreamTime> GpuRun::Times(const Program& program) {
  std::vector<StreamTime> times;
  if (!timed_) return times;
  const Gpu::Current current(*gpu_);
  CuEvent origin = nullptr;
  for (const Timing& t : timings_) {
    if (t.begin.recorded && origin == nullptr) origin = t.begin.event;
  }
  if (origin == nullptr || !current.status().ok()) return times;
  // Since the origin, in nanoseconds; nullopt where the driver does not say.
  const auto since = [&](CuEvent event) -> std::optional<std::int64_t> {
    float ms = 0;
    if (event == origin) return 0;
    if (gpu_->driver().EventElapsedTime(&ms, origin, event) != CuResult::success) return std::nullopt;
    return static_cast<std::int64_t>(static_cast<double>(ms) * 1e6);
  };
  constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::max();
  const auto set = static_cast<std::uint32_t>(gpu_->NumberOf(streams_));
  std::int64_t shift = kUnknown;
  for (std::uint32_t s = 0; s < timings_.size(); ++s) {
    const Timing& t = timings_[s];
    if (!t.begin.recorded || !t.end.recorded) continue;
    const std::optional<std::int64_t> begin = since(t.begin.event), end = since(t.end.event);
    if (!begin || !end) continue;
    const StepBody& body = *program.steps[s].body;
    const bool waits_only = body.settles() || !graph_members(body).empty();  // for the others
    if (!waits_only)
      times.push_back({s, set * kStreams + program.stream_uses[s].stream, *begin, std::max(*begin, *end)});
    const std::int64_t known = std::max(t.known_ns, completions_[s].reached_ns);
    if (known != 0) shift = std::min(shift, known - *end);
  }
  if (shift == kUnknown) return {};
  for (StreamTime& t : times) {
    t.begin_ns += shift;
    t.end_ns += shift;
  }
  return times;
}

void GpuRun::AtRest() {
  timed_ = false;
  for (Ref<Buffer>& buffer : held_) buffer = nullptr;
}

StepTurn::StepTurn(StepContext& context, DeviceId device, bool launches_graph)
    : context_(context), run_(context.gpu(device)), gpu_(&run_->gpu()), current_(*gpu_) {
  const StreamUse& use = context.stream_use();
  stream_ = run_->turns_[context.step_ordinal()].capture;
  captured_ = stream_ != nullptr;
  status_ = gpu_->lost();
  if (status_.ok() && !current_.status().ok()) status_ = current_.status();
  if (captured_) return;
  stream_ = run_->stream(use.stream);
  run_->touched_[use.stream].store(true, std::memory_order_relaxed);
  for (const auto& [step, other] : launches_graph ? use.graph_waits : use.waits) {
    if (!status_.ok()) return;
    const GpuRun& theirs = *context.gpu(other);
    if (!theirs.turns_[step].recorded) continue;  // it was not queued: its operands have no content
    status_ =
        gpu_->Check(gpu_->driver().StreamWaitEvent(stream_, theirs.event(step), 0), "cuStreamWaitEvent");
  }
  if (status_.ok()) BeginsHere();
}

Status StepTurn::Done() {
  if (captured_) return {};
  run_->MarkEnd(context_.step_ordinal(), stream_);
  if (!context_.stream_use().signals) return {};
  run_->turns_[context_.step_ordinal()].recorded = true;
  return gpu_->Check(gpu_->driver().EventRecord(run_->event(context_.step_ordinal()), stream_),
                     "cuEventRecord");
}

Status StepTurn::Defer(const StepBody& body) {
  run_->MarkEnd(context_.step_ordinal(), stream_);
  run_->completion(context_.step_ordinal()).reached_ns = 0;
  if (const std::optional<Resume> resume = context_.Defer()) {
    Completion& completion = run_->completion(context_.step_ordinal());
    completion.resume = *resume;
    Status s = gpu_->ResumeAfter(stream_, completion);
    if (!s.ok()) context_.KeepTurn();
    return s;
  }
  if (Status s = gpu_->Check(gpu_->driver().StreamSynchronize(stream_), "cuStreamSynchronize"); !s.ok())
    return s;
  run_->Known(context_.step_ordinal(), now_ns());
  return body.Finish(context_);
}

}  // namespace leat::runtime::cuda
