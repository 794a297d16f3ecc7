// The compiled program against the interpreter, value by value.
//
// Two programs are run. One gives every value of the graph: each node is then computed by the interpreter
// from the operands that the program had, so that only what is wrong itself is found, not what follows from
// it, and
// == holds also behind a contraction that a library did. The other is the program as it is, fused to the
// full; its outputs are held against the first one's. Where they differ, the first value that does is looked
// for, and the first pass after which the graph means something else.
//
// Bits are compared, any NaN being equal to any NaN. What a library contracts (not with exact_contractions)
// may differ by the bound of its rounding, 2 k u sum |x| |y|; outputs of the program as it is, behind such a
// node, whose bits may depend on the layout that was chosen, by 1e-3 of the largest (f16, bf16: 2e-2), and
// integers there may be anything.
//
//   StatusOr<CheckReport> report = check_graph(graph, inputs, options, code, engine);
//   if (report.ok() && report->divergence) puts(report->ToString().c_str());
#pragma once

#include <optional>
#include <span>
#include <string>

#include "compiler/compile.h"
#include "runtime/engine/engine.h"

namespace leat::compiler {

struct Divergence {
  std::uint32_t node = 0;   // of the graph that was checked, without its dead nodes
  std::string text;         // the node, as print() writes it, with its source
  std::string difference;   // "element 5 of 12 is 2.5, expected 2"
  std::string pass;         // the first that changes what the graph means; empty: code or a run is wrong
  bool when_fused = false;  // only the program as it is shows it
};

struct CheckReport {
  std::int64_t values = 0, elements = 0;  // that were compared
  std::int64_t rounded = 0;               // of them, that differ in bits within these bounds
  std::int64_t skipped = 0;               // integer outputs that differ behind a library's contraction
  std::optional<Divergence> divergence;
  Status fault;  // of the first node that the interpreter and the program both say is faulty
  bool agrees() const { return !divergence.has_value(); }
  std::string ToString() const;
};

/// REQUIRES: the graph is static, and the inputs are of its types. An error is one of compiling or running
/// (out of memory, ...), never a difference. Custom calls are called three times, and must be functions.
StatusOr<CheckReport> check_graph(const ir::Graph& graph, std::span<const ir::Array> inputs,
                                  const CompileOptions& options, CodeCache& code, runtime::Engine& engine);

}  // namespace leat::compiler
