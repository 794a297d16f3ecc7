// A convolution of a graph as the engines describe one, with the reorders around it that it takes the place
// of.
//
// In the graph a convolution is on dense arrays. Where it reads the result of a reorder from blocks of
// channels, and where all that reads its result is a reorder into them, an engine may work on the blocks:
// then those reorders are not run. assign_layouts places them so, and the lowering asks here. All functions
// are pure.
#pragma once

#include <optional>

#include "ir/graph.h"
#include "runtime/cpu/contraction.h"

namespace leat::compiler {

/// Of a `convolution` node with static types, on dense arrays. `exact` is left false.
runtime::cpu::ConvolutionDescriptor describe_convolution(const ir::Graph& graph, const ir::Node& node);

struct ConvolutionForm {
  runtime::cpu::ConvolutionDescriptor descriptor;
  ir::Value x;                          // what is read: the operand, or the blocked array behind it
  std::optional<std::uint32_t> packed;  // the reorder whose result is written
};
/// Node `n` with its reorders taken in. `only_reader` is find_only_readers(graph).
ConvolutionForm form_convolution(const ir::Graph& graph, std::uint32_t n,
                                 const std::vector<std::uint32_t>& only_reader);

inline constexpr std::uint32_t kNoReader = 0xffffffffu;
/// For each node, the one operand slot of one node that reads it; kNoReader where there are more or none, or
/// it is an output.
std::vector<std::uint32_t> find_only_readers(const ir::Graph& graph);

/// Whether the value is a constant, seen through reshapes.
bool is_constant(const ir::Graph& graph, ir::Value v);

}  // namespace leat::compiler
