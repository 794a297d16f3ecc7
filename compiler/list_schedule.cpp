#include "compiler/list_schedule.h"

#include <algorithm>
#include <queue>
#include <random>

namespace leat::compiler {
namespace {

using runtime::BufferInfo;
using runtime::Program;
using runtime::Step;

// A step that another worker joins begins there some 2 us later: it spins, or is woken.
constexpr double kJoinNs = 2000;
// Of more ready steps only so many are looked at for the leanest: a wide graph would be quadratic.
constexpr std::size_t kMostLooked = 256;

}  // namespace

std::int64_t arena_bytes(const BufferInfo& buffer) {
  return buffer.kind == BufferInfo::Kind::temporary ? (buffer.bytes + 63) / 64 * 64 : 0;
}

ListScheduler::ListScheduler(const Program& program, int workers, const std::vector<std::uint32_t>* order)
    : program_(program), workers_(std::max(workers, 1)) {
  const std::size_t n = program.steps.size();
  successor_begin_.assign(n + 1, 0);
  in_degree_.assign(n, 0);
  for (const runtime::Edge& e : program.edges) {
    ++successor_begin_[e.from + 1];
    ++in_degree_[e.to];
  }
  for (std::size_t s = 0; s < n; ++s) successor_begin_[s + 1] += successor_begin_[s];
  successors_.resize(program.edges.size());
  std::vector<std::uint32_t> next(successor_begin_.begin(), successor_begin_.end() - 1);
  for (const runtime::Edge& e : program.edges) successors_[next[e.from]++] = e.to;
  rank_.assign(n, 0);
  for (std::size_t k = n; k-- > 0;) {
    const std::size_t s = order != nullptr ? (*order)[k] : k;
    for (std::uint32_t i = successor_begin_[s]; i < successor_begin_[s + 1]; ++i) {
      rank_[s] = std::max(rank_[s], rank_[successors_[i]]);
    }
    rank_[s] += Duration(static_cast<std::uint32_t>(s), workers_);
  }
}

double ListScheduler::Duration(std::uint32_t s, double share) const {
  const Step& step = program_.steps[s];
  const double parts =
      static_cast<double>(step.units) / static_cast<double>(std::max<std::int64_t>(step.grain, 1));
  const double workers = std::clamp(parts, 1.0, std::max(share, 1.0));
  const double split = step.cost_ns / workers + (workers > 1 ? kJoinNs : 0);
  return std::max(std::min(step.cost_ns, split), 1.0);
}

// The ready steps and what is live, as a schedule goes on.
class ListScheduler::State {
 public:
  State(const ListScheduler& scheduler, const SchedulePolicy& policy)
      : scheduler_(scheduler), policy_(policy), random_(policy.seed), waits_(scheduler.in_degree_) {
    const Program& program = scheduler.program_;
    if (policy.lean) {
      users_left_.assign(program.buffers.size(), 0);
      written_.assign(program.buffers.size(), false);
      for (const Step& step : program.steps) {
        for (const runtime::Use& use : step.uses) ++users_left_[use.buffer];
      }
    }
    for (std::uint32_t s = 0; s < program.steps.size(); ++s) {
      if (waits_[s] == 0) Push(s);
    }
  }
  bool empty() const { return ready_.empty(); }

  std::uint32_t Take() {
    std::uint32_t s = 0;
    if (!policy_.lean) {
      std::pop_heap(ready_.begin(), ready_.end(), LessUrgent{scheduler_.rank_});
      s = ready_.back();
      ready_.pop_back();
    } else {
      const std::size_t choice = Leanest();
      s = ready_[choice];
      ready_[choice] = ready_.back();
      ready_.pop_back();
      for (const runtime::Use& use : scheduler_.program_.steps[s].uses) {
        written_[use.buffer] = true;
        --users_left_[use.buffer];
      }
    }
    return s;
  }
  void Finish(std::uint32_t s) {
    for (std::uint32_t i = scheduler_.successor_begin_[s]; i < scheduler_.successor_begin_[s + 1]; ++i) {
      if (--waits_[scheduler_.successors_[i]] == 0) Push(scheduler_.successors_[i]);
    }
  }

 private:
  struct LessUrgent {
    const std::vector<double>& rank;
    bool operator()(std::uint32_t a, std::uint32_t b) const {
      return rank[a] != rank[b] ? rank[a] < rank[b] : a > b;
    }
  };
  void Push(std::uint32_t s) {
    ready_.push_back(s);
    if (!policy_.lean) std::push_heap(ready_.begin(), ready_.end(), LessUrgent{scheduler_.rank_});
  }
  // By how much a step makes what is live grow.
  std::int64_t Growth(std::uint32_t s) const {
    std::int64_t growth = 0;
    for (const runtime::Use& use : scheduler_.program_.steps[s].uses) {
      const std::int64_t bytes = arena_bytes(scheduler_.program_.buffers[use.buffer]);
      if (!written_[use.buffer]) growth += bytes;
      if (users_left_[use.buffer] == 1) growth -= bytes;
    }
    return growth;
  }
  std::size_t Leanest() {
    if (policy_.seed != 0 && random_() % 8 == 0) return random_() % ready_.size();
    const std::size_t looked = std::min(ready_.size(), kMostLooked);
    std::size_t best = 0;
    std::int64_t least = Growth(ready_[0]);
    for (std::size_t k = 1; k < looked; ++k) {
      const std::int64_t growth = Growth(ready_[k]);
      const bool urgent = scheduler_.rank_[ready_[k]] > scheduler_.rank_[ready_[best]];
      if (growth < least || (growth == least && (policy_.seed != 0 ? random_() % 2 == 0 : urgent))) {
        least = growth;
        best = k;
      }
    }
    return best;
  }

  const ListScheduler& scheduler_;
  const SchedulePolicy policy_;
  std::mt19937_64 random_;
  std::vector<std::uint32_t> waits_, ready_, users_left_;
  std::vector<bool> written_;
};

Schedule ListScheduler::Run(const SchedulePolicy& policy) const {
  struct Running {
    std::uint32_t step;
    double left;  // of its work, 1 when it begins
  };
  State state(*this, policy);
  Schedule schedule;
  schedule.steps.resize(program_.steps.size());
  schedule.order.reserve(program_.steps.size());
  std::vector<Running> running;
  const auto at_once = static_cast<std::size_t>(std::max(policy.at_once, 1));
  double now = 0;
  for (;;) {
    while (running.size() < at_once && !state.empty()) {
      const std::uint32_t s = state.Take();
      schedule.steps[s].begin = now;
      schedule.order.push_back(s);
      running.push_back({s, 1});
    }
    if (running.empty()) break;
    const double share = workers_ / static_cast<double>(running.size());
    double until = 1e300;
    std::size_t first = 0;
    for (std::size_t k = 0; k < running.size(); ++k) {
      const double left = running[k].left * Duration(running[k].step, share);
      if (left < until) {
        until = left;
        first = k;
      }
    }
    for (Running& r : running) r.left = std::max(0.0, r.left - until / Duration(r.step, share));
    now += until;
    const std::uint32_t done = running[first].step;
    running.erase(running.begin() + static_cast<std::ptrdiff_t>(first));
    schedule.steps[done].end = now;
    state.Finish(done);
  }
  schedule.makespan = now;
  return schedule;
}

}  // namespace leat::compiler
