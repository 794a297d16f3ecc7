// What a program is made of and what it costs: the summary to look at first.
//
// inspect() compiles without running or generating machine code: it needs no device and takes milliseconds.
// Counts (operations, bytes) follow from types alone; times are the compiler's estimates, or what the
// roofline of a machine allows, and are named so. `leat inspect` prints the same. Any thread.
//
//   Inspection seen = inspect(graph, {.roofline = measure_roofline()}).value();
//   std::cout << seen.ToString();
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "leat/executable.h"

#pragma GCC visibility push(default)
namespace leat {

/// What a machine reaches: f32 operations per second (a matmul is two per multiply-add), and bytes per second
/// of arrays that no cache holds.
struct Roofline {
  double operations_per_second = 0;
  double bytes_per_second = 0;
  std::string source{};  // how and where it was measured
  /// Operations per byte below which memory is the limit.
  double balance() const { return bytes_per_second > 0 ? operations_per_second / bytes_per_second : 0; }
};
/// Runs for about half a second on all workers of `context` (null: the current one), through Leat itself: the
/// best of several products of two f32[1024,1024], and of sums of two arrays of 64 MiB.
Roofline measure_roofline(Context* context = nullptr);

/// Everything counted in operations counts arithmetic of any dtype; transcendental functions are apart. Of a
/// loop one turn is counted. Bytes of a step are those that it must read and write once.
struct Inspection {
  struct Value {
    std::string name;  // outputs of text IR have none
    std::string type;  // "f32[32,64]"
    std::int64_t bytes = 0;
  };
  struct Parameters {  // constants of more than one element: a model's weights
    DType dtype = DType::f32;
    std::int64_t arrays = 0, elements = 0, bytes = 0;
  };
  struct OpKind {  // of the graph as it was written
    std::string op;
    std::int64_t count = 0;
    double operations = 0, transcendentals = 0, bytes = 0;
  };
  struct Step {
    std::string name;              // "matmul+maximum"
    std::string kind;              // "kernel", "matmul", "copy", ...
    std::string where;             // source lines and labels of its parts
    std::vector<std::string> ops;  // what is fused in it
    std::string device;
    double operations = 0, transcendentals = 0, bytes = 0;
    double estimate_ns = 0;  // the compiler's, on one worker
    double roofline_ns = 0;  // at least, on all workers; 0 without a roofline
    bool memory_bound = false;
    std::int32_t level = 0;       // the longest way to it, in steps
    bool critical = false;        // on the critical path
    std::int64_t live_bytes = 0;  // temporaries and outputs while it runs, in the order of the program
  };
  struct Boundary {
    std::uint32_t producer = 0, reader = 0;  // steps
    std::string value;                       // "reduce_sum f32[8]"
    std::string why;                         // they do not run as one
  };
  struct Copy {
    std::string type, from, to, why;
    std::int64_t bytes = 0;
  };
  struct PlacementEstimate {  // in ns from the start of the program
    std::string device;
    double run_ns = 0;     // of the kernel that the node is part of
    double copies_ns = 0;  // of its operands from elsewhere
    double start_ns = 0, finish_ns = 0;
    double rest_ns = 0;  // what must follow it, at best
  };
  struct Placement {   // of a node of the stage "placed" that is no parameter and no constant
    std::string node;  // "%7", as that stage prints it
    std::string op;    // "add"
    std::string device, why;
    std::vector<PlacementEstimate> estimates;  // of the devices it could be on, where these decided
  };
  struct Holder {  // of memory at the peak
    std::string type;
    std::int64_t bytes = 0;
    std::uint32_t writer = 0;  // step
    bool output = false;
  };

  std::string name;
  std::vector<Value> inputs, outputs;
  std::vector<Parameters> parameters;
  std::vector<OpKind> ops;  // the most frequent first
  std::vector<Step> steps;  // in the order of the program
  std::vector<Boundary> boundaries;
  std::vector<std::string> devices;
  std::vector<Placement> placements;  // empty where there is one device
  std::string placement_summary;      // of automatic placement: its estimate, and that of each device alone
  std::vector<Copy> copies;
  std::optional<Roofline> roofline;

  double operations = 0, transcendentals = 0;  // of the graph as it was written
  double bytes_unfused = 0;                    // if each op of it read and wrote memory
  double bytes = 0;                            // of the steps
  bool has_loops = false;                      // of which one turn is counted

  std::vector<std::int32_t> level_widths;  // steps that may run at once, by level
  std::vector<std::uint32_t> critical_path;
  double work_ns = 0, critical_path_ns = 0;  // estimates on one worker, and on as many as can be used

  std::int64_t peak_bytes = 0;  // what a run reserves: arenas and outputs
  std::int64_t arena_bytes = 0;
  std::int64_t best_order_peak_bytes =
      0;                             // of the temporaries, of the best sequential order; 0: not searched
  std::uint32_t peak_step = 0;       // where most is live
  std::vector<Holder> held_at_peak;  // the largest first

  /// For people: at most `rows` rows of each table (0: all).
  std::string ToString(int rows = 12) const;
  std::string ToJson() const;
};

struct InspectOptions {
  Context* context = nullptr;  // whose compile options, workers and devices count; null: the current one
  std::optional<Roofline> roofline{};
};

/// Of a graph without symbols (failed_precondition otherwise). Errors are those of compiling it.
StatusOr<Inspection> inspect(const Graph& graph, const InspectOptions& options = {});
/// Of the program that computes these tensors together.
StatusOr<Inspection> inspect(std::span<const Tensor> tensors, const InspectOptions& options = {});

}  // namespace leat
#pragma GCC visibility pop
