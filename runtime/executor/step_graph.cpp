#include "runtime/executor/step_graph.h"

#include <algorithm>
#include <atomic>

namespace leat::runtime {
namespace {

constexpr std::uint32_t kTreeArity = 16;
// A step of at least this length publishes the other ready steps first: stealing one costs 0.13-0.5 us.
constexpr double kHeavyNs = 2000;
// Ranges of a split step are at least this long, ten times what handing one over costs.
constexpr double kRangeNs = 5000;

struct FanInTree {
  std::uint32_t base;  // the first leaf
  std::uint32_t seen;  // edges routed so far
};

class Builder {
 public:
  explicit Builder(const Program& program) : p_(program), g_(std::make_shared<StepGraph>()) {}

  std::shared_ptr<const StepGraph> Build() {
    static std::atomic<std::uint64_t> next_id{1};
    g_->id = next_id.fetch_add(1, std::memory_order_relaxed);
    const auto n = static_cast<std::uint32_t>(p_.steps.size());
    g_->step_count = n;
    g_->start = n;
    g_->end = n + 1;
    CountDegrees();
    MakeTrees();
    FillRecords();
    FillEdges();
    FillTables();
    FindDonors();
    return std::move(g_);
  }

 private:
  void CountDegrees() {
    const std::uint32_t n = g_->step_count;
    in_.assign(n + 2, 0);
    std::copy(p_.in_degree.begin(), p_.in_degree.end(), in_.begin());
    for (std::uint32_t s = 0; s < n; ++s) {
      sources_ += in_[s] == 0;
      sinks_ += p_.successor_begin[s] == p_.successor_begin[s + 1];
    }
    in_[g_->start] = 1;
    in_[g_->end] = 1;
    g_->sink_count = std::max(sinks_, 1u);
    total_ = n + 2;
  }

  void MakeTrees() {
    tree_of_.clear();
    for (std::uint32_t s = 0; s < g_->step_count + 2; ++s) {
      if (in_[s] <= kWide) continue;
      if (tree_of_.empty()) tree_of_.assign(g_->step_count + 2, kNone);
      tree_of_[s] = static_cast<std::uint32_t>(trees_.size());
      trees_.push_back({total_, 0});
      std::uint32_t arriving = in_[s];
      for (;;) {
        const std::uint32_t counters = (arriving + kTreeArity - 1) / kTreeArity;
        for (std::uint32_t k = 0; k < counters; ++k) {
          virtual_in_.push_back(std::min(kTreeArity, arriving - k * kTreeArity));
        }
        total_ += counters;
        const std::uint32_t above = total_;  // the next level, or the step itself
        const bool top = counters <= kTreeArity;
        for (std::uint32_t k = 0; k < counters; ++k) {
          virtual_edge_.push_back(top ? s : above + k / kTreeArity);
        }
        arriving = counters;
        if (top) break;
      }
      in_[s] = arriving;
    }
  }

  void FillRecords() {
    const std::uint32_t n = g_->step_count;
    g_->records.resize(total_);
    std::uint32_t uses = 0;
    for (std::uint32_t s = 0; s < n; ++s) {
      const Step& step = p_.steps[s];
      StepRecord& r = g_->records[s];
      r = {step.body.get(), step.units, 0, 0, uses, static_cast<std::uint16_t>(std::max(in_[s], 1u)), 0};
      uses += static_cast<std::uint32_t>(step.uses.size());
      for (const Use& use : step.uses) {
        if (use.write && p_.buffers[use.buffer].kind == BufferInfo::Kind::output) {
          r.flags |= StepRecord::writes_output;
        }
      }
      if (!step.body) continue;
      g_->total_cost_ns += step.cost_ns;
      if (step.cost_ns <= 0) g_->cost_known = false;
      if (may_run_user_code(*step.body)) g_->user_code = true;
      if (step.body->queued()) {
        g_->queued = true;
        if (step.body->defers()) r.flags |= StepRecord::defers;
        if (step.body->settles()) r.flags |= StepRecord::settles;
        continue;  // the host's part of it is short
      }
      if (step.cost_ns <= 0 || step.cost_ns >= kHeavyNs) r.flags |= StepRecord::heavy;
      AddSplit(step, r);
    }
    g_->use_count = uses;
    for (std::uint32_t v = n; v < total_; ++v) {
      const std::uint32_t in = v < n + 2 ? in_[v] : virtual_in_[v - n - 2];
      g_->records[v] = {nullptr, 0, 0, 0, 0, static_cast<std::uint16_t>(in), 0};
    }
    g_->records[g_->end].flags = StepRecord::last;
  }

  void AddSplit(const Step& step, StepRecord& r) {
    if (step.units <= step.grain) return;
    std::int64_t least = step.grain;
    if (step.cost_ns > 0) {
      const double units = static_cast<double>(step.units) * kRangeNs / step.cost_ns;
      if (units >= static_cast<double>(step.units)) return;  // too short to share
      least = std::max(least, static_cast<std::int64_t>(units));
      least = (least + step.grain - 1) / step.grain * step.grain;
    }
    if (least >= step.units) return;
    r.flags |= StepRecord::split | StepRecord::heavy;
    r.units = static_cast<std::int64_t>(g_->splits.size());
    g_->splits.push_back({step.units, step.grain, least, step.cost_ns});
  }

  // The counter that an edge to `target` really decrements.
  std::uint32_t Route(std::uint32_t target) {
    if (tree_of_.empty() || tree_of_[target] == kNone) return target;
    FanInTree& tree = trees_[tree_of_[target]];
    return tree.base + tree.seen++ / kTreeArity;
  }

  void FillEdges() {
    const std::uint32_t n = g_->step_count;
    std::vector<std::uint32_t>& edges = g_->edges;
    edges.reserve(p_.edges.size() + sinks_ + sources_ + virtual_edge_.size() + 1);
    const auto close = [&](std::uint32_t s, std::size_t first) {
      g_->records[s].first_edge = static_cast<std::uint32_t>(first);
      g_->records[s].edge_count = static_cast<std::uint32_t>(edges.size() - first);
    };
    for (std::uint32_t s = 0; s < n; ++s) {
      const std::size_t first = edges.size();
      const std::uint32_t *b = p_.successors.data() + p_.successor_begin[s],
                          *e = p_.successors.data() + p_.successor_begin[s + 1];
      if (b == e) {
        edges.push_back(sinks_ > 1 ? kEndEdge : g_->end);
        if (sinks_ > 1) g_->records[s].flags |= StepRecord::sink;
      } else if (static_cast<std::uint32_t>(e - b) > kWide) {
        while (e != b) edges.push_back(Route(*--e));  // a range is walked from its front: most urgent first
      } else {
        while (b != e) edges.push_back(Route(*b++));
      }
      close(s, first);
    }
    std::size_t first = edges.size();
    for (std::uint32_t s = 0; s < n; ++s) {
      if (p_.in_degree[s] == 0) edges.push_back(s);
    }
    const bool many = edges.size() - first > kWide;
    std::stable_sort(edges.begin() + static_cast<std::ptrdiff_t>(first), edges.end(),
                     [&](std::uint32_t a, std::uint32_t b) {
                       const double x = p_.steps[a].rank_ns, y = p_.steps[b].rank_ns;
                       return many ? x > y : x < y;
                     });
    if (n == 0) edges.push_back(g_->end);
    close(g_->start, first);
    close(g_->end, edges.size());
    for (std::uint32_t v = n + 2; v < total_; ++v) {
      first = edges.size();
      edges.push_back(virtual_edge_[v - n - 2]);
      close(v, first);
    }
    for (std::uint32_t& e : edges) {
      if (e != kEndEdge && g_->records[e].in_degree == 1) e |= kSingle;
    }
    g_->input_edges.push_back(static_cast<std::uint32_t>(edges.size()));
    for (const std::vector<std::uint32_t>& readers : p_.input_readers) {
      edges.insert(edges.end(), readers.begin(), readers.end());
      g_->input_edges.push_back(static_cast<std::uint32_t>(edges.size()));
    }
    bool chain = true;
    for (std::uint32_t s = 0; s + 1 < n && chain; ++s) {
      chain = p_.successor_begin[s + 1] - p_.successor_begin[s] >= 1 &&
              std::find(p_.successors.begin() + p_.successor_begin[s],
                        p_.successors.begin() + p_.successor_begin[s + 1],
                        s + 1) != p_.successors.begin() + p_.successor_begin[s + 1];
    }
    g_->is_chain = chain && g_->splits.empty();
  }

  // The patch lists, and who writes the outputs.
  void FillTables() {
    const std::size_t inputs = p_.inputs.size(), outputs = p_.outputs.size();
    g_->output_writers.assign(outputs, 0);
    g_->next_alias.assign(outputs, kNone);
    std::vector<std::uint32_t> last(outputs, kNone);  // the last ordinal seen of a buffer, at its index
    for (std::uint32_t o = 0; o < outputs; ++o) {
      const BufferInfo& buffer = p_.buffers[p_.outputs[o]];
      if (buffer.kind == BufferInfo::Kind::input) g_->passed_through.emplace_back(buffer.index, o);
      if (buffer.kind != BufferInfo::Kind::output) continue;
      if (o == buffer.index) continue;
      g_->next_alias[last[buffer.index] == kNone ? buffer.index : last[buffer.index]] = o;
      last[buffer.index] = o;
    }
    std::sort(g_->passed_through.begin(), g_->passed_through.end());
    std::vector<std::uint32_t> count(inputs + outputs + 1, 0);
    const auto slot = [&](const BufferInfo& b) {
      return b.kind == BufferInfo::Kind::input    ? b.index
             : b.kind == BufferInfo::Kind::output ? static_cast<std::uint32_t>(inputs) + b.index
                                                  : kNone;
    };
    for (const Step& step : p_.steps) {
      std::uint32_t previous = kNone;
      for (const Use& use : step.uses) {
        const std::uint32_t k = slot(p_.buffers[use.buffer]);
        if (k == kNone) continue;
        ++count[k + 1];
        if (!use.write || k < inputs || use.buffer == previous) continue;
        previous = use.buffer;
        ++g_->output_writers[k - inputs];
      }
    }
    for (std::size_t k = 1; k < count.size(); ++k) count[k] += count[k - 1];
    g_->patch_begin = count;
    g_->patches.resize(count.back());
    std::uint32_t position = 0;
    for (const Step& step : p_.steps) {
      for (const Use& use : step.uses) {
        if (const std::uint32_t k = slot(p_.buffers[use.buffer]); k != kNone)
          g_->patches[count[k]++] = position;
        ++position;
      }
    }
  }

  // An output may take the memory of a donated input when one step writes it, and that step is the only
  // reader of the input or the others come before it by an edge.
  void FindDonors() {
    const std::size_t inputs = p_.inputs.size();
    g_->donor.assign(p_.outputs.size(), kNone);
    std::vector<bool> taken(inputs, false);
    for (std::uint32_t o : p_.outputs) {
      if (p_.buffers[o].kind == BufferInfo::Kind::input) taken[p_.buffers[o].index] = true;
    }
    for (std::uint32_t s = 0; s < g_->step_count; ++s) {
      if (!(g_->records[s].flags & StepRecord::writes_output) || !p_.steps[s].body) continue;
      const std::vector<Use>& uses = p_.steps[s].uses;
      for (std::size_t w = 0; w < uses.size(); ++w) {
        const BufferInfo& out = p_.buffers[uses[w].buffer];
        if (!uses[w].write || out.kind != BufferInfo::Kind::output || g_->output_writers[out.index] != 1 ||
            g_->donor[out.index] != kNone) {
          continue;
        }
        for (std::size_t r = 0; r < uses.size(); ++r) {
          const BufferInfo& in = p_.buffers[uses[r].buffer];
          if (uses[r].write || in.kind != BufferInfo::Kind::input || taken[in.index] ||
              in.bytes != out.bytes || in.device != out.device || !MayShare(s, uses[r].buffer, w)) {
            continue;
          }
          g_->donor[out.index] = in.index;
          taken[in.index] = true;
          break;
        }
      }
    }
  }

  bool MayShare(std::uint32_t step, std::uint32_t input, std::size_t write) const {
    const std::vector<Use>& uses = p_.steps[step].uses;
    for (std::size_t r = 0; r < uses.size(); ++r) {
      if (uses[r].buffer == input && (uses[r].write || !p_.steps[step].body->MayAlias(r, write)))
        return false;
    }
    const std::vector<std::uint32_t>& readers = p_.input_readers[p_.buffers[input].index];
    return std::all_of(readers.begin(), readers.end(), [&](std::uint32_t reader) {
      return reader == step ||
             std::binary_search(p_.edges.begin(), p_.edges.end(), Edge{reader, step, Cause::use},
                                [](const Edge& a, const Edge& b) {
                                  return a.from != b.from ? a.from < b.from : a.to < b.to;
                                });
    });
  }

  const Program& p_;
  std::shared_ptr<StepGraph> g_;
  std::vector<std::uint32_t> in_;  // in-degrees, after trees
  std::uint32_t sources_ = 0, sinks_ = 0, total_ = 0;
  std::vector<std::uint32_t> tree_of_;
  std::vector<FanInTree> trees_;
  std::vector<std::uint32_t> virtual_in_, virtual_edge_;  // of the counters of the trees
};

}  // namespace

std::size_t StepGraph::bytes() const {
  return records.size() * (sizeof(StepRecord) + 4) + edges.size() * 4 + splits.size() * sizeof(SplitStep);
}

std::shared_ptr<const StepGraph> build_step_graph(const Program& program) { return Builder(program).Build(); }

}  // namespace leat::runtime
