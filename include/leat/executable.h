// Compile a Graph, run it any number of times: the explicit level for embedders. Errors are Statuses.
//
// An Executable is shared by copies; Run may be called from any thread, any number of runs at once.
// Symbols of the graph take their extents from the inputs of each run; plans are kept per extents, and
// kernels are shared by all of them. RunInto is for loops with a deadline: once warm it runs on the
// caller's thread with no allocation, lock or hand-off; one thread at a time per Executable.
//
//   Executable e = Compile(graph).value();
//   std::vector<Future> y = e.Run({.inputs = {x, w}}).value();
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "leat/context.h"
#include "leat/future.h"
#include "leat/graph_builder.h"

#pragma GCC visibility push(default)
namespace leat {

struct CompileOptions {
  Context* context = nullptr;      // null: the current one
  Tier tier = Tier::machine_code;  // automatic: runs at once on the tile tier
  bool fuse = true;
  bool exact_contractions = false;
};

/// Memory of the caller's that an output is written to; it must not overlap an input or another output,
/// and must stay until the run's futures are ready.
struct OutputMemory {
  void* data = nullptr;  // null: Leat allocates
  std::size_t bytes = 0;
};

struct RunArguments {
  std::vector<Tensor> inputs{};
  std::vector<OutputMemory> outputs{};  // empty: Leat allocates all
  /// Inputs whose memory the run may reuse; heeded where this list holds the only handle on the value and
  /// no data() view of it lives.
  std::vector<std::uint32_t> donate{};
  std::stop_token stop{};
  std::optional<std::chrono::steady_clock::time_point> deadline{};
};

class Executable {
 public:
  /// Hands the run over and returns at once. invalid_argument if inputs or outputs do not fit the graph.
  StatusOr<std::vector<Future>> Run(RunArguments arguments) const;
  /// Runs on this thread. inputs[i] and outputs[i] are dense, row-major, of the graph's (static) types.
  Status RunInto(std::span<const void* const> inputs, std::span<void* const> outputs) const;
  /// A stage as text (Context::Dump has the list); static graphs only beyond "graph".
  StatusOr<std::string> Dump(std::string_view stage) const;
  const Graph& graph() const;

  struct [[gnu::visibility("hidden")]] State;
  explicit Executable(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

/// Plans a static graph now (code included, with Tier::machine_code); a symbolic one when its extents are
/// first seen.
StatusOr<Executable> Compile(const Graph& graph, const CompileOptions& options = {});

}  // namespace leat
#pragma GCC visibility pop
