// Random graphs and random inputs, reproducible from a seed: what every way of evaluating is compared on.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/interpreter.h"

namespace leat::testing {

struct RandomGraphOptions {
  int least_ops = 3;
  int most_ops = 30;
  std::int64_t most_elements = 6000;  // of any value
  bool contractions = true;
  bool opaque = true;  // ops that run outside kernels: gather, sort, pad, ...
};

ir::Graph random_graph(std::uint64_t seed, const RandomGraphOptions& options = {});

/// The same graph with every fourth value moved to one of the devices.
ir::Graph move_values(const ir::Graph& graph, const std::vector<std::string>& devices, std::uint64_t seed);

/// Values of the parameters: mostly moderate, now and then 0, -0, NaN, infinities, extremes.
std::vector<ir::Array> random_inputs(const ir::Graph& graph, std::uint64_t seed);
ir::Array random_array(const ir::Type& type, std::mt19937_64& random);

/// Whether two arrays have the same type and the same bits, any NaN being equal to any NaN; else where they
/// differ.
std::string compare_bits(const ir::Array& expected, const ir::Array& actual);

}  // namespace leat::testing
