// Every stage of a program, as text, a picture, JSON or a page for the browser. Computes nothing, needs no
// device.
//
// The stages, in order: "graph" (as it was written), "optimized", "placed", "fused", then "kernels", "llvm",
// "asm", "ptx" (of each kernel), "program" (the steps) and "memory" (the plan of the arenas). Between the
// stages stand the passes (passes()), each of which can be seen from before and behind. Free functions; any
// thread.
//
//   std::cout << *dump({y}, {.stage = "fused"});
//   std::ofstream("y.html") << *dump({y}, {.format = DumpFormat::html});   // opens in any browser, offline
//   std::cout << *diff({y}, "graph", "optimized");
//
// The JSON form, version 1 (members are only ever added):
//
//   {"format": "leat-dump", "version": 1, "name": "mlp", "devices": ["cpu:0", ...],
//    "passes": [{"name", "what", "ran", "nodes_before", "nodes_after"}],
//    "stages": [{"stage": "graph", "nodes": [NODE...], "edges": [EDGE...], "groups": [GROUP...],
//                "note": of "placed", what automatic placement promises}, ...],
//    "memory": {"peak_bytes", "arena_bytes": [per device], "buffers": [BUFFER...]},
//    "bodies": [{"of": "%5", "role": "body", and all of the above: the stages of a sub-graph}],
//    "kernels": [{"id": "k0", "name", "llvm", "asm", "ptx"}], "code_left_out": why some have none}
//   NODE    {"id": "%12" (as in the text; "s3": step 3), "kind": "parameter" | "constant" | "op" | "fused" |
//           "step" | "output", "op", "title", "types", "text", "label", "scope", "at": "file:line", "body",
//           "bytes", "group"; of steps "cost_ns", "device" and "kernels"; of nodes of "placed", where there
//           are several devices, "device" and "why", and where automatic placement decided "estimates":
//           [{"device": number, "run_ns", "copies_ns", "start_ns", "finish_ns", "rest_ns"}]; "origins": ids
//           of the nodes of the stage "graph" that it came from; of steps "made_of": ids of the nodes of the
//           stage "fused" that it computes; of nodes of "graph" "gone": the pass that left nothing of it};
//           members that are empty are left out
//   EDGE    {"from": id, "to": id, "types", "cause": "reuse", ... where it is no use}
//   GROUP   {"id": 3, "parent": 0, "kind": "root" | "scope" | "repeat" | "instance", "name", "path"}
//   BUFFER  {"id": "b4", "kind": "input" | "output" | "constant" | "temporary", "types", "bytes", "device",
//           "offset", "first", "last": the steps between which it is in use}
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/graph_builder.h"
#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

enum class DumpFormat : std::uint8_t {
  text,
  dot,   // Graphviz's language
  json,  // see above
  svg,   // these two through Graphviz's `dot`, which must be installed
  png,
  html,  // one file with everything in it
};

/// What is done about large graphs.
enum class Fold : std::uint8_t {
  automatic,  // over 200 nodes: repeats once, and scopes as one line or box until it fits
  none,       // everything, however long: text that can be parsed
  repeats,    // repeated structure once
  scopes,     // also every scope as one line or box
};

/// Whether formats json and html have the LLVM IR, assembly and PTX of each kernel.
enum class DumpCode : std::uint8_t {
  automatic,  // the page does, of the first 48 distinct kernels and up to 4 MiB
  none,
  all,
};

struct DumpOptions {
  /// A stage, or a pass as "after:PASS" or "before:PASS". Empty: "graph"; of formats json and html all stages
  /// (html always has all).
  std::string stage{};
  DumpFormat format = DumpFormat::text;
  /// One value's cone: what it depends on and what depends on it, up to `depth` away. A name as the text of
  /// the stage has it ("%12", "s3" for step 3, "b7" for a buffer), or in any stage a name of the stage
  /// "graph", a label, or a place ("train.cpp:41"). Empty: everything.
  std::string focus{};
  int depth = 3;
  Fold fold = Fold::automatic;
  /// Scopes that stay open where others are collapsed: "encoder/layer0".
  std::vector<std::string> unfold{};
  /// Constants of more elements are elided; -1: none is.
  std::int64_t constants = 64;
  std::string arch = "sm_90";  // of PTX
  DumpCode code = DumpCode::automatic;
};

/// Text that leaves something out begins with "// not parsable: " and the reason; the parser refuses it. An
/// unknown stage, pass or focus is invalid_argument or not_found and names what there is. Stages after
/// "graph" need static shapes. Of a Graph with the default device and options of the current Context.
StatusOr<std::string> dump(std::span<const Tensor> tensors, const DumpOptions& options = {});
StatusOr<std::string> dump(std::initializer_list<Tensor> tensors, const DumpOptions& options = {});
StatusOr<std::string> dump(const Graph& graph, const DumpOptions& options = {});

/// What lies between two graphs: stages "graph" to "fused", "after:PASS" (or just PASS), "before:PASS". Lines
/// of both, marked " ", "-" (in the first only) or "+", with the names that values have in the first.
StatusOr<std::string> diff(std::span<const Tensor> tensors, std::string_view from, std::string_view to);
StatusOr<std::string> diff(std::initializer_list<Tensor> tensors, std::string_view from, std::string_view to);

struct PassInfo {
  std::string name, what;
};
/// The passes, in order.
std::vector<PassInfo> passes();

}  // namespace leat
#pragma GCC visibility pop
