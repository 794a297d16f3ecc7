#include "compiler/passes/task_graph.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "compiler/count_work.h"
#include "compiler/passes/device_rules.h"

namespace leat::compiler {
namespace {

constexpr std::uint32_t kSeveral = kNoTask - 1;
constexpr std::uint32_t kMostOps = 64;  // of a task, as of a fused kernel (FuseOptions)

class TaskGraphBuilder {
 public:
  explicit TaskGraphBuilder(const ir::Graph& graph) : graph_(graph), everywhere_(graph.nodes.size(), false) {
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
      everywhere_[n] = is_everywhere(graph, graph.nodes[n], everywhere_);
  }

  TaskGraph Build() {
    FindTasks();
    CollectNodes();
    ResolveViews();
    CollectReads();
    return std::move(to_);
  }

 private:
  bool IsTask(std::uint32_t n) const {
    const ir::Node& node = graph_.nodes[n];
    return node.op != ir::Op::parameter && !everywhere_[n] && !ir::is_view(node);
  }

  // Backwards: by the last node of each task, until CollectNodes numbers them.
  void FindTasks() {
    const auto count = static_cast<std::uint32_t>(graph_.nodes.size());
    std::vector<std::uint32_t> reader(count, kNoTask);  // the task that reads it, kNoTask or kSeveral
    std::vector<std::uint32_t> ops(count, 0);           // of each task so far
    to_.task_of.assign(count, kNoTask);
    for (std::uint32_t n = count; n-- > 0;) {
      const ir::Node& node = graph_.nodes[n];
      std::uint32_t task = n;
      if (ir::is_view(node)) {
        task = reader[n];
      } else if (runs_in_kernel(node) && reader[n] < kSeveral && ops[reader[n]] < kMostOps &&
                 runs_in_kernel(graph_.nodes[reader[n]])) {
        task = reader[n];
      }
      if (IsTask(n)) {
        to_.task_of[n] = task;
        ++ops[task];
      }
      if (task == kNoTask) continue;
      for (const ir::Value v : node.inputs)
        reader[v.node] = reader[v.node] == kNoTask || reader[v.node] == task ? task : kSeveral;
    }
  }

  void CollectNodes() {
    const auto count = static_cast<std::uint32_t>(graph_.nodes.size());
    std::vector<std::uint32_t> number(count, kNoTask);  // of the task by its last node
    for (std::uint32_t n = 0; n < count; ++n) {
      if (to_.task_of[n] != n) continue;
      number[n] = static_cast<std::uint32_t>(to_.tasks.size());
      to_.tasks.emplace_back().last = n;
    }
    for (std::uint32_t& task : to_.task_of) {
      if (task == kNoTask) continue;
      task = number[task];
      ++to_.tasks[task].nodes_end;
    }
    std::uint32_t at = 0;
    for (TaskGraph::Task& task : to_.tasks) {
      task.nodes_begin = at;
      at += task.nodes_end;
      task.nodes_end = task.nodes_begin;
    }
    to_.nodes.resize(at);
    for (std::uint32_t n = 0; n < count; ++n) {
      if (to_.task_of[n] != kNoTask) to_.nodes[to_.tasks[to_.task_of[n]].nodes_end++] = n;
    }
  }

  // The value that would be copied for a read of `v`: of a view and what it is of, the smaller.
  struct Source {
    ir::Value base;  // of a task, or a parameter
    ir::Value copied;
    double bytes = 0;
  };
  Source SourceOf(ir::Value v) const {
    return ir::is_view(graph_.nodes[v.node]) ? of_views_[v.node]
                                             : Source{v, v, static_cast<double>(byte_size(graph_.type(v)))};
  }
  void ResolveViews() {
    of_views_.resize(graph_.nodes.size());
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      const ir::Node& node = graph_.nodes[n];
      if (!ir::is_view(node)) continue;
      Source source = SourceOf(node.inputs[0]);
      if (const auto bytes = static_cast<double>(byte_size(node.type())); bytes < source.bytes) {
        source.copied = {n, 0};
        source.bytes = bytes;
      }
      of_views_[n] = source;
    }
  }

  void CollectReads() {
    absl::flat_hash_map<std::uint64_t, std::uint32_t> known;  // items by the value that is copied
    std::vector<std::uint32_t> read_by;                       // of each item, the last task that reads it
    for (std::uint32_t t = 0; t < to_.tasks.size(); ++t) {
      TaskGraph::Task& task = to_.tasks[t];
      task.reads_begin = static_cast<std::uint32_t>(to_.reads.size());
      for (std::uint32_t k = task.nodes_begin; k < task.nodes_end; ++k) {
        for (const ir::Value v : graph_.nodes[to_.nodes[k]].inputs) {
          if (everywhere_[v.node]) continue;
          const Source source = SourceOf(v);
          const std::uint32_t producer = to_.task_of[source.base.node];
          if (producer == t) continue;
          const auto next = static_cast<std::uint32_t>(to_.items.size());
          const std::uint64_t key = std::uint64_t{source.copied.node} << 32 | source.copied.result;
          const auto [it, made] = known.try_emplace(key, next);
          if (made) {
            to_.items.push_back({producer, source.base.node, source.bytes});
            read_by.push_back(kNoTask);
          }
          if (read_by[it->second] == t) continue;
          read_by[it->second] = t;
          to_.reads.push_back(it->second);
          task.bytes += source.bytes;
        }
      }
      task.reads_end = static_cast<std::uint32_t>(to_.reads.size());
      const ir::Node& last = graph_.nodes[task.last];
      if (!runs_in_kernel(last)) {
        task.bytes = count_work(graph_, last).bytes();  // a gather reads what it takes
      } else {
        for (const ir::Type& type : last.results) task.bytes += static_cast<double>(byte_size(type));
      }
    }
  }

  const ir::Graph& graph_;
  std::vector<bool> everywhere_;
  std::vector<Source> of_views_;
  TaskGraph to_;
};

}  // namespace

TaskGraph make_task_graph(const ir::Graph& graph) { return TaskGraphBuilder(graph).Build(); }

}  // namespace leat::compiler
