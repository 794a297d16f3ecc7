// Conformance cases, generated from the op table: graphs of one op, with the inputs that break things.
//
// op_cases() knows every op of ir/ops.def; one that it has no cases for makes the suite fail by name. What
// a case computes is not written down: the interpreter is the oracle. The cases of an op and a dtype are the
// same in every process. Any thread.
//
//   OpCases cases = op_cases(Op::add, DType::f32);
//   for (const OpCase& c : cases.cases) ... interpret(c.graph, c.inputs) ...
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/interpreter.h"

namespace leat::testing {

struct OpCase {
  std::string what;  // "f32[5,17] transposed, ..."
  ir::Graph graph;   // its outputs are all results of the op
  std::vector<ir::Array> inputs;
};

struct OpCases {
  Status rejected;  // what inference said to the first operand of this dtype; ok if it took all
  std::vector<OpCase> cases;
};

/// The dtype is that of the operand which the op computes with, or of the result where there is none.
OpCases op_cases(ir::Op op, DType dtype);

/// Whether `op` is defined for `dtype`, by the op table and the two constraints that narrow it.
bool op_accepts(ir::Op op, DType dtype);

/// The user functions that custom_call cases name.
const std::map<std::string, ir::CustomFunction>& case_functions();

}  // namespace leat::testing
