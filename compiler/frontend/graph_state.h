// What is behind the public Graph and GraphBuilder.
#pragma once

#include "ir/graph.h"

namespace leat::frontend {

struct GraphState {
  ir::Graph graph;
};

}  // namespace leat::frontend
