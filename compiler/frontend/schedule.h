// Scheduling: how roots become runs, and how a caller gets at a value.
//
// start() marks the roots as scheduled (their Values are pending) and hands a run to the engine; planning
// happens there. Small graphs whose plan is known and whose inputs are there run at once on the thread
// that waits for them: no hand-off, no wake-up.
#pragma once

#include <span>

#include "compiler/frontend/context_state.h"
#include "compiler/frontend/node.h"
#include "leat/eval.h"

namespace leat::frontend {

enum class Admission : std::uint8_t { wait, refuse };

/// Schedules what is not evaluated yet among `roots`, as one run. Null if there is nothing to do.
/// The error is resource_exhausted if the engine refused (Admission::refuse only). Throws for bad roots.
StatusOr<runtime::Ref<runtime::Run>> start(std::span<const Tensor> roots, const EvalOptions& options,
                                           Admission admission, SourceLocation where);

/// Submits the run of a node that is marked as scheduled already, with `value`. What goes wrong is in the
/// value.
void submit_scheduled(const std::shared_ptr<ContextState>& state, Node* node,
                      const runtime::Ref<runtime::Value>& value);

/// The value of a node, scheduled or there; schedules it if need be, small things at once on this thread.
runtime::Ref<runtime::Value> request_value(const Tensor& tensor, SourceLocation where);

/// Blocks until the value is done; throws its error. `call` is what the user called, for guards.
runtime::Ref<runtime::Value> await_value(const Tensor& tensor, std::string_view call, SourceLocation where);

/// The same for who is going to read it: a value on a GPU is copied to the host.
runtime::Ref<runtime::Value> read_value(const Tensor& tensor, std::string_view call, SourceLocation where);

/// The value if it is scheduled or there; null otherwise. Never starts anything.
runtime::Ref<runtime::Value> peek_value(const Tensor& tensor);

/// Throws what a done value that is not ready says.
[[noreturn]] void throw_value_error(const runtime::Value& value, std::uint32_t context, SourceLocation where);

/// Drops the operands of a node whose value is ready.
void settle(Node* node);

}  // namespace leat::frontend
