// The form of a Program that the executor walks: 32-byte step records and 32-bit edges, nothing else.
//
// Built once by Program::Finish and immutable, shared by copies of the Program, which own what the records
// point to. Two virtual steps frame the real ones: `start` releases the sources, and `end` is reached when
// everything is done. A step that more than 64 others release is reached through a tree of 16-way virtual
// counters, so that no counter is hammered by all threads. The top bit of an edge says that its target has
// no other predecessor and needs no counter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/status.h"
#include "runtime/program/program.h"

namespace leat::runtime {

inline constexpr std::uint32_t kNone = ~0u;            // no step, output or slot
inline constexpr std::uint32_t kSingle = 0x80000000u;  // on an edge: in-degree 1
inline constexpr std::uint32_t kStepMask = 0x7fffffffu;
/// The edge to `end` where several steps are last: those are counted, not released one by one.
inline constexpr std::uint32_t kEndEdge = 0x7fffffffu;
/// Above this many edges, successors are released from a range item that splits in halves; fan-in this wide
/// becomes a tree. Measured on 100k independent steps: 10.1 -> 3.2 ns a step at 2 threads.
inline constexpr std::uint32_t kWide = 64;

struct StepRecord {
  enum Flag : std::uint16_t {
    heavy = 1,          // long or of unknown length: publish all other work before it starts
    writes_output = 2,  // some output is complete when its last writer is
    split = 4,          // `units` indexes StepGraph::splits
    last = 8,           // the virtual end
    sink = 16,          // nothing waits for it but the counted end
    defers = 32,        // over only after a second half (StepBody::Finish)
    settles = 64,       // runs also where the run is stopping
  };
  const StepBody* body;  // null: nothing to run
  std::int64_t units;
  std::uint32_t first_edge;
  std::uint32_t edge_count;
  std::uint32_t first_use;  // into the pointer table of a run
  std::uint16_t in_degree;
  std::uint16_t flags;
};
static_assert(sizeof(StepRecord) == 32);

/// A step whose units are handed out in ranges to whoever has time.
struct SplitStep {
  std::int64_t units;
  std::int64_t grain;
  std::int64_t least;  // units in the smallest range worth handing out
  double cost_ns;
};

struct StepGraph {
  std::uint64_t id = 0;          // unique in the process
  std::uint32_t step_count = 0;  // of the Program; virtual steps follow
  std::uint32_t start = 0, end = 0;
  std::uint32_t sink_count = 1;  // edges to `end`
  std::vector<StepRecord> records;
  std::vector<std::uint32_t> edges;
  std::vector<SplitStep> splits;
  std::uint32_t use_count = 0;  // entries of the pointer table
  double total_cost_ns = 0;
  bool cost_known = true;  // every body has a cost estimate
  bool is_chain = false;   // nothing could ever overlap
  bool user_code = false;  // some body may run user code
  bool queued = false;     // some body only queues its work
  /// Where the address of input i (then of output o, at index inputs + o) stands in the pointer table:
  /// patches[patch_begin[k] .. patch_begin[k+1]).
  std::vector<std::uint32_t> patch_begin, patches;
  /// Edges to the readers of input i: edges[input_edges[i] .. input_edges[i+1]).
  std::vector<std::uint32_t> input_edges;
  /// Per output ordinal: how many steps write its buffer, and the next ordinal of the same buffer (or ~0).
  std::vector<std::uint32_t> output_writers, next_alias;
  /// Outputs that are inputs: (input ordinal, output ordinal), sorted.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> passed_through;
  /// Per output ordinal: the input whose memory it may take when that is donated, and ~0 for none.
  std::vector<std::uint32_t> donor;

  /// Bytes of the compiled form and of the counters of one run.
  std::size_t bytes() const;
};

/// Custom ops, and control flow, which may hold some. User code may block: no waiting caller runs it.
inline bool may_run_user_code(const StepBody& body) {
  const std::string_view kind = body.kind();
  return kind == "custom" || kind == "cond" || kind == "while";
}

/// REQUIRES: the rest of Program::Finish is done.
std::shared_ptr<const StepGraph> build_step_graph(const Program& program);

}  // namespace leat::runtime
