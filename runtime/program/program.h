// A Program: an immutable plan of one graph at one set of sizes, ready to run any number of times.
//
// It is a graph of steps over buffers. A step reads and writes buffers; an edge says that one step
// waits for another, and why. The steps stand in a topological order. Everything that changes while
// running lives in a Run, so any number of runs of one Program may be in flight. Any thread may read it.
//
// Temporaries live in one arena per device and run, at fixed offsets; outputs never do.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/graph.h"
#include "leat/status.h"
#include "runtime/program/resume.h"

namespace leat::runtime {

namespace cuda {
class GpuRun;  // runtime/cuda/gpu_run.h
}  // namespace cuda

/// An engine's devices are numbered: 0 is cpu:0; virtual CPUs (cpu:1, ...) and GPUs follow.
using DeviceId = std::uint16_t;

struct StepGraph;  // runtime/executor/step_graph.h

struct BufferInfo {
  enum class Kind : std::uint8_t { input, output, constant, temporary };
  Kind kind = Kind::temporary;
  DeviceId device = 0;
  std::uint32_t index = 0;  // input, output: the ordinal
  ir::Type type;            // of the value in it (dense, row-major)
  std::int64_t bytes = 0;
  std::int64_t offset = 0;                  // temporary: in the arena of its device, 64-byte aligned
  std::shared_ptr<const std::byte[]> data;  // constant: aligned for its elements, unless all readers read
                                            // unaligned
};

/// A step on a GPU: its stream, and what it waits for there.
struct StreamUse {
  std::uint32_t stream = 0;                               // of its device
  bool signals = false;                                   // others wait for it by an event
  bool in_graph = false;                                  // a device graph launches it
  std::vector<std::pair<std::uint32_t, DeviceId>> waits;  // steps on other streams, with their devices
  std::vector<std::uint32_t> faults;  // of a step that defers: the steps whose faults are known after it
  std::vector<std::pair<std::uint32_t, DeviceId>> graph_waits;  // of a device graph: what its steps wait for
};

/// What a step sees of its run.
class StepContext {
 public:
  /// Addresses of the step's uses, in the order of Step::uses.
  void* const* pointers = nullptr;
  /// Poisons the buffer of use `use` (which must be written) with a fault of Step::sources[source]; the
  /// first one sticks. A fault of the whole step is returned as a Status instead and poisons every buffer
  /// that it writes. The executor adds the source's op and location to the Status.
  virtual void Poison(std::size_t use, const Status& fault, std::size_t source = 0) = 0;
  /// Whether this run was cancelled or passed its deadline; long steps look now and then.
  virtual bool stopping() const = 0;

  // For steps on a GPU, which only the engine's runs have.
  virtual std::uint32_t step_ordinal() const { return 0; }
  /// From now on this is the context of another step, which has had its turn and was not over: what launches
  /// it for it goes through its steps. Ends with its own.
  virtual void Enter(std::uint32_t) {}
  /// REQUIRES: the program has steps on this device.
  virtual cuda::GpuRun* gpu(DeviceId) { return nullptr; }
  virtual const StreamUse& stream_use() const;
  /// From now on Execute is the first half of the step, which is over for the executor once the result is
  /// called. Nullopt: the step has to wait itself.
  virtual std::optional<Resume> Defer() { return std::nullopt; }
  /// Takes Defer back. REQUIRES: its result was not called and never will be.
  virtual void KeepTurn() {}

 protected:
  ~StepContext() = default;
};

/// The code of a step. Immutable; Execute is called from any thread, for disjoint ranges at once.
class StepBody {
 public:
  virtual ~StepBody() = default;
  /// Does units [begin, end) of the step's work.
  virtual Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const = 0;
  /// "kernel", "matmul", "convolution", "copy", "op", "custom", "cond", ...
  virtual std::string_view kind() const = 0;
  /// One line for dumps.
  virtual std::string ToString() const = 0;
  /// Whether use `write` may be at the address of use `read`: each element read is read before, or by the
  /// same unit as and at the place of, the write. Allows an output in the memory of a donated input.
  virtual bool MayAlias([[maybe_unused]] std::size_t read, [[maybe_unused]] std::size_t write) const {
    return false;
  }
  /// Whether what is written to use `write` is computed from what use `read` holds. If not, a fault behind
  /// `read` does not keep it: Execute is called all the same, with other content there.
  virtual bool Depends([[maybe_unused]] std::size_t write, [[maybe_unused]] std::size_t read) const {
    return true;
  }

  /// Whether use `read` may be at any address. If not, it is aligned for its elements.
  virtual bool ReadsUnaligned([[maybe_unused]] std::size_t read) const { return false; }

  // Steps on a GPU (runtime/cuda/gpu_steps.h).
  /// Execute only queues the work: what follows on the device may be queued at once.
  virtual bool queued() const { return false; }
  /// Execute defers: the step is over after Finish, which runs on a thread of the pool.
  virtual bool defers() const { return false; }
  virtual Status Finish(StepContext&) const { return {}; }
  /// Runs although the run is stopping or its inputs have no content.
  virtual bool settles() const { return false; }
  /// Whether CollectFaults, which poisons what the work has turned out to be a fault of, has anything to do.
  virtual bool may_fault() const { return false; }
  virtual void CollectFaults(StepContext&) const {}
};

struct Use {
  std::uint32_t buffer;
  bool write;
};

enum class Cause : std::uint8_t { use, reuse, stream, device_graph, admission };
std::string_view name(Cause cause);

struct Step {
  std::string name;                      // "softmax", "matmul", ... for traces and dumps
  std::shared_ptr<const StepBody> body;  // null: nothing to run (a join)
  std::vector<Use> uses;
  DeviceId device = 0;
  std::int64_t units = 1;              // the work is the range [0, units)
  std::int64_t grain = 1;              // never split into ranges smaller than this
  double cost_ns = 0;                  // estimate on one worker
  double rank_ns = 0;                  // estimate of the longest path from its start to the end
  std::vector<std::uint32_t> sources;  // ordinals into Program::sources
  std::vector<std::uint32_t> nodes;    // of the fused graph: what it does (a part of)
  std::vector<float> shares;           // of each source, of the cost: the cost model's; may be empty
};

struct Edge {
  std::uint32_t from;
  std::uint32_t to;
  Cause cause;
};

/// A node of the user's graph that a step came from: survives fusion, for errors, traces and dumps.
/// A plan serves many places of the user's program, so a run may bring a table of its own from `ordinal` to
/// location (RunRequest::locate); `location` is where the graph that was compiled says.
struct Source {
  ir::Op op = ir::Op::parameter;
  std::uint32_t ordinal = 0;  // ir::Node::location in the graph that was compiled; 0 is unknown
  ir::NodeLocation location;
  std::string
      signature;  // "add f32[8,4] f32[8,4] -> f32[8,4]"; may be empty in programs of over 10,000 steps
};

struct Program {
  std::string name;
  std::vector<BufferInfo> buffers;
  std::vector<Step> steps;
  std::vector<Edge> edges;             // sorted by (from, to), no duplicates
  std::vector<std::uint32_t> inputs;   // the buffer of each input
  std::vector<std::uint32_t> outputs;  // the buffer of each output: its own, an input's (the value is passed
                                       // through) or a constant's; two outputs may name one buffer
  std::vector<Source> sources;
  std::vector<StreamUse> stream_uses;      // per step; empty without steps on a GPU
  std::vector<std::int64_t> arena_bytes;   // per device
  std::int64_t peak_bytes = 0;             // arenas + outputs: what admission reserves
  std::int64_t best_order_peak_bytes = 0;  // of the best sequential order found, for comparison

  // Derived by Finish(). The successors of step s are successors[successor_begin[s] ..
  // successor_begin[s+1]), the least urgent first; in_degree[s] counts its predecessors.
  std::vector<std::uint32_t> successor_begin;
  std::vector<std::uint32_t> successors;
  std::vector<std::uint32_t> in_degree;
  /// For each input, the steps that read it (they wait where an input is not ready as a run starts).
  std::vector<std::vector<std::uint32_t>> input_readers;
  /// What the executor walks. Copies of a Program share it: call Finish again after changing a copy.
  std::shared_ptr<const StepGraph> graph;

  /// Sorts the edges, derives the CSR arrays and the ranks. Fails if the steps are not in topological
  /// order or a reference is out of range.
  Status Finish();
};

/// The `program` and `memory` stages of dumps.
std::string print(const Program& program);
std::string print_memory(const Program& program);

}  // namespace leat::runtime
