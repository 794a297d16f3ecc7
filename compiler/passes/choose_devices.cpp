#include "compiler/passes/choose_devices.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "compiler/cost_model.h"
#include "compiler/device_cost.h"
#include "compiler/passes/device_rules.h"
#include "compiler/passes/task_graph.h"

namespace leat::compiler {
namespace {

using Why = DeviceChoice::Why;
constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr std::uint16_t kMixed = DevicePlan::kMixed;

// A resource that does one thing at a time. Its last gaps can still be used.
class Queue {
 public:
  /// When something that takes `busy` and may begin at `ready` begins.
  double Start(double ready, double busy) const {
    for (const Gap& gap : gaps_) {
      if (const double start = std::max(gap.begin, ready); start + busy <= gap.end) return start;
    }
    return std::max(end_, ready);
  }
  void Take(double start, double busy) {
    if (start >= end_) {
      if (start > end_) {
        if (gaps_.size() == kMostGaps) gaps_.erase(gaps_.begin());
        gaps_.push_back({end_, start});
      }
      end_ = start + busy;
      return;
    }
    const auto gap = std::find_if(gaps_.begin(), gaps_.end(),
                                  [&](const Gap& g) { return g.begin <= start && start + busy <= g.end; });
    const Gap behind{start + busy, gap->end};
    gap->end = start;
    if (gap->begin < gap->end) {
      if (behind.begin < behind.end) gaps_.insert(gap + 1, behind);
      if (gaps_.size() > kMostGaps) gaps_.erase(gaps_.begin());
    } else if (behind.begin < behind.end) {
      *gap = behind;
    } else {
      gaps_.erase(gap);
    }
  }

 private:
  static constexpr std::size_t kMostGaps = 16;
  struct Gap {
    double begin, end;
  };
  std::vector<Gap> gaps_;  // ascending
  double end_ = 0;
};

class Chooser {
 public:
  Chooser(const ir::Graph& graph, std::span<const DeviceDescription> devices,
          std::span<const std::uint16_t> input_devices, const CustomLookup& custom)
      : graph_(graph),
        devices_(devices),
        custom_(custom),
        count_(devices.size()),
        tasks_(make_task_graph(graph)) {
    FindHomes(input_devices);
    Weigh();
    FollowRequests();
    Rank();
  }

  DevicePlan Plan(bool explain) {
    DevicePlan plan;
    std::vector<std::uint16_t> at;
    plan.mixed_ns = plan.makespan_ns = Simulate(kMixed, &at, nullptr);
    for (std::uint16_t d = 0; d < count_; ++d) {
      std::vector<std::uint16_t> there;
      plan.alone_ns.push_back(Simulate(d, &there, nullptr));
      if (plan.alone_ns[d] < plan.makespan_ns) {
        plan.makespan_ns = plan.alone_ns[d];
        plan.winner = d;
        at = std::move(there);
      }
    }
    plan.nodes.resize(graph_.nodes.size());
    for (std::size_t n = 0; n < plan.nodes.size(); ++n) {
      const std::uint32_t t = tasks_.task_of[n];
      if (t != kNoTask) plan.nodes[n] = {why_[t], at[t], tasks_.tasks[t].last};
    }
    if (!explain) return plan;
    plan.estimates.resize(graph_.nodes.size());
    Simulate(plan.winner, &at, &plan);
    return plan;
  }

 private:
  bool HasGpu() const {
    return std::any_of(devices_.begin(), devices_.end(), [](const auto& device) { return device.gpu; });
  }
  // The first device that the task may have.
  std::uint16_t First(std::uint32_t t) {
    std::uint16_t d = 0;
    while (d + 1u < count_ && Run(t, d) == kNever) ++d;
    return d;
  }
  double& Run(std::uint32_t t, std::size_t d) { return run_[t * count_ + d]; }

  void FindHomes(std::span<const std::uint16_t> input_devices) {
    std::vector<std::uint16_t> of_parameters(graph_.nodes.size(), 0);
    for (std::size_t i = 0; i < graph_.parameters.size() && i < input_devices.size(); ++i)
      of_parameters[graph_.parameters[i]] = input_devices[i];
    for (const TaskGraph::Item& item : tasks_.items) home_.push_back(of_parameters[item.node]);
  }

  // What each task takes on each device, from when it starts; kNever where it cannot be.
  void Weigh() {
    run_.assign(tasks_.tasks.size() * count_, 0);
    busy_.assign(run_.size(), 0);
    why_.assign(tasks_.tasks.size(), Why::estimate);
    for (std::uint32_t t = 0; t < tasks_.tasks.size(); ++t) {
      const TaskGraph::Task& task = tasks_.tasks[t];
      const ir::Node& last = graph_.nodes[task.last];
      if (last.op == ir::Op::copy) continue;
      // Of these only a custom op with a launch function leaves the first device, for a GPU.
      const bool stays =
          ir::op_info(last.op).family == ir::Family::control || ir::op_info(last.op).is(ir::kEffect);
      const bool launches =
          last.op == ir::Op::custom_call && HasGpu() && has_gpu_code(graph_, last, custom_).ok();
      if (stays && !launches) why_[t] = Why::host;
      int gpu_code = launches ? 1 : stays ? 0 : -1;  // not asked yet
      for (std::size_t d = 0; d < count_; ++d) {
        const DeviceDescription& device = devices_[d];
        if (device.gpu && gpu_code < 0) gpu_code = has_gpu_code(graph_, last, custom_).ok() ? 1 : 0;
        const bool here = device.gpu ? gpu_code == 1
                                     : !stays || (d == 0 && (!launches || has_host_code(last, custom_).ok()));
        if (!here) {
          Run(t, d) = kNever;
          continue;
        }
        double compute = 0;
        for (std::uint32_t k = task.nodes_begin; k < task.nodes_end; ++k)
          compute += arithmetic_ns(graph_, graph_.nodes[tasks_.nodes[k]], device);
        const double work = std::max(compute, memory_ns(task.bytes, device));
        // Little work is not split: it takes one worker, beside which others go on.
        double run = work;
        if (!device.gpu) {
          constexpr double kPartNs = 20e3;  // grain_for
          const double one = std::max(compute * device.workers, task.bytes / device.bytes_per_ns);
          run = std::max(run, one / std::clamp(one / kPartNs, 1.0, static_cast<double>(device.workers)));
        }
        Run(t, d) = run + device.launch_ns;
        busy_[t * count_ + d] = work + device.launch_ns / steps_at_once(device);
      }
    }
  }

  // What is computed from what the program puts somewhere follows it there; what reads nothing is on the
  // first device.
  void FollowRequests() {
    for (std::uint32_t t = 0; t < tasks_.tasks.size(); ++t) {
      const TaskGraph::Task& task = tasks_.tasks[t];
      const ir::Node& last = graph_.nodes[task.last];
      std::uint16_t wanted = 0;
      if (last.op == ir::Op::copy) {
        for (std::uint16_t d = 0; d < count_; ++d) {
          if (devices_[d].name == last.attrs().string(ir::Attr::device)) wanted = d;
        }
      } else {
        std::vector<double> bytes(count_, -1);
        for (std::uint32_t r = task.reads_begin; r < task.reads_end; ++r) {
          const TaskGraph::Item& item = tasks_.items[tasks_.reads[r]];
          if (item.producer == kNoTask || why_[item.producer] != Why::requested) continue;
          double& there = bytes[only_[item.producer]];
          there = std::max(there, 0.0) + item.bytes;
        }
        const auto most = std::max_element(bytes.begin(), bytes.end());
        if (task.reads_begin == task.reads_end) {  // as place_nodes has it
          why_[t] = Why::operands;
          only_.push_back(0);
          continue;
        }
        if (*most < 0) {
          only_.push_back(why_[t] == Why::host ? 0 : kMixed);
          continue;
        }
        wanted = static_cast<std::uint16_t>(most - bytes.begin());
        if (Run(t, wanted) == kNever && (devices_[wanted].gpu || Run(t, 0) == kNever)) wanted = First(t);
        if (Run(t, wanted) == kNever) {  // control flow on a virtual CPU
          Run(t, wanted) = Run(t, 0);
          busy_[t * count_ + wanted] = busy_[t * count_];
        }
      }
      why_[t] = Why::requested;
      only_.push_back(wanted);
      for (std::size_t d = 0; d < count_; ++d) {
        if (d != wanted) Run(t, d) = kNever;
      }
    }
  }

  // Backwards: the upward rank, and the least time to the end behind each task on each device.
  void Rank() {
    double latency = 0, inverse = 0, links = 0;
    for (std::size_t a = 0; a < count_; ++a) {
      for (std::size_t b = 0; b < count_; ++b) {
        if (a == b) continue;
        const CopyLink link = copy_link(devices_[a], devices_[b]);
        latency += link.latency_ns;
        inverse += link.busy_ns(1);
        ++links;
      }
    }
    rank_.assign(tasks_.tasks.size(), 0);
    rest_.assign(run_.size(), 0);
    for (auto t = static_cast<std::uint32_t>(tasks_.tasks.size()); t-- > 0;) {
      double sum = 0, places = 0, least = kNever;
      for (std::size_t d = 0; d < count_; ++d) {
        if (Run(t, d) == kNever) continue;
        sum += Run(t, d);
        ++places;
        least = std::min(least, rest_[t * count_ + d] + Run(t, d));
      }
      rank_[t] += sum / places;
      for (std::uint32_t r = tasks_.tasks[t].reads_begin; r < tasks_.tasks[t].reads_end; ++r) {
        const TaskGraph::Item& item = tasks_.items[tasks_.reads[r]];
        if (item.producer == kNoTask) continue;
        const double copy = links == 0 ? 0 : (latency + inverse * item.bytes) / links;
        rank_[item.producer] = std::max(rank_[item.producer], copy + rank_[t]);
        for (std::size_t d = 0; d < count_; ++d) {
          double& rest = rest_[item.producer * count_ + d];
          rest = std::max(rest, std::min(rest_[t * count_ + d] + Run(t, d), least + copy));
        }
      }
    }
    order_.resize(tasks_.tasks.size());
    std::iota(order_.begin(), order_.end(), 0u);
    // Never before what it reads: that ranks as high at least, and stands first.
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return rank_[a] > rank_[b]; });
  }

  struct State {
    std::vector<Queue> devices, links;  // links by from * count + to
    std::vector<double> arrival;        // of each item on each device, or kNever
    std::vector<double> finish;         // of each task
    std::vector<std::uint16_t> at;
  };

  // Where and when the task would run; with `state` changed accordingly if `commit`.
  DeviceEstimate Try(State& state, std::uint32_t t, std::uint16_t d, bool commit) {
    DeviceEstimate e;
    e.run_ns = Run(t, d);
    e.rest_ns = rest_[t * count_ + d];
    e.runs = e.run_ns != kNever;
    if (!e.runs) return e;
    double ready = 0;
    for (std::uint32_t r = tasks_.tasks[t].reads_begin; r < tasks_.tasks[t].reads_end; ++r) {
      const std::uint32_t i = tasks_.reads[r];
      const TaskGraph::Item& item = tasks_.items[i];
      const std::uint16_t from = item.producer == kNoTask ? home_[i] : state.at[item.producer];
      const double made = item.producer == kNoTask ? 0 : state.finish[item.producer];
      double& arrival = state.arrival[i * count_ + d];
      double there = arrival;
      if (from == d) {
        there = made;
      } else if (arrival == kNever) {
        const CopyLink link = copy_link(devices_[from], devices_[d]);
        const double busy = link.busy_ns(item.bytes);
        Queue& queue = state.links[from * count_ + d];
        // Behind what this task has copied over the link before.
        const double start = std::max(queue.Start(made, busy), pending_[from]);
        there = start + busy + link.latency_ns;
        e.copies_ns += busy + link.latency_ns;
        if (commit) {
          queue.Take(start, busy);
          arrival = there;
        } else {
          pending_[from] = start + busy;
        }
      }
      ready = std::max(ready, there);
    }
    if (!commit) std::fill(pending_.begin(), pending_.end(), 0.0);
    const double busy = busy_[t * count_ + d];
    e.start_ns = state.devices[d].Start(ready, busy);
    e.finish_ns = e.start_ns + e.run_ns;
    if (commit) {
      state.devices[d].Take(e.start_ns, busy);
      state.finish[t] = e.finish_ns;
      state.at[t] = d;
    }
    return e;
  }

  // The end of the program; with everything on `only`, as far as it may be there, or (kMixed) each task where
  // it is done soonest.
  double Simulate(std::uint16_t only, std::vector<std::uint16_t>* at, DevicePlan* explain) {
    State state;
    state.devices.resize(count_);
    state.links.resize(count_ * count_);
    state.arrival.assign(tasks_.items.size() * count_, kNever);
    state.finish.assign(tasks_.tasks.size(), 0);
    state.at.assign(tasks_.tasks.size(), 0);
    pending_.assign(count_, 0);
    double end = 0;
    for (const std::uint32_t t : order_) {
      std::uint16_t best = only_[t] != kMixed ? only_[t] : only;
      if (best == kMixed || Run(t, best) == kNever) {
        double least = kNever;
        for (std::uint16_t d = 0; d < count_; ++d) {
          const DeviceEstimate e = Try(state, t, d, false);
          if (!e.runs || e.finish_ns + e.rest_ns >= least) continue;
          least = e.finish_ns + e.rest_ns;
          best = d;
        }
      }
      std::vector<DeviceEstimate> all;
      for (std::uint16_t d = 0; explain != nullptr && d < count_; ++d) all.push_back(Try(state, t, d, false));
      const DeviceEstimate chosen = Try(state, t, best, true);
      end = std::max(end, chosen.finish_ns);
      if (explain == nullptr || why_[t] != Why::estimate) continue;
      all[best] = chosen;
      explain->estimates[tasks_.tasks[t].last] =
          std::make_shared<const std::vector<DeviceEstimate>>(std::move(all));
    }
    *at = std::move(state.at);
    return end;
  }

  const ir::Graph& graph_;
  const std::span<const DeviceDescription> devices_;
  const CustomLookup& custom_;
  const std::size_t count_;
  const TaskGraph tasks_;
  std::vector<std::uint16_t> home_;  // of each item that is a parameter
  std::vector<double> run_, busy_;   // of each task on each device: until it is done; of the device's time
  std::vector<Why> why_;             // of each task
  std::vector<std::uint16_t> only_;  // the device that each task must have, or kMixed
  std::vector<double> rank_, rest_;
  std::vector<std::uint32_t> order_;
  std::vector<double>
      pending_;  // until when copies of the task at hand take the link, by where they come from
};

std::string describe(const DeviceEstimate& e) {
  std::string s = absl::StrCat("done at ", time_text(e.finish_ns), " (run ", time_text(e.run_ns));
  if (e.copies_ns > 0) absl::StrAppend(&s, ", copies ", time_text(e.copies_ns));
  absl::StrAppend(&s, ", from ", time_text(e.start_ns), ")");
  if (e.rest_ns > 0) absl::StrAppend(&s, ", then ", time_text(e.rest_ns));
  return s;
}

}  // namespace

DevicePlan choose_devices(const ir::Graph& graph, std::span<const DeviceDescription> devices,
                          std::span<const std::uint16_t> input_devices, bool explain,
                          const CustomLookup& custom) {
  return Chooser(graph, devices, input_devices, custom).Plan(explain);
}

std::string explain_estimates(std::span<const DeviceEstimate> estimates, std::uint16_t chosen,
                              std::span<const std::string> device_names) {
  std::string s = describe(estimates[chosen]);
  for (std::size_t d = 0; d < estimates.size(); ++d) {
    if (d == chosen) continue;
    absl::StrAppend(&s, "; ", device_names[d], ": ",
                    estimates[d].runs ? describe(estimates[d]) : std::string("has no code for it"));
  }
  return s;
}

std::string summarize(const DevicePlan& plan, std::span<const std::string> device_names) {
  std::string s = absl::StrCat(
      "placed by estimates: ", time_text(plan.makespan_ns), ", ",
      plan.winner == kMixed ? std::string("task by task") : "all on " + device_names[plan.winner]);
  if (plan.winner != kMixed) absl::StrAppend(&s, "; task by task: ", time_text(plan.mixed_ns));
  for (std::size_t d = 0; d < plan.alone_ns.size(); ++d) {
    if (d != plan.winner)
      absl::StrAppend(&s, "; all on ", device_names[d], ": ", time_text(plan.alone_ns[d]));
  }
  return s;
}

}  // namespace leat::compiler
