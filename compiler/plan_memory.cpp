#include "compiler/plan_memory.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <queue>
#include <set>

#include "compiler/list_schedule.h"

namespace leat::compiler {
namespace {

using runtime::BufferInfo;
using runtime::Cause;
using runtime::Program;

// Placing by size is quadratic.
constexpr std::size_t kMostPlacedBySize = 4000;
// Searching for a better order: up to this many steps or buffers, and so many scheduled and placed in all (a
// few 100 us). Kernels of layered graphs write dozens of buffers each.
constexpr std::size_t kMostSearched = 2000, kSearched = 4000;
// Of two plans the smaller one, as long as it is estimated to take at most this much longer than no reuse.
constexpr double kMostSlower = 1.03;

struct Life {
  std::uint32_t buffer;
  std::int64_t bytes;
  Schedule::Interval time;
  std::int64_t offset = -1;
};

// Greedy by size: each buffer, largest first, goes to the lowest gap between those placed that live at its
// time. Quadratic, so for small programs; measured within 1.1 of the lower bound (notes/compile.md).
void place_by_size(std::vector<Life>& lives) {
  std::vector<std::size_t> order(lives.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lives[a].bytes > lives[b].bytes; });
  std::vector<std::size_t> placed;  // by offset
  for (std::size_t i : order) {
    Life& life = lives[i];
    std::int64_t offset = 0, best = -1, best_gap = -1;
    for (std::size_t k : placed) {
      const Life& other = lives[k];
      if (other.time.begin >= life.time.end || life.time.begin >= other.time.end) continue;
      const std::int64_t gap = other.offset - offset;
      if (gap >= life.bytes && (best < 0 || gap < best_gap)) {
        best = offset;
        best_gap = gap;
      }
      offset = std::max(offset, other.offset + other.bytes);
    }
    life.offset = best >= 0 ? best : offset;
    const auto at = std::upper_bound(placed.begin(), placed.end(), i, [&](std::size_t a, std::size_t b) {
      return lives[a].offset < lives[b].offset;
    });
    placed.insert(at, i);
  }
}

using Release = std::pair<double, std::size_t>;  // when, and which life ends
using Releases = std::priority_queue<Release, std::vector<Release>, std::greater<>>;

std::vector<std::size_t> by_begin(const std::vector<Life>& lives) {
  std::vector<std::size_t> order(lives.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lives[a].time.begin < lives[b].time.begin; });
  return order;
}

// Buffers of one size, in order of time, each in the lowest slot that is free: as many slots as live at once,
// which no order betters.
void place_alike(std::vector<Life>& lives) {
  Releases releases;
  std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>> free;  // offsets
  std::int64_t top = 0;
  for (std::size_t i : by_begin(lives)) {
    Life& life = lives[i];
    while (!releases.empty() && releases.top().first <= life.time.begin) {
      free.push(lives[releases.top().second].offset);
      releases.pop();
    }
    if (!free.empty()) {
      life.offset = free.top();
      free.pop();
    } else {
      life.offset = top;
      top += life.bytes;
    }
    releases.emplace(life.time.end, i);
  }
}

// For large programs: in order of time, best fit among the free blocks.
void place_in_order(std::vector<Life>& lives) {
  Releases releases;
  std::map<std::int64_t, std::int64_t> free_at;             // offset -> bytes
  std::set<std::pair<std::int64_t, std::int64_t>> by_size;  // many are of one size
  auto erase_free = [&](std::map<std::int64_t, std::int64_t>::iterator it) {
    by_size.erase({it->second, it->first});
    return free_at.erase(it);
  };
  auto add_free = [&](std::int64_t offset, std::int64_t bytes) {
    if (bytes <= 0) return;
    auto next = free_at.lower_bound(offset);
    if (next != free_at.end() && next->first == offset + bytes) {
      bytes += next->second;
      next = erase_free(next);
    }
    if (next != free_at.begin()) {
      const auto previous = std::prev(next);
      if (previous->first + previous->second == offset) {
        offset = previous->first;
        bytes += previous->second;
        erase_free(previous);
      }
    }
    free_at[offset] = bytes;
    by_size.emplace(bytes, offset);
  };
  std::int64_t top = 0;
  for (std::size_t i : by_begin(lives)) {
    Life& life = lives[i];
    while (!releases.empty() && releases.top().first <= life.time.begin) {
      const Life& done = lives[releases.top().second];
      add_free(done.offset, done.bytes);
      releases.pop();
    }
    if (const auto fit = by_size.lower_bound({life.bytes, 0}); fit != by_size.end()) {
      const auto [bytes, offset] = *fit;
      erase_free(free_at.find(offset));
      life.offset = offset;
      add_free(offset + life.bytes, bytes - life.bytes);
    } else {
      life.offset = top;
      top += life.bytes;
    }
    releases.emplace(life.time.end, i);
  }
}

void place(std::vector<Life>& lives) {
  const bool alike =
      std::all_of(lives.begin(), lives.end(), [&](const Life& life) { return life.bytes == lives[0].bytes; });
  if (alike) {
    place_alike(lives);
  } else if (lives.size() <= kMostPlacedBySize) {
    place_by_size(lives);
  } else {
    place_in_order(lives);
  }
}

// The peak of live temporaries when the steps run one by one in the given order.
std::int64_t sequential_peak(const Program& program, const std::vector<std::uint32_t>& order) {
  std::vector<std::uint32_t> last(program.buffers.size(), 0);
  for (std::uint32_t at = 0; at < order.size(); ++at) {
    for (const runtime::Use& use : program.steps[order[at]].uses) last[use.buffer] = at;
  }
  std::int64_t live = 0, peak = 0;
  for (std::uint32_t at = 0; at < order.size(); ++at) {
    std::int64_t dead = 0;
    for (const runtime::Use& use : program.steps[order[at]].uses) {
      const BufferInfo& info = program.buffers[use.buffer];
      if (use.write) live += arena_bytes(info);
      if (last[use.buffer] == at) dead += arena_bytes(info);
    }
    peak = std::max(peak, live);
    live -= dead;
  }
  return peak;
}

void reorder(Program& program, const std::vector<std::uint32_t>& order) {
  std::vector<std::uint32_t> place(order.size());
  std::vector<runtime::Step> steps;
  steps.reserve(order.size());
  for (std::uint32_t at = 0; at < order.size(); ++at) {
    place[order[at]] = at;
    steps.push_back(std::move(program.steps[order[at]]));
  }
  program.steps = std::move(steps);
  for (runtime::Edge& e : program.edges) e = {place[e.from], place[e.to], e.cause};
}

// The buffers of a Program by the steps that use them.
struct Users {
  explicit Users(const Program& program) : of(program.buffers.size()), writers(program.buffers.size()) {
    for (std::uint32_t s = 0; s < program.steps.size(); ++s) {
      for (const runtime::Use& use : program.steps[s].uses) {
        const BufferInfo& info = program.buffers[use.buffer];
        if (info.kind != BufferInfo::Kind::temporary || info.bytes == 0) continue;
        of[use.buffer].push_back(s);
        if (use.write) writers[use.buffer].push_back(s);
      }
    }
  }
  std::vector<std::vector<std::uint32_t>> of, writers;
};

// Where the temporaries lie when the steps run by a schedule, and the edges that keep it safe in any other.
struct Plan {
  Schedule schedule;
  std::vector<std::int64_t> offsets;  // of each buffer
  std::vector<std::int64_t> arenas;   // of each device
  std::vector<runtime::Edge> edges;
  std::int64_t bytes = 0;
  double makespan = 0;  // with the edges
};

// Reuse edges: a sweep in order of time, remembering who last had each byte range.
void add_edges(std::vector<Life>& lives, const Users& users, std::vector<runtime::Edge>& edges) {
  std::sort(lives.begin(), lives.end(),
            [](const Life& a, const Life& b) { return a.time.begin < b.time.begin; });
  std::map<std::int64_t, std::pair<std::int64_t, std::uint32_t>> holder;  // begin -> (end, buffer)
  for (const Life& life : lives) {
    const std::int64_t begin = life.offset, end = life.offset + life.bytes;
    auto it = holder.upper_bound(begin);
    if (it != holder.begin() && std::prev(it)->second.first > begin) --it;
    while (it != holder.end() && it->first < end) {
      const std::int64_t old_begin = it->first, old_end = it->second.first;
      const std::uint32_t old = it->second.second;
      for (std::uint32_t s : users.of[old]) {
        for (std::uint32_t w : users.writers[life.buffer]) edges.push_back({s, w, Cause::reuse});
      }
      it = holder.erase(it);
      if (old_begin < begin) holder[old_begin] = {begin, old};
      if (old_end > end) it = holder.emplace(end, std::make_pair(old_end, old)).first;
      if (old_end > end) break;
    }
    holder[begin] = {end, life.buffer};
  }
}

Plan plan_for(const Program& program, const Users& users, std::size_t devices, Schedule schedule) {
  Plan plan;
  plan.offsets.assign(program.buffers.size(), 0);
  plan.arenas.assign(devices, 0);
  std::vector<std::vector<Life>> lives(devices);
  for (std::uint32_t b = 0; b < program.buffers.size(); ++b) {
    if (users.writers[b].empty()) continue;
    Life life{b, arena_bytes(program.buffers[b]), {1e300, 0}};
    for (std::uint32_t s : users.writers[b])
      life.time.begin = std::min(life.time.begin, schedule.steps[s].begin);
    for (std::uint32_t s : users.of[b]) life.time.end = std::max(life.time.end, schedule.steps[s].end);
    lives[program.buffers[b].device].push_back(life);
  }
  for (std::size_t device = 0; device < devices; ++device) {
    std::vector<Life>& here = lives[device];
    place(here);
    for (const Life& life : here) {
      plan.offsets[life.buffer] = life.offset;
      plan.arenas[device] = std::max(plan.arenas[device], life.offset + life.bytes);
    }
    plan.bytes += plan.arenas[device];
    add_edges(here, users, plan.edges);
  }
  plan.schedule = std::move(schedule);
  return plan;
}

// No order needs less than what one step needs.
std::int64_t least_possible(const Program& program) {
  std::int64_t most = 0;
  for (const runtime::Step& step : program.steps) {
    std::int64_t bytes = 0;
    for (const runtime::Use& use : step.uses) bytes += arena_bytes(program.buffers[use.buffer]);
    most = std::max(most, bytes);
  }
  return most;
}

// What the whole takes with the edges of a plan, its steps as urgent as they are.
double priced(Program& program, const Plan& plan, int workers) {
  const std::size_t uses = program.edges.size();
  program.edges.insert(program.edges.end(), plan.edges.begin(), plan.edges.end());
  const double makespan =
      ListScheduler(program, workers, &plan.schedule.order).Run({.at_once = workers}).makespan;
  program.edges.resize(uses);
  return makespan;
}

// The plan with the least memory among those that cost next to no time; the first is for the fastest
// schedule. Others are tried as long as they may pay: leaner orders with as many steps at once, then with
// fewer (steps that can be split lose nothing), then random ones.
Plan best_plan(Program& program, const MemoryOptions& options, std::size_t devices) {
  const Users users(program);
  const ListScheduler scheduler(program, options.workers);
  Schedule fastest = scheduler.Run({.at_once = options.workers});
  const double least_time = fastest.makespan;
  std::vector<std::uint32_t> given(program.steps.size());
  std::iota(given.begin(), given.end(), 0u);
  program.best_order_peak_bytes =
      std::min(sequential_peak(program, given), sequential_peak(program, fastest.order));
  Plan best = plan_for(program, users, devices, std::move(fastest));
  const std::int64_t enough = least_possible(program) + least_possible(program) / 50;
  const std::size_t size = std::max(program.steps.size(), program.buffers.size());
  if (best.bytes <= enough || size > kMostSearched) return best;
  best.makespan = priced(program, best, options.workers);
  const auto tries = static_cast<int>(std::min(kSearched / size, std::size_t{64}));
  for (int k = 0; k < tries && best.bytes > enough; ++k) {
    SchedulePolicy policy{.at_once = k % 2 == 0 ? 1 : options.workers, .lean = true};
    policy.seed = static_cast<std::uint64_t>(k / 2);
    Schedule schedule = scheduler.Run(policy);
    program.best_order_peak_bytes =
        std::min(program.best_order_peak_bytes, sequential_peak(program, schedule.order));
    Plan plan = plan_for(program, users, devices, std::move(schedule));
    if (plan.bytes >= best.bytes) continue;
    plan.makespan = priced(program, plan, options.workers);
    if (plan.makespan <= std::max(best.makespan, kMostSlower * least_time)) best = std::move(plan);
  }
  return best;
}

}  // namespace

void plan_memory(Program& program, const MemoryOptions& options) {
  std::int64_t total = 0;
  std::size_t devices = 1;
  for (const BufferInfo& info : program.buffers) {
    total += arena_bytes(info);
    devices = std::max<std::size_t>(devices, info.device + 1u);
  }
  program.arena_bytes.assign(devices, 0);
  if (!options.reuse || total <= options.reuse_from_bytes) {
    for (BufferInfo& info : program.buffers) {
      if (info.kind != BufferInfo::Kind::temporary) continue;
      info.offset = program.arena_bytes[info.device];
      program.arena_bytes[info.device] += arena_bytes(info);
    }
  } else {
    const Plan plan = best_plan(program, options, devices);
    for (std::size_t b = 0; b < program.buffers.size(); ++b) {
      if (program.buffers[b].kind == BufferInfo::Kind::temporary) program.buffers[b].offset = plan.offsets[b];
    }
    program.arena_bytes = plan.arenas;
    program.edges.insert(program.edges.end(), plan.edges.begin(), plan.edges.end());
    reorder(program, plan.schedule.order);
  }
  program.peak_bytes =
      std::accumulate(program.arena_bytes.begin(), program.arena_bytes.end(), std::int64_t{0});
  for (const BufferInfo& info : program.buffers) {
    if (info.kind == BufferInfo::Kind::output) program.peak_bytes += info.bytes;
  }
  // A use edge says more than a reuse edge between the same steps.
  std::sort(program.edges.begin(), program.edges.end(), [](const runtime::Edge& a, const runtime::Edge& b) {
    return std::tie(a.from, a.to, a.cause) < std::tie(b.from, b.to, b.cause);
  });
  program.edges.erase(std::unique(program.edges.begin(), program.edges.end(),
                                  [](const runtime::Edge& a, const runtime::Edge& b) {
                                    return a.from == b.from && a.to == b.to;
                                  }),
                      program.edges.end());
}

}  // namespace leat::compiler
