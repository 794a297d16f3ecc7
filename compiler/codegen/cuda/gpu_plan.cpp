#include "compiler/codegen/cuda/gpu_plan.h"

#include <algorithm>
#include <bit>

#include "ir/extents.h"
#include "ir/meaning/reduction.h"

namespace leat::compiler::codegen {
namespace {

using ir::Kernel;
using Level = Kernel::Level;
using Stride = Kernel::Stride;
using runtime::cuda::GpuDescription;
using runtime::cuda::LaunchGeometry;

constexpr int kMapThreads = 256;
// Of a row or a block of columns: up to 128 registers a thread remain.
constexpr int kMostWarps = 16;
// A pairwise kernel is small: 64 registers do.
constexpr int kMostPairwiseWarps = 32;
// The bodies that a thread's elements take together, as cost_of counts: beyond it code grows and nothing is
// won.
constexpr int kMostWork = 192;

int cost_of_body(const Kernel& kernel) {
  int cost = 0;
  for (std::uint16_t v = 0; v < kernel.value_count(); ++v) cost += cost_of(kernel, v);
  return cost;
}

/// Elements of the widest access that 16 bytes hold, fewer where the body is dear.
int width_of(const Kernel& kernel) {
  std::size_t widest = 0;
  for (const Kernel::Input& input : kernel.inputs) {
    if (input.kind == Kernel::Input::Kind::memory && input.lane_stride == Stride::one)
      widest = std::max(widest, byte_size(input.dtype));
  }
  for (const Kernel::Output& output : kernel.outputs) {
    if (output.lane_stride == Stride::one) widest = std::max(widest, byte_size(kernel.dtype(output.value)));
  }
  if (widest == 0) return 1;
  int width = std::min(8, static_cast<int>(16 / widest));
  const int cost = cost_of_body(kernel);
  while (width > 1 && width * cost > kMostWork) width /= 2;
  return width;
}

std::vector<std::uint16_t> roots_of(const Kernel& kernel, const Pass& pass) {
  std::vector<std::uint16_t> roots = pass.checks;
  for (std::uint16_t v : pass.reductions) roots.push_back(kernel.body[v - kernel.inputs.size()].operands[0]);
  for (std::uint16_t o : pass.stores) roots.push_back(kernel.outputs[o].value);
  for (const Pass::Stage& stage : pass.stages) roots.push_back(stage.value);
  return roots;
}

/// What the passes of a row need more than once: staged values, and inputs.
void find_cached(const Kernel& kernel, GpuPlan& plan) {
  const std::vector<Pass>& passes = plan.schedule.passes;
  std::vector<bool> known(kernel.value_count());
  for (std::uint16_t v = 0; v < kernel.value_count(); ++v) known[v] = kernel.level(v) == Level::row;
  std::vector<int> first(kernel.value_count(), -1), last(kernel.value_count(), -1);
  for (std::size_t p = 0; p < passes.size(); ++p) {
    const std::vector<bool> needed = needed_by(kernel, roots_of(kernel, passes[p]), known);
    for (std::uint16_t v = 0; v < kernel.value_count(); ++v) {
      if (!needed[v]) continue;
      if (first[v] < 0) first[v] = static_cast<int>(p);
      last[v] = static_cast<int>(p);
    }
    for (const Pass::Stage& stage : passes[p].stages) known[stage.value] = true;
  }
  for (std::uint16_t v = 0; v < kernel.inputs.size(); ++v) {
    const Kernel::Input& input = kernel.inputs[v];
    if (last[v] <= first[v] || input.kind != Kernel::Input::Kind::memory || input.level == Level::row ||
        input.lane_stride == Stride::zero)
      continue;
    plan.cached.push_back({v, static_cast<std::size_t>(first[v]), static_cast<std::size_t>(last[v]), -1});
  }
  for (std::size_t p = 0; p < passes.size(); ++p) {
    for (const Pass::Stage& stage : passes[p].stages) {
      // An output that is stored anyway is as near.
      if (std::find(passes[p].stores.begin(), passes[p].stores.end(), stage.output) == passes[p].stores.end())
        plan.cached.push_back({stage.value, p, static_cast<std::size_t>(last[stage.value]), stage.output});
    }
  }
  std::stable_sort(plan.cached.begin(), plan.cached.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  // In the pass that needs an element for the last time, its thread reads it before it keeps another one
  // there.
  std::vector<std::size_t> until;
  for (GpuPlan::Cached& c : plan.cached) {
    const std::size_t bytes = byte_size(kernel.dtype(c.value));
    c.slot = 0;
    while (c.slot < until.size() && (until[c.slot] > c.first || plan.slots[c.slot] != bytes)) ++c.slot;
    if (c.slot == until.size()) {
      until.push_back(0);
      plan.slots.push_back(bytes);
    }
    until[c.slot] = c.last;
  }
}

std::int64_t row_cache_bytes(const GpuPlan& plan, std::int64_t n) {
  std::int64_t bytes = 0;
  for (std::size_t size : plan.slots) bytes += ir::ceil_div(n * static_cast<std::int64_t>(size), 16) * 16;
  return bytes;
}

/// A power of two of warps for `parts` chunks or blocks.
int warps_for(std::int64_t parts, int most) {
  return static_cast<int>(
      std::min<std::uint64_t>(std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(parts, 1))),
                              static_cast<std::uint64_t>(most)));
}

}  // namespace

GpuPlan make_gpu_plan(const Kernel& kernel) {
  GpuPlan plan;
  plan.schedule = make_schedule(kernel);
  for (const Pass& pass : plan.schedule.passes)
    plan.reductions = std::max(plan.reductions, static_cast<int>(pass.reductions.size()));
  switch (kernel.pattern) {
    case Kernel::Pattern::map:
      plan.max_threads = kMapThreads;
      for (std::uint16_t v = 0; v < kernel.inputs.size(); ++v) {
        const Kernel::Input& input = kernel.inputs[v];
        if (kernel.parallel_rank > 1 && input.kind == Kernel::Input::Kind::memory &&
            input.lane_stride == Stride::any)
          plan.strided.push_back(v);
      }
      plan.loops = plan.strided.empty() ? GpuPlan::Loops::map : GpuPlan::Loops::tiles;
      plan.width = width_of(kernel);
      break;
    case Kernel::Pattern::row_reduce:
      plan.loops = GpuPlan::Loops::rows;
      plan.max_threads = kMostWarps * kWarp;
      find_cached(kernel, plan);
      break;
    case Kernel::Pattern::column_reduce:
      plan.loops = GpuPlan::Loops::columns;
      plan.max_threads = kMostWarps * kWarp;
      break;
  }
  return plan;
}

LaunchGeometry launch_geometry(const Kernel& kernel, std::span<const std::int64_t> sizes,
                               const GpuDescription& gpu) {
  const GpuPlan plan = make_gpu_plan(kernel);
  const std::size_t minor = kernel.parallel_rank - 1u;
  std::int64_t outer = 1;
  for (std::size_t d = 0; d < minor; ++d) outer *= sizes[d];
  const std::int64_t reduced = kernel.has_reduced() ? sizes.back() : 1;
  LaunchGeometry launch;
  std::int64_t wanted = 0, shared = 0;
  int threads = kMapThreads;
  switch (plan.loops) {
    case GpuPlan::Loops::map:
      wanted = ir::ceil_div(outer * ir::ceil_div(sizes[minor], plan.width), threads);
      break;
    case GpuPlan::Loops::tiles: {
      for (std::uint16_t v : plan.strided)
        shared += kWarp * kTilePitch * static_cast<std::int64_t>(byte_size(kernel.inputs[v].dtype));
      if (shared > gpu.shared_per_block) shared = 0;  // the kernel then reads element by element
      if (shared > 0) launch.flags = kUseShared;
      const std::int64_t rows = sizes[minor - 1];
      wanted = rows == 0 ? 0 : outer / rows * ir::ceil_div(rows, kWarp) * ir::ceil_div(sizes[minor], kWarp);
      break;
    }
    case GpuPlan::Loops::rows: {
      wanted = outer * sizes[minor];
      const int warps = warps_for(ir::ceil_div(reduced, meaning::kReductionChunk), kMostWarps);
      threads = warps * kWarp;
      shared = ir::ceil_div(8 * warps * plan.reductions, 16) * 16;
      const std::int64_t cache = row_cache_bytes(plan, reduced);
      if (cache > 0 && shared + cache <= gpu.shared_per_block) {
        shared += cache;
        launch.flags = kUseShared;
      }
      break;
    }
    case GpuPlan::Loops::columns: {
      wanted = outer * ir::ceil_div(sizes[minor], kWarp);
      const int warps = warps_for(ir::ceil_div(reduced, meaning::kReductionBlock), kMostWarps);
      threads = warps * kWarp;
      shared = plan.reductions > 0 ? std::int64_t{8} * threads : 0;  // one reduction at a time
      break;
    }
  }
  launch.threads = static_cast<std::uint32_t>(threads);
  launch.shared_bytes = static_cast<std::uint32_t>(shared);
  launch.blocks = runtime::cuda::blocks_of_grid(wanted, threads, shared, gpu);
  return launch;
}

LaunchGeometry pairwise_geometry(std::int64_t chunks, std::int64_t rows, const GpuDescription& gpu) {
  LaunchGeometry launch;
  const int warps = warps_for(ir::ceil_div(chunks, kPartialsPerThread), kMostPairwiseWarps);
  launch.threads = static_cast<std::uint32_t>(warps * kWarp);
  launch.shared_bytes = 8 * launch.threads;
  launch.blocks =
      runtime::cuda::blocks_of_grid(ir::ceil_div(rows, kWarp), warps * kWarp, launch.shared_bytes, gpu);
  return launch;
}

}  // namespace leat::compiler::codegen
