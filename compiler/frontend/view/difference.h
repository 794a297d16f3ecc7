// What a pass, or several, changed.
#pragma once

#include <string>

#include "compiler/frontend/view/view.h"

namespace leat::frontend {

/// Two graphs: lines of the later one with the names that its nodes had in the earlier one; what is new is
/// called %new0, %new1, ... A line begins with " " (in both), "-" (in the first only) or "+". Runs of more
/// than seven equal lines are shortened to three at each end.
std::string difference(const View& from, const View& to);

}  // namespace leat::frontend
