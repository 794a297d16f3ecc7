// What the generators of random graphs draw from: the values so far, and others made to fit.
//
// One thread. A draw that does not fit the values at hand answers a Status, and another is tried.
#pragma once

#include <random>

#include "ir/graph.h"

namespace leat::testing {

class GraphDraw {
 public:
  explicit GraphDraw(std::uint64_t seed) : random_(seed) {}
  virtual ~GraphDraw() = default;

  virtual ir::Graph& graph() = 0;
  /// A value that there is.
  virtual ir::Value AnyValue() = 0;
  /// One of a dtype that the rule accepts.
  virtual ir::Value Accepted(ir::TypeRule rule) = 0;
  /// One of this type, made if need be.
  virtual ir::Value Like(const ir::Type& type) = 0;
  virtual ir::Value Convert(ir::Value v, DType t) = 0;

  const ir::Type& TypeOf(ir::Value v) { return graph().type(v); }
  int Pick(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  bool Chance(int percent) { return Pick(100) < percent; }

 protected:
  std::mt19937_64 random_;
};

/// A batched dot_general of any layout, a convolution, or an attention.
StatusOr<ir::Value> draw_contraction(GraphDraw& draw);
/// Gathers, scatters, dynamic updates, windows, a sort with payload, a branch, a loop.
StatusOr<ir::Value> draw_rare_op(GraphDraw& draw);

}  // namespace leat::testing
