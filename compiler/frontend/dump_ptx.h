// The `ptx` stage of dumps: what each step of a program is on a GPU. Needs no device.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/frontend/picture.h"
#include "leat/status.h"
#include "runtime/program/program.h"

namespace leat::frontend {

/// A step, or a part of one, under the name that a dump shows.
struct NamedStep {
  std::string name;
  const runtime::Program* program = nullptr;
  const runtime::Step* step = nullptr;
  const runtime::StepBody* body = nullptr;  // of the step, or its epilogue
};

/// Of each loop kernel, and of each launch of an op with code of its own, its geometry on the default device
/// of the architecture, and its PTX, once per distinct kernel; of other steps a line that says that there is
/// none. Products are shown as the exact kernel computes them. An unknown `arch` is invalid_argument.
StatusOr<std::vector<CodeText>> ptx_of(const std::vector<NamedStep>& steps, std::string_view arch);

}  // namespace leat::frontend
