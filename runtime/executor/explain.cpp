// What a run, or a value, is waiting for: text for people who look at a stalled program.
#include <set>
#include <string>

#include "runtime/engine/engine_core.h"
#include "runtime/executor/run_state.h"

namespace leat::runtime {
namespace {

std::string step_text(const Program& program, std::uint32_t step) {
  std::string s = "step " + std::to_string(step) + " (" + program.steps[step].name + ")";
  for (const std::uint32_t k : program.steps[step].sources) {
    const SourceLocation& at = program.sources[k].location.source;
    if (at.known()) return s + " of " + at.file + ":" + std::to_string(at.line);
  }
  return s;
}

}  // namespace

std::string RunState::Explain() const {
  const Ref<const RunState> keep = Ref<const RunState>::Share(this);
  std::string s = "run " + std::to_string(id_);
  if (!request.label.empty()) s += " '" + request.label + "'";
  const Stage now = stage.load(std::memory_order_acquire);
  if (done() || now == Stage::done) return s + " is done";
  if (failed()) s += " (stopping: " + status().ToString() + ")";
  if (now == Stage::planning) return s + " is being planned, or waits for a worker to plan it";
  if (now == Stage::waiting) {
    EngineStats stats;
    core_->admission.FillStats(stats);
    s += " waits to be admitted: it needs " + std::to_string(peak_bytes) + " bytes, " +
         std::to_string(stats.bytes_in_flight) + " of " + std::to_string(core_->options.max_bytes_in_flight) +
         " are in flight";
  } else {
    s += " of " + program->name + " is running, with " + std::to_string(peak_bytes) + " bytes";
    for (const std::unique_ptr<Worker>& w : core_->pool.places()) {
      const std::uint64_t current = w->current.load(std::memory_order_relaxed);
      if (current >> 32 != std::uint64_t{slot} + 1) continue;
      const auto step = static_cast<std::uint32_t>(current);
      if (step >= program->steps.size()) continue;
      s += "\n  " + step_text(*program, step) + " is running on " +
           (w->helper ? "a caller's thread" : "worker ");
      if (!w->helper) s += std::to_string(w->index);
    }
  }
  if (attention.load(std::memory_order_acquire) & tainted) s += faults->Summary();
  for (std::uint32_t i = 0; i < gate_count_; ++i) {
    if (gates_[i].load(std::memory_order_acquire) == 2) continue;
    s += "\n  input " + std::to_string(i) + " has not arrived";
    const std::vector<std::uint32_t>& readers = program->input_readers[i];
    for (std::size_t r = 0; r < readers.size() && r < 4; ++r) {
      s += (r == 0 ? ": waited for by " : ", ") + step_text(*program, readers[r]);
    }
    if (readers.size() > 4) s += " and " + std::to_string(readers.size() - 4) + " more";
  }
  return s;
}

std::vector<Ref<Run>> RunState::PendingProducers() const {
  std::vector<Ref<Run>> producers;
  std::vector<Ref<Value>> inputs;
  {
    const std::lock_guard lock(mutex_);
    if (!resting_) inputs = request.inputs;
  }
  for (const Ref<Value>& v : inputs) {
    if (Ref<Run> run = v->producer()) producers.push_back(std::move(run));
  }
  return producers;
}

std::string EngineCore::Describe() const {
  EngineStats stats;
  admission.FillStats(stats);
  std::string s = "engine of " + std::to_string(pool.workers()) +
                  " workers: " + std::to_string(stats.runs_in_flight) + " runs in flight with " +
                  std::to_string(stats.bytes_in_flight) + " bytes, " + std::to_string(pool.jobs_pending()) +
                  " jobs";
  for (std::size_t d = 0; d < memories.size(); ++d) {
    const MemoryStats memory = memories[d]->stats();
    const auto device = static_cast<DeviceId>(d);
    const std::size_t cpus = static_cast<std::size_t>(options.cpu_devices);
    s += "\n" + (on_host(device) ? "cpu:" + std::to_string(d) : "gpu:" + std::to_string(d - cpus)) + ": " +
         std::to_string(memory.live_bytes) + " bytes live, " + std::to_string(memory.cached_bytes) +
         " cached";
  }
  for (const Ref<RunState>& run : admission.Runs()) s += "\n" + run->Explain();
  return s + "\n";
}

std::string explain_wait(const Value& value) {
  switch (value.state()) {
    case Value::State::ready: return "the value is ready";
    case Value::State::poisoned: return "the value is poisoned: " + value.status().ToString();
    case Value::State::failed: return "the run of the value failed: " + value.status().ToString();
    case Value::State::pending: break;
  }
  std::string s;
  std::set<const Run*> seen;
  std::vector<Ref<Run>> queue;
  if (Ref<Run> run = value.producer()) queue.push_back(std::move(run));
  if (queue.empty()) return "no run produces the value: something else must complete it";
  for (std::size_t k = 0; k < queue.size() && k < 16; ++k) {
    if (!seen.insert(queue[k].get()).second) continue;
    s += (s.empty() ? "waits for " : "\nwhich waits for ") + queue[k]->Explain();
    for (Ref<Run>& run : static_cast<const RunState*>(queue[k].get())->PendingProducers()) {
      queue.push_back(std::move(run));
    }
  }
  return s;
}

}  // namespace leat::runtime
