// What a node does, as counted by people who draw rooflines: arithmetic operations and bytes, from types and
// attributes alone.
//
// An elementwise op is one operation an element, a fused multiply-add two, a product of m x k and k x n
// 2 m n k, a reduction one for each element reduced, a window as many as it has places. Transcendental
// functions are counted apart, as XLA does. What only moves or orders values does none. Padding of a
// convolution is counted as if it were there.
#pragma once

#include "ir/graph.h"

namespace leat::compiler {

struct Work {
  double operations = 0;
  double transcendentals = 0;
  double bytes_read = 0;     // each operand once; of a gather what it takes
  double bytes_written = 0;  // results; nothing for views
  double bytes() const { return bytes_read + bytes_written; }
  Work& operator+=(const Work& other);
};

inline double elements(const ir::Type& type) { return static_cast<double>(type.shape.num_elements()); }

/// The body of a `fused` node counts whole, with the node's own operands and results. One turn of a loop; of
/// two branches the one with more operations. REQUIRES: a static graph.
Work count_work(const ir::Graph& graph, const ir::Node& node);

}  // namespace leat::compiler
