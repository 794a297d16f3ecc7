// Inputs that nobody gave: drawn from Philox, the project's random source, or plain.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ir/interpreter.h"

namespace leat::frontend {

/// How many values an integer parameter may take, from 0, where it is used as an index (the least extent that
/// it addresses, through elementwise ops and views); 0 where it is not.
std::vector<std::int64_t> index_extents(const ir::Graph& graph);

/// An array of `type`, filled as `how` says: normal, uniform, iota, ones, zeros. Random integers are small
/// numbers of both signs, or below `extent` where that is not 0. A function of all arguments.
StatusOr<ir::Array> fill(const ir::Type& type, std::string_view how, std::uint64_t seed,
                         std::uint64_t ordinal, std::int64_t extent = 0);

/// One array for each parameter of a static graph; indices are in range.
StatusOr<std::vector<ir::Array>> fill_inputs(const ir::Graph& graph, std::string_view how,
                                             std::uint64_t seed);

}  // namespace leat::frontend
