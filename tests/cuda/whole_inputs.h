// Inputs of which every sum is exact, in whatever order a library adds them up.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "ir/interpreter.h"

namespace leat::testing {

/// Whole numbers from -most to most, for each parameter of a graph of floats; the same each time.
inline std::vector<ir::Array> whole_inputs(const ir::Graph& graph, unsigned most) {
  std::vector<ir::Array> inputs;
  std::mt19937 random(7);
  for (const std::uint32_t p : graph.parameters) {
    inputs.push_back(ir::Array::Zeros(graph.nodes[p].type()));
    visit_dtype(inputs.back().type.dtype, [&](auto zero) {
      using T = decltype(zero);
      for (std::int64_t i = 0; i < inputs.back().type.shape.num_elements(); ++i) {
        const float number = static_cast<float>(random() % (2 * most + 1)) - static_cast<float>(most);
        inputs.back().as<T>()[i] = static_cast<T>(number);
      }
    });
  }
  return inputs;
}

}  // namespace leat::testing
