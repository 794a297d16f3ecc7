// How a kernel is spread over the threads of a GPU, and the launch that follows from its sizes.
//
// GpuPlan is what emission and launching must agree on; it follows from the kernel alone. launch_geometry
// adds the sizes and the device. Both are pure functions without LLVM: a new size costs arithmetic.
//
//   map      a thread computes `width` consecutive elements of a row, a grid-stride loop over such groups
//   tiles    map whose strided inputs may be transposed: tiles of 32 x 32 through shared memory
//   rows     a block computes a row; element i of it belongs to warp (i / 4096) mod warps, thread i mod 32
//   columns  a block computes 32 columns; row i belongs to warp (i / 64) mod warps
//
// Elements of a row or column belong to the same thread in every pass, so that what one pass keeps for the
// next (in shared memory or in an output) needs no barrier.
#pragma once

#include <span>
#include <vector>

#include "compiler/codegen/schedule.h"
#include "ir/kernel.h"
#include "runtime/cuda/gpu_description.h"
#include "runtime/cuda/kernel_parameters.h"

namespace leat::compiler::codegen {

inline constexpr int kWarp = 32;
/// A tile's rows in shared memory are this many elements apart: no two of a column share a bank.
inline constexpr int kTilePitch = 33;
/// LaunchGeometry::flags: the shared memory of the launch holds the tiles, or what later passes of a row need
/// again; without it everything comes from global memory.
inline constexpr std::uint64_t kUseShared = 1;
/// Partials that one thread of a pairwise kernel joins at a time.
inline constexpr int kPartialsPerThread = 8;

struct GpuPlan {
  enum class Loops : std::uint8_t { map, tiles, rows, columns };
  /// A value of a row that passes after `first` need again, kept in shared memory where the row fits.
  struct Cached {
    std::uint16_t value;
    std::size_t first;     // the pass that loads or computes it
    std::size_t last = 0;  // the last pass that needs it
    int output;            // whose memory keeps it where shared memory does not; -1: an input, loaded again
    std::size_t slot = 0;  // whose memory it has: another value's before it, which no later pass needs
  };
  Loops loops = Loops::map;
  int width = 1;        // map: elements of a thread
  int max_threads = 0;  // of a block
  int reductions = 0;   // rows, columns: the most of any pass
  Schedule schedule;
  std::vector<Cached> cached;          // rows, by first
  std::vector<std::size_t> slots;      // rows: bytes of an element of each slot
  std::vector<std::uint16_t> strided;  // tiles: inputs that go through shared memory
};

GpuPlan make_gpu_plan(const ir::Kernel& kernel);

/// REQUIRES: `sizes` has kernel.rank() entries.
runtime::cuda::LaunchGeometry launch_geometry(const ir::Kernel& kernel, std::span<const std::int64_t> sizes,
                                              const runtime::cuda::GpuDescription& gpu);

/// Of the kernel that joins the partial results of a split reduction (kernel_ptx.h).
runtime::cuda::LaunchGeometry pairwise_geometry(std::int64_t chunks, std::int64_t rows,
                                                const runtime::cuda::GpuDescription& gpu);

}  // namespace leat::compiler::codegen
