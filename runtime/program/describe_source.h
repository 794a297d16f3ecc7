// What an error or a stall report calls a node of the user's graph: its op with its types, and the user's
// label and scope.
//
// Pure functions; any thread.
//
//   describe(source, at)  ->  add f32[8] f32[8] -> f32[8], "bias" in scope "head"
#pragma once

#include <string>

#include "runtime/program/program.h"

namespace leat::runtime {

/// `at` is where this run's user wrote it (Source::location where the run brings no table of its own). Empty
/// where nothing is known.
std::string describe(const Source& source, const ir::NodeLocation& at);

}  // namespace leat::runtime
