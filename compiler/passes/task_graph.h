// A graph as the tasks that choose_devices places: what fuses into one kernel is one, and views are none.
//
// A task is a node with all that only it reads, directly or through others of the task, as far as they run in
// loop kernels (a fanout-free cone): so every way out of a task starts at its last node, and tasks, ordered
// by their last nodes, are in a topological order. What tasks read are items: values of other tasks or
// parameters, seen through views where a copy would be made before them. Values; any thread.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace leat::compiler {

inline constexpr std::uint32_t kNoTask = ~0u;

struct TaskGraph {
  struct Item {
    std::uint32_t producer = kNoTask;  // task; none: a parameter
    std::uint32_t node = 0;            // that makes it
    double bytes = 0;
  };
  struct Task {
    std::uint32_t last = 0;                        // node
    std::uint32_t nodes_begin = 0, nodes_end = 0;  // in `nodes`
    std::uint32_t reads_begin = 0, reads_end = 0;  // in `reads`
    double bytes = 0;                              // that it reads and writes
  };
  std::vector<Task> tasks;
  std::vector<std::uint32_t> nodes;  // of all tasks, one after another, ascending in each
  std::vector<std::uint32_t> reads;  // items
  std::vector<Item> items;
  std::vector<std::uint32_t> task_of;  // of each node, or kNoTask
};

/// REQUIRES: a static graph.
TaskGraph make_task_graph(const ir::Graph& graph);

}  // namespace leat::compiler
