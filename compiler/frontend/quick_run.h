// Running a small known plan right here, without a Run: no admission, no hand-off, hardly an allocation.
//
// A plan is quick if it is small, writes all its outputs itself, has one of them, and needs next to no memory
// of its own. What is out of the ordinary (no memory, a fault) is left to an ordinary run: such a plan has no
// effects, so running it again is the same. A plan keeps one prepared run at rest; more are made as threads
// ask at once. One QuickRun belongs to one thread.
//
//   QuickRun run(state, plan);
//   Ref<Buffer> y = run.Run(addresses_of_inputs);   // null: submit it
#pragma once

#include "compiler/frontend/context_state.h"
#include "runtime/executor/prepared_run.h"

namespace leat::frontend {

/// Whether the program of a small plan is quick.
bool is_quick(const runtime::Program& program);

class QuickRun {
 public:
  /// REQUIRES: plan.quick, and the engine stays there (ContextState::Use).
  QuickRun(ContextState& state, Plan& plan);
  ~QuickRun();
  QuickRun(const QuickRun&) = delete;
  QuickRun& operator=(const QuickRun&) = delete;
  /// The content of the output; null if there is none, and then nothing has happened.
  runtime::Ref<runtime::Buffer> Run(const void* const* inputs);

 private:
  ContextState& state_;
  Plan& plan_;
  runtime::PreparedRun* prepared_;
};

}  // namespace leat::frontend
