// The passes. Each is a free function Graph -> Graph that keeps every bit of every output; the verifier
// runs after each. compiler/pipeline.cpp holds the ordered list.
//
// Passes keep Node::location, so that what is left of the user's nodes still says where it was written.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/passes/choose_devices.h"
#include "ir/graph.h"
#include "runtime/cpu/contraction.h"

namespace leat::compiler {

/// Drops nodes that no output and no effect needs.
ir::Graph eliminate_dead_nodes(const ir::Graph& graph);
bool has_dead_nodes(const ir::Graph& graph);

/// Merges equal nodes (op, operands, attributes, type). Effectful ops are never merged.
ir::Graph eliminate_common_subexpressions(const ir::Graph& graph);

/// Evaluates nodes whose operands are constants, up to `byte_budget` of results and about 0.1 s of work.
/// Never an op that would fault: the fault belongs to the run.
ir::Graph fold_constants(const ir::Graph& graph, std::int64_t byte_budget = 1 << 20);
/// Whether some node has constant operands only.
bool has_constant_operations(const ir::Graph& graph);

/// Rewrites that keep every bit: x * 1, x - 0 (not x + 0: it turns -0 into +0), double negation, views that
/// change nothing, view of view, convert to the same dtype, select of equal branches, division by a power of
/// two.
ir::Graph simplify_algebra(const ir::Graph& graph);

/// Makes every reduction reduce one contiguous block of dimensions, by transposing where it does not. The
/// order of operations is a function of the logical shape, so the bits stay.
ir::Graph normalize_reductions(const ir::Graph& graph);

/// Brings every dot_general into the form [batch..., m..., k...] x [batch..., k..., n...], by transposes.
ir::Graph normalize_contractions(const ir::Graph& graph);

/// Where a node of the graph that place_nodes made is, and why.
struct Placement {
  std::uint16_t device = 0;
  std::string why;  // "most bytes of its operands are there: 4096 of 4104"
  /// By device, where estimates decided; nodes of one kernel share them.
  std::shared_ptr<const std::vector<DeviceEstimate>> estimates;
};
struct Placements {
  std::vector<Placement> nodes;
  std::string summary;  // where estimates decided: what they promise, and what one device alone does
};

/// Gives every node a device and makes each move between devices a `copy` node. An explicit copy decides
/// where its result is; other nodes go where `plan` says, or else where most of their operands' bytes are,
/// but to device 0 where that is a GPU ("gpu:0") that has no code for them, and to the first GPU where only
/// one has. Parameters are where `input_devices` says, or on device 0; constants everywhere.
ir::Graph place_nodes(const ir::Graph& graph, const std::vector<std::string>& device_names,
                      const std::vector<std::uint16_t>& input_devices = {}, Placements* placements = nullptr,
                      const DevicePlan* plan = nullptr, const CustomLookup& custom = {});
/// Where each node of a placed graph is.
std::vector<std::uint16_t> device_of_nodes(const ir::Graph& graph,
                                           const std::vector<std::string>& device_names,
                                           const std::vector<std::uint16_t>& input_devices = {});

/// Keeps activations between convolutions in the blocked layouts that the library's kernels work on:
/// elementwise ops, pools, pads, slices and concats between them run on blocked arrays, and `reorder` nodes
/// stand only where that ends. Which ops do is the choice that moves the fewest bytes. `preferred` is asked
/// about every convolution on a CPU. The values stay the same; a convolution that is given blocks is done by
/// the library.
ir::Graph assign_layouts(
    const ir::Graph& graph, const std::vector<std::string>& device_names,
    const std::function<runtime::cpu::ConvolutionLayouts(const runtime::cpu::ConvolutionDescriptor&)>&
        preferred,
    const std::vector<std::uint16_t>& input_devices = {});

/// A value that one part of a fused graph hands to another, and why the two do not run as one.
struct FusionBoundary {
  std::uint32_t producer = 0, reader = 0;  // nodes of the fused graph
  std::string value;                       // the op that makes it, and its type
  std::string why;
};

/// Replaces runs of elementwise ops, views and reductions by `fused` nodes with a body; what is left outside
/// are contractions, ops with code of their own, and views that cost nothing (aliases, or strides of a
/// contraction).
struct FuseOptions {
  int max_ops = 64;
  int max_inputs = 24;
  int max_reductions = 5;
  bool one_op_per_group = false;  // no fusion: every op is a kernel of its own (tests, and to compare)
  std::vector<FusionBoundary>* boundaries = nullptr;  // gets those of fused regions with their neighbours
};
ir::Graph fuse_groups(const ir::Graph& graph, const FuseOptions& options = {});

}  // namespace leat::compiler
