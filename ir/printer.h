// Graph -> text. print(parse(print(g))) == print(g).
#pragma once
#include <string>

#include "ir/graph.h"

namespace leat::ir {
struct PrintOptions {
  bool locations = true;                   // "// at file:line [label]" behind a node
  std::int64_t max_literal_elements = -1;  // longer literals print as "<N bytes>" (not parseable); -1: all
};
std::string print(const Graph& graph, const PrintOptions& options = {});
std::string print(const Literal& literal);
}  // namespace leat::ir
