// Which stream each step on a GPU takes, and what it waits for there.
//
// A step follows one of those that it waits for onto their stream, where it is next: nothing else is needed
// to be behind them. Others it waits for on the device by an event, which costs the host nothing. The order
// on a stream is the order of the program, as edges with the cause `stream`.
//
// The steps of a device graph take streams too, for runs that do not launch it. Others wait for the step that
// launches it, which waits for those steps, or, where it launches the graph, for what those steps wait for.
#include <algorithm>
#include <map>
#include <set>

#include "runtime/cuda/gpu.h"
#include "runtime/cuda/gpu_run.h"
#include "runtime/cuda/gpu_steps.h"

namespace leat::runtime::cuda {
namespace {

constexpr std::uint32_t kNone = ~0u;

class Planner {
 public:
  explicit Planner(Program& program) : p_(program), before_(program.steps.size()) {
    for (const Edge& e : p_.edges) before_[e.to].push_back(e.from);
  }

  void Run() {
    p_.stream_uses.assign(p_.steps.size(), {});
    graph_of_.assign(p_.steps.size(), kNone);
    for (std::uint32_t s = 0; s < p_.steps.size(); ++s) {
      if (!Queued(s)) continue;
      for (const GraphMember& m : graph_members(*p_.steps[s].body)) {
        graph_of_[m.step] = s;
        p_.stream_uses[m.step].in_graph = true;
      }
    }
    for (std::uint32_t s = 0; s < p_.steps.size(); ++s) {
      if (!Queued(s)) continue;
      Device& device = devices_[p_.steps[s].device];
      const std::uint32_t stream = Choose(device, s);
      p_.stream_uses[s].stream = stream;
      const std::uint32_t last = device.last[stream];
      const bool ordered = std::find(before_[s].begin(), before_[s].end(), last) != before_[s].end();
      if (last != kNone && !p_.steps[last].body->defers() && !ordered)
        p_.edges.push_back({last, s, Cause::stream});
      device.last[stream] = s;
      device.busy[stream] += p_.steps[s].cost_ns;
      WaitForOthers(s);
      WaitForGraph(s);
      NoteFaults(s);
    }
    for (auto& [number, device] : devices_) AddSettle(number, device);
  }

 private:
  struct Device {
    std::vector<std::uint32_t> last = std::vector<std::uint32_t>(kStreams, kNone);  // step
    std::vector<double> busy = std::vector<double>(kStreams, 0.0);
  };

  bool Queued(std::uint32_t s) const { return p_.steps[s].body && p_.steps[s].body->queued(); }

  std::uint32_t Choose(const Device& device, std::uint32_t s) const {
    const Step& step = p_.steps[s];
    std::uint32_t first = 0, count = kComputeStreams;
    if (step.body->kind() == "copy") {
      first = step.body->defers() ? kComputeStreams + kCopyInStreams : kComputeStreams;
      count = step.body->defers() ? kCopyOutStreams : kCopyInStreams;
    }
    std::uint32_t best = kNone;
    for (std::uint32_t b : before_[s]) {
      if (!Queued(b) || p_.steps[b].device != step.device) continue;
      const std::uint32_t stream = p_.stream_uses[b].stream;
      if (stream < first || stream >= first + count || device.last[stream] != b) continue;
      if (best == kNone || device.busy[stream] > device.busy[best]) best = stream;
    }
    if (best != kNone) return best;
    best = first;
    for (std::uint32_t k = first; k < first + count; ++k) {
      if (device.busy[k] < device.busy[best]) best = k;
    }
    return best;
  }

  // Whether `s` has to wait on the device for `b`, which comes before it, by an event.
  bool WaitsByEvent(std::uint32_t s, std::uint32_t b) const {
    if (!Queued(b) || p_.steps[b].body->defers()) return false;  // those are done before the step is queued
    return p_.steps[b].device != p_.steps[s].device || p_.stream_uses[b].stream != p_.stream_uses[s].stream;
  }

  void WaitForOthers(std::uint32_t s) {
    for (std::uint32_t b : before_[s]) {
      // Who waits for a step of a graph waits for what launches that too.
      if (graph_of_[b] != kNone && graph_of_[b] != s && graph_of_[b] != graph_of_[s]) continue;
      if (!WaitsByEvent(s, b)) continue;
      p_.stream_uses[b].signals = true;
      p_.stream_uses[s].waits.emplace_back(b, p_.steps[b].device);
    }
  }

  void WaitForGraph(std::uint32_t s) {
    std::set<std::uint32_t> outside;
    for (const GraphMember& m : graph_members(*p_.steps[s].body)) {
      for (std::uint32_t b : before_[m.step]) {
        if (graph_of_[b] == kNone && WaitsByEvent(s, b)) outside.insert(b);
      }
    }
    for (std::uint32_t b : outside) {
      p_.stream_uses[b].signals = true;
      p_.stream_uses[s].graph_waits.emplace_back(b, p_.steps[b].device);
    }
  }

  // The kernels that may have set a flag by the time that a copy from the device is done.
  void NoteFaults(std::uint32_t s) {
    std::set<std::uint32_t>& mine = faulting_[s];
    for (std::uint32_t b : before_[s]) {
      if (const auto it = faulting_.find(b); it != faulting_.end())
        mine.insert(it->second.begin(), it->second.end());
    }
    if (p_.steps[s].body->may_fault()) mine.insert(s);
    if (p_.steps[s].body->defers()) p_.stream_uses[s].faults.assign(mine.begin(), mine.end());
    if (mine.empty()) faulting_.erase(s);
  }

  void AddSettle(DeviceId number, const Device& device) {
    const auto at = static_cast<std::uint32_t>(p_.steps.size());
    Step settle;
    settle.name = "settle";
    settle.body = make_settle_step(number);
    settle.device = number;
    settle.cost_ns = 10'000;
    StreamUse use;
    std::set<std::uint32_t> outputs;
    for (std::uint32_t s = 0; s < at; ++s) {
      if (!Queued(s) || p_.steps[s].device != number) continue;
      if (p_.steps[s].body->may_fault()) use.faults.push_back(s);
      for (const Use& u : p_.steps[s].uses) {
        const BufferInfo& buffer = p_.buffers[u.buffer];
        if (u.write && buffer.kind == BufferInfo::Kind::output && buffer.device == number)
          outputs.insert(u.buffer);
      }
    }
    // What is before the last one of its stream is queued before it.
    for (std::uint32_t s : device.last) {
      if (s != kNone && !p_.steps[s].body->defers()) p_.edges.push_back({s, at, Cause::stream});
    }
    for (std::uint32_t b : outputs) settle.uses.push_back({b, true});
    use.stream = static_cast<std::uint32_t>(
        std::max_element(device.busy.begin(), device.busy.begin() + kComputeStreams) - device.busy.begin());
    p_.steps.push_back(std::move(settle));
    p_.stream_uses.push_back(std::move(use));
  }

  Program& p_;
  std::vector<std::vector<std::uint32_t>> before_;
  std::map<DeviceId, Device> devices_;
  std::vector<std::uint32_t> graph_of_;  // per step: what launches it in a graph, or kNone
  std::map<std::uint32_t, std::set<std::uint32_t>> faulting_;
};

}  // namespace

void plan_streams(Program& program) {
  const bool any = std::any_of(program.steps.begin(), program.steps.end(),
                               [](const Step& step) { return step.body && step.body->queued(); });
  if (any) Planner(program).Run();
}

}  // namespace leat::runtime::cuda
