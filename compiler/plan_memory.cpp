#include "compiler/plan_memory.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <queue>
#include <set>

namespace leat::compiler {
namespace {

using runtime::BufferInfo;
using runtime::Cause;
using runtime::Program;

constexpr std::int64_t kAlign = 64;
std::int64_t aligned(std::int64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

struct Interval {
  double begin = 0, end = 0;
};

struct Schedule {
  std::vector<Interval> steps;
  std::vector<std::uint32_t> order;  // by start time
};

// List scheduling: the ready step with the longest path to the end goes to the first free worker.
Schedule simulate(const Program& program, int workers) {
  const std::size_t n = program.steps.size();
  std::vector<std::vector<std::uint32_t>> successors(n);
  std::vector<std::uint32_t> waits(n, 0);
  for (const runtime::Edge& e : program.edges) {
    successors[e.from].push_back(e.to);
    ++waits[e.to];
  }
  auto duration = [&](std::size_t s) {
    const runtime::Step& step = program.steps[s];
    const double parts = std::max(
        1.0, std::min<double>(workers, static_cast<double>(step.units) /
                                           static_cast<double>(std::max<std::int64_t>(step.grain, 1))));
    return std::max(step.cost_ns / parts, 1.0);
  };
  std::vector<double> rank(n, 0), ready_at(n, 0);
  for (std::size_t s = n; s-- > 0;) {
    for (std::uint32_t t : successors[s]) rank[s] = std::max(rank[s], rank[t]);
    rank[s] += duration(s);
  }
  Schedule schedule;
  schedule.steps.resize(n);
  auto less_urgent = [&](std::uint32_t a, std::uint32_t b) {
    return rank[a] != rank[b] ? rank[a] < rank[b] : a > b;
  };
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, decltype(less_urgent)> ready(less_urgent);
  using Event = std::pair<double, std::uint32_t>;  // end, step
  std::priority_queue<Event, std::vector<Event>, std::greater<>> running;
  for (std::uint32_t s = 0; s < n; ++s) {
    if (waits[s] == 0) ready.push(s);
  }
  double now = 0;
  int free = std::max(workers, 1);
  while (!ready.empty() || !running.empty()) {
    while (free > 0 && !ready.empty()) {
      const std::uint32_t s = ready.top();
      ready.pop();
      --free;
      schedule.steps[s] = {now, now + duration(s)};
      schedule.order.push_back(s);
      running.emplace(schedule.steps[s].end, s);
    }
    const auto [end, s] = running.top();
    running.pop();
    ++free;
    now = end;
    for (std::uint32_t t : successors[s]) {
      if (--waits[t] == 0) ready.push(t);
    }
  }
  return schedule;
}

struct Life {
  std::uint32_t buffer;
  std::int64_t bytes;
  Interval time;
  std::vector<std::uint32_t> writers;
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

// For large programs: in order of time, best fit among the free blocks.
void place_in_order(std::vector<Life>& lives) {
  std::vector<std::size_t> by_begin(lives.size());
  std::iota(by_begin.begin(), by_begin.end(), std::size_t{0});
  std::stable_sort(by_begin.begin(), by_begin.end(),
                   [&](std::size_t a, std::size_t b) { return lives[a].time.begin < lives[b].time.begin; });
  using Release = std::pair<double, std::size_t>;
  std::priority_queue<Release, std::vector<Release>, std::greater<>> releases;
  std::map<std::int64_t, std::int64_t> free_at;  // offset -> bytes
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
  for (std::size_t i : by_begin) {
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
      if (info.kind != BufferInfo::Kind::temporary) continue;
      if (use.write) live += aligned(info.bytes);
      if (last[use.buffer] == at) dead += aligned(info.bytes);
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

}  // namespace

void plan_memory(Program& program, const MemoryOptions& options) {
  std::vector<std::uint32_t> given(program.steps.size());
  std::iota(given.begin(), given.end(), 0u);
  std::int64_t total = 0;
  std::uint16_t devices = 1;
  for (const BufferInfo& info : program.buffers) {
    if (info.kind == BufferInfo::Kind::temporary) total += aligned(info.bytes);
    devices = std::max<std::uint16_t>(devices, static_cast<std::uint16_t>(info.device + 1));
  }
  program.arena_bytes.assign(devices, 0);
  const bool reuse = options.reuse && total > options.reuse_from_bytes;
  if (!reuse) {
    for (BufferInfo& info : program.buffers) {
      if (info.kind != BufferInfo::Kind::temporary) continue;
      info.offset = program.arena_bytes[info.device];
      program.arena_bytes[info.device] += aligned(info.bytes);
    }
  } else {
    const Schedule schedule = simulate(program, options.workers);
    program.best_order_peak_bytes =
        std::min(sequential_peak(program, given), sequential_peak(program, schedule.order));
    std::vector<std::vector<std::uint32_t>> users(program.buffers.size());
    std::vector<Life> lives;
    std::vector<std::size_t> life_of(program.buffers.size(), SIZE_MAX);
    for (std::uint32_t s = 0; s < program.steps.size(); ++s) {
      for (const runtime::Use& use : program.steps[s].uses) {
        const BufferInfo& info = program.buffers[use.buffer];
        if (info.kind != BufferInfo::Kind::temporary || info.bytes == 0) continue;
        users[use.buffer].push_back(s);
        if (!use.write) continue;
        if (life_of[use.buffer] == SIZE_MAX) {
          life_of[use.buffer] = lives.size();
          lives.push_back({use.buffer, aligned(info.bytes), schedule.steps[s], {}});
        }
        Life& life = lives[life_of[use.buffer]];
        life.writers.push_back(s);
        life.time.begin = std::min(life.time.begin, schedule.steps[s].begin);
      }
    }
    for (Life& life : lives) {
      for (std::uint32_t s : users[life.buffer])
        life.time.end = std::max(life.time.end, schedule.steps[s].end);
    }
    for (std::uint16_t device = 0; device < devices; ++device) {
      std::vector<Life> here;
      for (const Life& life : lives) {
        if (program.buffers[life.buffer].device == device) here.push_back(life);
      }
      if (here.size() <= 4000) {
        place_by_size(here);
      } else {
        place_in_order(here);
      }
      // Reuse edges: sweep in order of time, remembering who last had each byte range.
      std::sort(here.begin(), here.end(),
                [](const Life& a, const Life& b) { return a.time.begin < b.time.begin; });
      std::map<std::int64_t, std::pair<std::int64_t, std::uint32_t>> holder;  // begin -> (end, buffer)
      for (const Life& life : here) {
        program.buffers[life.buffer].offset = life.offset;
        const std::int64_t begin = life.offset, end = life.offset + life.bytes;
        program.arena_bytes[device] = std::max(program.arena_bytes[device], end);
        auto it = holder.upper_bound(begin);
        if (it != holder.begin() && std::prev(it)->second.first > begin) --it;
        while (it != holder.end() && it->first < end) {
          const std::int64_t old_begin = it->first, old_end = it->second.first;
          const std::uint32_t old = it->second.second;
          for (std::uint32_t s : users[old]) {
            for (std::uint32_t w : life.writers) program.edges.push_back({s, w, Cause::reuse});
          }
          it = holder.erase(it);
          if (old_begin < begin) holder[old_begin] = {begin, old};
          if (old_end > end) it = holder.emplace(end, std::make_pair(old_end, old)).first;
          if (old_end > end) break;
        }
        holder[begin] = {end, life.buffer};
      }
    }
    reorder(program, schedule.order);
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
