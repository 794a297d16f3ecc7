#include "compiler/frontend/launch_queue.h"

#include <algorithm>
#include <new>

#include "compiler/frontend/schedule.h"
#include "runtime/engine/engine_core.h"
#include "runtime/engine/futex.h"

namespace leat::frontend {
namespace {

using runtime::Ref;
using runtime::Value;

// 16,384 launches of at most 64 KB each: what may be queued beyond the runs in flight.
constexpr std::size_t kMostQueued = 16'384;
constexpr std::int64_t kMostOutputBytes = 64 << 10;
// A batch is some 20 us of work, what it costs to wake another worker, and at most so many launches.
constexpr double kBatchNs = 20'000;
constexpr std::size_t kMostBatch = 128;
// A worker that found a batch that was not full lets the next ones gather: taking the lock from the caller
// costs both 0.1 to 0.5 us, and one by one that made a caller's eval twice as dear.
constexpr std::int64_t kGatherNs = 8'000;
constexpr std::size_t kMostSpares = 4;
// Who waits looks through so many for its own: 4 us, less than it takes to be woken.
constexpr std::size_t kMostLooked = 1024;

std::size_t batch_size(const Plan& plan) {
  return std::clamp<std::size_t>(static_cast<std::size_t>(kBatchNs / std::max(plan.cost_ns, 1.0)), 1,
                                 kMostBatch);
}

// Drops the operands of nodes that are ready now, and the references that the launches had.
template <class Launches>
void finish(std::uint32_t context, Launches& launches) {
  Garbage garbage;
  try {
    // Fetched before, so that the lock is held for nanoseconds a node.
    for (const auto& launch : launches) {
      const char* const node = reinterpret_cast<const char*>(launch.node);
      for (std::size_t line = 0; node != nullptr && line < sizeof(Node); line += 64) {
        __builtin_prefetch(node + line, 1);
      }
    }
    const std::lock_guard lock(graph_lock(context));
    std::size_t room = 0;  // who waits for one of them may drop its operands, so they are counted here
    for (const auto& launch : launches) room += launch.node != nullptr ? launch.node->slot_count : 0;
    garbage.reserve(room);
    for (const auto& launch : launches) {
      if (launch.node == nullptr || launch.node->slot_count == 0) continue;
      if (launch.output->state() == Value::State::ready && launch.node->value == launch.output) {
        drop_operands(launch.node, garbage);
      }
    }
  } catch (const std::bad_alloc&) {
    // Then they keep their operands.
  }
  for (Node* n : garbage) release(n);
  for (const auto& launch : launches) {
    if (launch.node != nullptr) release(launch.node);
  }
  launches.clear();
}

}  // namespace

LaunchQueue::~LaunchQueue() = default;

bool LaunchQueue::Takes(ContextState& state, const Walk& walk) {
  const ContextOptions& options = state.options();
  if (options.synchronous || options.max_runs_in_flight < runtime::kDefaultRunsInFlight ||
      options.max_bytes_in_flight != 0 || options.memory_limit != 0 || walk.outputs.size() != 1 ||
      walk.inputs.size() > kInputs || walk.outputs[0].node->kind != Kind::operation ||
      walk.output_bytes > kMostOutputBytes ||
      walk.outputs[0].node->label.load(std::memory_order_relaxed) != 0 ||
      state.engine().core().tracing.load(std::memory_order_relaxed)) {
    return false;
  }
  for (const WalkInput& in : walk.inputs) {
    if (in.leaf == nullptr) continue;
    const Ref<Value>& value = in.leaf->value;
    if (value == nullptr) return false;
    // What a run will make may take long; what is queued before this comes before this.
    if (!value->done() && value->producer() != nullptr) return false;
  }
  return true;
}

LaunchQueue::Then LaunchQueue::Add(ContextState& state, const std::shared_ptr<Plan>& plan, const Walk& walk) {
  Ref<Value> output = Value::Pending();
  if (batches_.empty() || batches_.back()->plan != plan ||
      batches_.back()->launches.size() >= batch_size(*plan)) {
    std::unique_ptr<Batch> batch;
    if (spares_.empty()) {
      batch = std::make_unique<Batch>();
    } else {
      batch = std::move(spares_.back());
      spares_.pop_back();
    }
    batch->launches.reserve(batch_size(*plan));
    batch->plan = plan;
    batches_.push_back(std::move(batch));
  }
  Launch& launch = batches_.back()->launches.emplace_back();
  for (std::size_t i = 0; i < walk.inputs.size(); ++i) {
    if (walk.inputs[i].leaf != nullptr) {
      launch.values[i] = walk.inputs[i].leaf->value;
    } else {
      launch.scalars[i] = walk.inputs[i].bits;
    }
  }
  Node* const node = walk.outputs[0].node;
  retain(node);
  launch.node = node;
  node->value = output;
  launch.output = std::move(output);
  if (++queued_ > kMostQueued) return Then::help;
  // The caller, who is at work too, keeps a core: with all of them taken, an eval took twice as long.
  if (workers_ == 0 || (workers_ < state.engine().workers() - 1 && batches_.size() > 2 &&
                        batches_.back()->launches.size() == 1)) {
    ++workers_;
    return Then::call;
  }
  return Then::nothing;
}

void LaunchQueue::Follow(Then then, const std::shared_ptr<ContextState>& state) {
  if (then == Then::nothing) return;
  if (then == Then::help) {
    const std::shared_ptr<ContextState> kept = state;  // users' deleters may run, and ask for other Contexts
    RunOldest(kept, false);
    return;
  }
  try {
    state->Schedule([state] { Drain(state); });
  } catch (const std::bad_alloc&) {
    Drain(state);  // somebody has to
  }
}

bool LaunchQueue::RunOne(QuickRun& run, Launch& launch) {
  const void* inputs[kInputs] = {};
  for (std::size_t i = 0; i < kInputs; ++i) {
    const Value* const value = launch.values[i].get();
    if (value == nullptr) {
      inputs[i] = &launch.scalars[i];
      continue;
    }
    if (value->state() != Value::State::ready) return false;
    const runtime::Buffer& content = value->content();
    if (content.device() != 0) return false;
    inputs[i] = content.data();
  }
  Ref<runtime::Buffer> buffer = run.Run(inputs);
  if (buffer == nullptr) return false;
  launch.output->SetReady(std::move(buffer));
  return true;
}

void LaunchQueue::RunAll(const std::shared_ptr<ContextState>& state, Batch& batch) {
  {
    QuickRun run(*state, *batch.plan);
    for (Launch& launch : batch.launches) {
      if (launch.node != nullptr && !RunOne(run, launch)) submit_scheduled(state, launch.node, launch.output);
    }
  }
  finish(state->id(), batch.launches);
}

bool LaunchQueue::RunOldest(const std::shared_ptr<ContextState>& state, bool gather) {
  std::unique_ptr<Batch> batch;
  std::unique_lock lock(graph_lock(state->id()));
  LaunchQueue& queue = state->launches();
  if (!state->open() || queue.batches_.empty()) return false;
  const ContextState::Use use(*state);
  batch = std::move(queue.batches_.front());
  queue.batches_.pop_front();
  queue.queued_ -= batch->launches.size();
  lock.unlock();
  const bool few = batch->launches.size() < batch_size(*batch->plan);
  RunAll(state, *batch);
  batch->plan = nullptr;
  {
    const std::lock_guard again(graph_lock(state->id()));
    if (queue.spares_.size() < kMostSpares) queue.spares_.push_back(std::move(batch));
  }
  if (few && gather) {
    const std::int64_t until = runtime::now_ns() + kGatherNs;
    while (runtime::now_ns() < until) {
      for (int k = 0; k < 16; ++k) runtime::cpu_pause();
    }
  }
  return true;
}

void LaunchQueue::Drain(const std::shared_ptr<ContextState>& state) {
  for (;;) {
    while (RunOldest(state, true)) {
    }
    const std::lock_guard lock(graph_lock(state->id()));
    LaunchQueue& queue = state->launches();
    if (!queue.batches_.empty() && state->open()) continue;
    --queue.workers_;
    return;
  }
}

void LaunchQueue::RunQueued(const std::shared_ptr<ContextState>& state, const Node& node) {
  if (runtime::Engine::OnPoolThread()) return;
  Batch mine;
  std::unique_lock lock(graph_lock(state->id()));
  LaunchQueue& queue = state->launches();
  if (!state->open()) return;
  // Asked for right after eval it is among the last; far older ones a worker has soon.
  Launch* found = nullptr;
  std::size_t looked = 0;
  for (auto batch = queue.batches_.rbegin(); batch != queue.batches_.rend() && found == nullptr; ++batch) {
    std::vector<Launch>& launches = (*batch)->launches;
    const auto at = std::find_if(launches.rbegin(), launches.rend(),
                                 [&](const Launch& launch) { return launch.node == &node; });
    if (at != launches.rend()) {
      found = &*at;
      mine.plan = (*batch)->plan;
    }
    if ((looked += launches.size()) > kMostLooked) break;
  }
  if (found == nullptr) return;
  for (const Ref<Value>& value : found->values) {
    if (value != nullptr && !value->done()) return;
  }
  const ContextState::Use use(*state);
  mine.launches.push_back(std::move(*found));
  found->node = nullptr;
  lock.unlock();
  RunAll(state, mine);
}

void LaunchQueue::Cancel(std::uint32_t context) {
  std::deque<std::unique_ptr<Batch>> cancelled;
  {
    const std::lock_guard lock(graph_lock(context));
    cancelled.swap(batches_);
    queued_ = 0;
  }
  const Status why(Code::context_gone, "the Context was destroyed before the value was computed");
  for (const std::unique_ptr<Batch>& batch : cancelled) {
    for (const Launch& launch : batch->launches) {
      if (launch.node != nullptr) launch.output->SetFailed(why);
    }
    finish(context, batch->launches);
  }
}

}  // namespace leat::frontend
