// Offsets for the temporaries of a Program, and the edges that reuse needs.
//
// The steps are list-scheduled (list_schedule.h) on the engine's workers; a buffer lives from the start of
// its writer to the end of its last reader in that schedule, and buffers that live at different times may
// share memory. Each sharing becomes edges (Cause::reuse) from the earlier buffer's users to the later one's
// writer. Of several schedules the one that needs the least memory is taken, among those that the edges make
// hardly slower than no reuse.
#pragma once

#include "runtime/program/program.h"

namespace leat::compiler {

struct MemoryOptions {
  int workers = 1;
  bool reuse = true;
  /// Below this many bytes of temporaries reuse buys nothing and its edges cost: a quarter of a second-level
  /// cache.
  std::int64_t reuse_from_bytes = 256 << 10;
};

/// REQUIRES: use edges are there and steps are in topological order; they may be reordered.
void plan_memory(runtime::Program& program, const MemoryOptions& options);

}  // namespace leat::compiler
