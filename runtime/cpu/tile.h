// The tile tier: runs a kernel without compiling it.
//
// Evaluates the body instruction by instruction on tiles of a few hundred elements held in scratch
// (per thread, reused), through loops that were compiled ahead of time per (op, dtype) from the same
// meanings as everything else, for a baseline, AVX2+FMA and AVX-512. Any thread; no allocation once a
// thread's scratch has grown.
#pragma once

#include "ir/kernel.h"

namespace leat::runtime::cpu {

void run_tiles(const ir::Kernel& kernel, const ir::KernelLaunch& launch, std::int64_t begin,
               std::int64_t end);

struct TileLoops;  // tile_loops.h
/// The same with the loops of one instruction set. REQUIRES: the processor has it.
void run_tiles(const TileLoops& loops, const ir::Kernel& kernel, const ir::KernelLaunch& launch,
               std::int64_t begin, std::int64_t end);

/// What run_tiles costs on this machine, estimated, in ns per element of the domain.
double tile_cost_per_element(const ir::Kernel& kernel);

}  // namespace leat::runtime::cpu
