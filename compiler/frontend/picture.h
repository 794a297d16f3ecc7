// The stages of a program as pictures in the DOT language: `dot -Tsvg` draws them.
//
// Pure functions of what they are given; any thread. Labels and scopes that the user gave are shown, each
// scope as a frame around its ops.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/frontend/view/fold.h"
#include "compiler/frontend/view/view.h"
#include "ir/kernel.h"
#include "runtime/program/program.h"

namespace leat::frontend {

/// Nodes and what flows between them, as far as they are shown: open groups as frames, collapsed ones as
/// boxes; a dashed edge leads from the end of a repeat to its start. Scalar constants are left out.
std::string draw(const View& view, const Groups& groups, const Shown& shown);

struct NamedKernel {
  std::string name;
  const ir::Kernel* kernel;
};
/// One frame per kernel: inputs, instructions, stores.
std::string draw(const std::vector<NamedKernel>& kernels);

/// The blocks of a function and the jumps between them.
struct CodeText {
  std::string name;
  std::string text;  // LLVM IR or assembly
};
std::string draw_blocks(const std::vector<CodeText>& functions, bool assembly);

/// The arena as a table: bytes downwards, steps to the right, a block where each temporary lives.
std::string draw_memory(const runtime::Program& program);

}  // namespace leat::frontend
