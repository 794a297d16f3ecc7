// Which steps on a GPU are launched in one call.
//
// Seen from outside a device graph is one step: it begins once everything is there that one of its steps
// waits for, and whoever waits for one of them waits for all. Steps get levels: an edge from a step that can
// be in a graph to anything but such a step of the same device raises the level, no edge lowers it. Those of
// one device and level are a graph: no path leaves it and comes back, nor does one go round several graphs.
//
// So that copies and the host still overlap with kernels, a step goes a level up where what is in the graph
// by then is worth a launch of its own and either the step waits for something outside that comes late, or
// something outside waits for what is there.
#include <algorithm>
#include <map>
#include <queue>

#include "runtime/cuda/gpu_run.h"
#include "runtime/cuda/gpu_steps.h"

namespace leat::runtime::cuda {
namespace {

// Fewer launches are not worth a graph, which takes a call and its checks itself.
constexpr std::size_t kFewestMembers = 3;
// A launch costs the host 2 to 5 us; a cut is to cost little beside the work that it lets begin earlier.
constexpr double kWorthNs = 20'000;
constexpr std::uint32_t kNoGraph = ~0u;

class GraphPlanner {
 public:
  explicit GraphPlanner(Program& program)
      : p_(program),
        before_(p_.steps.size()),
        after_(p_.steps.size()),
        level_(p_.steps.size(), 0),
        finish_(p_.steps.size(), 0),
        graph_of_(p_.steps.size(), kNoGraph) {
    for (const Edge& e : p_.edges) {
      before_[e.to].push_back(e.from);
      after_[e.from].push_back(e.to);
    }
  }

  void Run() {
    for (std::uint32_t s = 0; s < p_.steps.size(); ++s) ChooseLevel(s);
    for (auto& [where, group] : groups_) {
      if (group.steps.size() < kFewestMembers) continue;
      for (std::uint32_t s : group.steps) graph_of_[s] = static_cast<std::uint32_t>(graphs_.size());
      graphs_.push_back({where.first, std::move(group.steps)});
    }
    if (!graphs_.empty()) Rebuild();
  }

 private:
  struct Group {
    std::vector<std::uint32_t> steps;
    double begins_ns = 0, work_ns = 0;
    bool awaited = false;  // by something outside, when its work was worth a launch already
  };
  struct Graph {
    DeviceId device;
    std::vector<std::uint32_t> steps;
  };

  bool MayJoin(std::uint32_t s) const {
    const StepBody* const body = p_.steps[s].body.get();
    return body != nullptr && body->queued() &&
           static_cast<const GpuStepBody*>(body)->in_graph() != GpuStepBody::InGraph::never;
  }
  bool Together(std::uint32_t a, std::uint32_t b) const {
    return MayJoin(a) && MayJoin(b) && p_.steps[a].device == p_.steps[b].device;
  }

  void ChooseLevel(std::uint32_t s) {
    std::uint32_t level = 0;
    double begin = 0, outside = 0;
    for (std::uint32_t b : before_[s]) {
      level = std::max(level, level_[b] + (MayJoin(b) && !Together(b, s) ? 1 : 0));
      begin = std::max(begin, finish_[b]);
      if (!Together(b, s)) outside = std::max(outside, finish_[b]);
    }
    finish_[s] = begin + p_.steps[s].cost_ns;
    level_[s] = level;
    if (!MayJoin(s)) return;
    const auto cuts = [&](const Group& g) {
      return g.work_ns >= kWorthNs && (g.awaited || outside > g.begins_ns + kWorthNs);
    };
    while (cuts(groups_[{p_.steps[s].device, level}])) ++level;
    level_[s] = level;
    Group& group = groups_[{p_.steps[s].device, level}];
    group.steps.push_back(s);
    group.begins_ns = std::max(group.begins_ns, outside);
    group.work_ns += p_.steps[s].cost_ns;
    group.awaited = group.awaited || std::any_of(after_[s].begin(), after_[s].end(),
                                                 [&](std::uint32_t a) { return !Together(s, a); });
  }

  // The steps in an order in which each graph's own step comes behind its members, and before whoever waits
  // for one of them; otherwise as they stood.
  void Rebuild() {
    const auto n = static_cast<std::uint32_t>(p_.steps.size());
    const auto total = n + static_cast<std::uint32_t>(graphs_.size());
    std::vector<Edge> edges;
    for (const Edge& e : p_.edges) {
      const std::uint32_t graph = graph_of_[e.from];
      if (graph != kNoGraph && graph != graph_of_[e.to])
        edges.push_back({n + graph, e.to, Cause::device_graph});
    }
    for (std::uint32_t g = 0; g < graphs_.size(); ++g) {
      for (std::uint32_t s : graphs_[g].steps) {
        // Of those that others of it wait for, the others tell.
        const bool last = std::none_of(after_[s].begin(), after_[s].end(),
                                       [&](std::uint32_t a) { return graph_of_[a] == g; });
        if (last) edges.push_back({s, n + g, Cause::device_graph});
      }
    }
    p_.edges.insert(p_.edges.end(), edges.begin(), edges.end());

    std::vector<std::uint32_t> waits(total, 0), place(total, 0);
    std::vector<std::vector<std::uint32_t>> next(total);
    for (const Edge& e : p_.edges) {
      ++waits[e.to];
      next[e.from].push_back(e.to);
    }
    using Ready = std::pair<std::uint32_t, std::uint32_t>;  // where it stood; itself
    std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready;
    const auto add = [&](std::uint32_t s) { ready.emplace(s < n ? s : graphs_[s - n].steps.back(), s); };
    for (std::uint32_t s = 0; s < total; ++s) {
      if (waits[s] == 0) add(s);
    }
    for (std::uint32_t at = 0; !ready.empty(); ++at) {
      const std::uint32_t s = ready.top().second;
      ready.pop();
      place[s] = at;
      for (std::uint32_t t : next[s]) {
        if (--waits[t] == 0) add(t);
      }
    }
    for (Edge& e : p_.edges) e = {place[e.from], place[e.to], e.cause};
    std::vector<Step> steps(total);
    for (std::uint32_t s = 0; s < n; ++s) steps[place[s]] = std::move(p_.steps[s]);
    for (std::uint32_t g = 0; g < graphs_.size(); ++g)
      steps[place[n + g]] = Launcher(graphs_[g], steps, place);
    p_.steps = std::move(steps);
  }

  Step Launcher(const Graph& graph, const std::vector<Step>& steps,
                const std::vector<std::uint32_t>& place) const {
    std::vector<std::uint32_t> order = graph.steps;
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return place[a] < place[b]; });
    std::map<std::uint32_t, std::uint32_t> member;
    std::vector<GraphMember> members;
    for (std::uint32_t s : order) {
      const Step& step = steps[place[s]];
      GraphMember m{place[s], step.body, {}, step.uses};
      for (std::uint32_t b : before_[s]) {
        if (const auto it = member.find(b); it != member.end()) m.after.push_back(it->second);
      }
      member[s] = static_cast<std::uint32_t>(members.size());
      members.push_back(std::move(m));
    }
    Step launcher;
    launcher.name = "graph";
    launcher.device = graph.device;
    launcher.body = make_graph_step(graph.device, std::move(members));
    launcher.cost_ns = 5000;
    return launcher;
  }

  Program& p_;
  std::vector<std::vector<std::uint32_t>> before_, after_;
  std::vector<std::uint32_t> level_;
  std::vector<double> finish_;  // estimates
  std::map<std::pair<DeviceId, std::uint32_t>, Group> groups_;
  std::vector<Graph> graphs_;
  std::vector<std::uint32_t> graph_of_;
};

}  // namespace

void plan_graphs(Program& program) {
  const bool any = std::any_of(program.steps.begin(), program.steps.end(),
                               [](const Step& step) { return step.body && step.body->queued(); });
  if (any) GraphPlanner(program).Run();
}

}  // namespace leat::runtime::cuda
