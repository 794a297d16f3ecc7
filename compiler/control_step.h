// Steps that own more than loops: a user's function, and control flow with its sub-programs.
#pragma once

#include "compiler/compile.h"
#include "runtime/program/program.h"

namespace leat::compiler {

/// Calls a user's function on whole buffers. What it throws becomes custom_op_failed.
std::shared_ptr<const runtime::StepBody> make_custom_step(std::string target, ir::CustomFunction function,
                                                          std::vector<ir::Type> operands,
                                                          std::vector<ir::Type> results);

/// cond and while_loop: the sub-graphs are compiled into programs of their own, which the step runs in its
/// worker.
StatusOr<std::shared_ptr<const runtime::StepBody>> make_control_step(const ir::Graph& graph,
                                                                     const ir::Node& node,
                                                                     const CompileOptions& options,
                                                                     CodeCache& code);

/// How they are compiled in a program that is compiled with `options`.
CompileOptions options_of_parts(CompileOptions options);

/// A program that a step owns, and what it is of: "condition", "body", "then", "else".
struct SubProgram {
  std::string_view role;
  std::shared_ptr<const runtime::Program> program;
};
std::vector<SubProgram> sub_programs(const runtime::StepBody& body);

}  // namespace leat::compiler
