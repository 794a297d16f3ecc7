// What is behind the public Graph and GraphBuilder.
#pragma once

#include "ir/graph.h"

namespace leat::frontend {

struct GraphState {
  ir::Graph graph;
  Status error{};  // of a call that had no way to return it; Finish does
};

}  // namespace leat::frontend
