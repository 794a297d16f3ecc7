// Is the compiled program right? And if not: the smallest program that shows it.
//
//   CheckReport report = Check(graph).value();         // on random inputs
//   if (!report.agrees) std::cerr << report.text;      // the node, its source, the pass
//   Graph small = Reduce(graph, [](const Graph& g) { return !Check(g).value().agrees; }).value();
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "leat/executable.h"

#pragma GCC visibility push(default)
namespace leat {

struct CheckOptions {
  CompileOptions compile{};
  /// One per input; empty: random ones from `seed`, those that are used as indices in range.
  std::vector<Tensor> inputs{};
  std::uint64_t seed = 1;
};

struct CheckReport {
  bool agrees = true;
  std::int64_t values = 0, elements = 0;  // that were compared
  std::int64_t rounded = 0;  // of them, that differ within the rounding of a library's contraction
  std::string node;          // the first that differs, as text IR, with its source
  std::string difference;    // "element 5 of 12 is 2.5, expected 2"
  std::string pass;          // the compiler pass that is wrong; empty: none, but code or a run
  Status fault{};            // where interpreter and program agree that a node is faulty
  std::string text;          // all of it, for people
};

/// Runs the graph compiled, as it is and with every value kept, and compares each node with the interpreter
/// on the operands that it had: to the bit, except for contractions by a library, which get the bound of
/// their rounding (none with exact_contractions). failed_precondition for graphs with symbols;
/// invalid_argument for inputs that do not fit. Takes as long as the interpreter: seconds for a model of a
/// billion operations.
StatusOr<CheckReport> Check(const Graph& graph, const CheckOptions& options = {});

/// The smallest graph found (nodes, extents, constants) for which `fails` holds, after at most `max_tries`
/// calls of it, on this thread. failed_precondition for graphs with symbols; invalid_argument if it does not
/// hold for `graph`.
StatusOr<Graph> Reduce(const Graph& graph, const std::function<bool(const Graph&)>& fails,
                       std::int64_t max_tries = 5000);

}  // namespace leat
#pragma GCC visibility pop
