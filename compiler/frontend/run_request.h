// From a walk to what the engine is asked: inputs, outputs, places.
//
// The functions belong between a walk and the moment the graph lock is released.
#pragma once

#include <vector>

#include "compiler/frontend/context_state.h"
#include "compiler/frontend/walk.h"
#include "runtime/executor/run.h"

namespace leat::frontend {

/// The inputs of a run. REQUIRES: graph lock (for the leaves).
void fill_inputs(ContextState& state, const Walk& walk, std::vector<runtime::Ref<runtime::Value>>& inputs);
/// Makes the outputs, and marks their nodes as scheduled. REQUIRES: graph lock.
void fill_outputs(const Walk& walk, std::vector<runtime::Ref<runtime::Value>>& outputs);
/// Where the nodes of this walk were written, for errors: a plan is shared by many places. Only made where
/// something may go wrong, in this run or in one before it. REQUIRES: the inputs are filled in.
void fill_places(const Walk& walk, runtime::RunRequest& request);
/// Whether all that the walk starts from is there. REQUIRES: graph lock.
bool inputs_done(const Walk& walk);

}  // namespace leat::frontend
