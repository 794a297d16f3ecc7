// A stage of a program as what a person looks at: boxes with links, whatever it is made of.
//
// A View is one stage (a graph, or the steps of a program); Stages holds all of them with what links them:
// each node knows from which nodes of the first stage it came. Text, pictures, JSON and the page are made of
// these alone. Values; pure functions; any thread.
//
//   StatusOr<Stages> stages = see(graph, options, code);
//   for (const ViewNode& n : stages->views.back().nodes) std::cout << n.id << " " << n.title << "\n";
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/compile.h"
#include "compiler/passes/choose_devices.h"
#include "ir/graph.h"
#include "runtime/program/program.h"

namespace leat::frontend {

struct ViewNode {
  enum class Kind : std::uint8_t { parameter, constant, op, fused, step, output };
  Kind kind = Kind::op;
  std::string id;     // as in the text: "%12", "%x"; "s3" is step 3; "output 0"
  std::string op;     // "dot_general"; of a step what runs: "matmul"
  std::string title;  // one line for a box: "dot_general", "add, maximum", "matmul+add+maximum"
  std::string types;  // of its results: "f32[8,4], i64[8]"
  std::string text;   // its lines in the text form, without those of its sub-graphs
  std::string label, scope;
  std::string at;            // "train.cpp:41", or "" where that is unknown
  std::string body;          // text of the sub-graphs or kernels in it
  std::int64_t bytes = 0;    // of its results; of a step: read and written
  double cost_ns = 0;        // of a step: the estimate, on one worker
  std::uint16_t device = 0;  // of a step, and of a node of "placed"
  std::string why;           // it is on its device; "" but in "placed" with several devices
  std::shared_ptr<const std::vector<compiler::DeviceEstimate>> estimates;  // by device, where these decided
  std::vector<std::uint32_t> origins;   // nodes of the first view, ascending
  std::vector<std::uint32_t> made_of;   // of a step: nodes of the view "fused", ascending
  std::vector<std::string> body_names;  // names of the graphs that `text` refers to: "@kernel0"
  std::uint64_t signature = 0;          // alike for nodes that differ only in what they read

  bool is_source() const { return kind == Kind::parameter || kind == Kind::constant; }
};

struct ViewEdge {
  std::uint32_t from = 0, to = 0;
  std::string cause;  // of an edge between steps that is not a use: "reuse", "stream", ...
  std::string types;  // of what flows
};

struct View {
  std::string stage;
  std::string header, footer;  // the text around the nodes' lines; the footer has the results
  std::string note;            // of "placed": what automatic placement promises
  std::vector<std::pair<std::string, std::string>> bodies;  // sub-graphs behind it: name and text
  std::vector<ViewNode> nodes;                              // in a topological order
  std::size_t elided = 0;                                   // constants
  std::vector<ViewEdge> edges;                              // by (to, from), distinct
};

/// `constants`: literals of more elements are elided; -1: none.
View view_of(const ir::Graph& graph, std::string_view stage, std::int64_t constants);
View view_of(const runtime::Program& program, std::string_view stage);

/// The whole text of a view, as ir::print and runtime::print write it.
std::string print(const View& view);

/// A copy in which each node has a location of its own: node n is location n + 1, so that what is left of it
/// behind any pass says which node it was.
ir::Graph with_own_locations(const ir::Graph& graph);
/// Nodes inside a fused region have locations of the graph around it; printed alone they need them.
ir::Graph with_inner_locations(const ir::Graph& graph);

struct PassRun {
  std::string name, what;
  bool ran = false;  // false: it could change nothing
  std::size_t nodes_before = 0, nodes_after = 0;
};

/// The machine code of a kernel, as text.
struct KernelText {
  std::string name;  // of the step that it was first seen in
  std::string llvm, assembly, ptx;
};

struct Stages;
/// A sub-graph of a node: what became of it, as of the whole graph.
struct Body {
  std::string of;    // the node of the first view
  std::string role;  // "condition", "body", "then", "else"
  std::shared_ptr<Stages> stages;
};

struct Stages {
  std::string name;
  std::vector<std::string> devices;
  std::vector<View> views;  // "graph", "optimized", "placed", "fused", "program"
  std::vector<PassRun> passes;
  /// For each node of the first view the pass behind which nothing of it is left; "" where it stayed.
  std::vector<std::string> gone;
  std::shared_ptr<const runtime::Program> program;
  std::vector<Body> bodies;
  std::vector<KernelText> kernels;                   // the distinct ones: see add_code (kernel_text.h)
  std::vector<std::vector<std::uint32_t>> of_steps;  // of each step, which of them
  std::string code_left_out;                         // why some have no text; "": all have
  View asked;                                        // the graph that see() was asked for
};
/// Plans, compiles nothing to machine code. The graph must be static. `at` is a stage, "after:PASS" or
/// "before:PASS".
StatusOr<Stages> see(const ir::Graph& graph, compiler::CompileOptions options, compiler::CodeCache& code,
                     std::int64_t constants = 64, std::string_view at = "");

}  // namespace leat::frontend
