// Asking for values: eval() hands work over and returns at once; wait_all() waits for everything.
//
// One eval of several tensors is one run: what they share is computed once. Only the tensors named
// are kept; other handles keep their expression. Over the Context's bounds eval() waits or helps,
// try_eval() says no. Any thread.
//
//   eval(loss, accuracy);              // returns at once
//   std::cout << loss.item<float>();   // waits
#pragma once

#include <initializer_list>
#include <span>
#include <stop_token>

#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

struct EvalOptions {
  std::stop_token stop{};                            // asks the run to stop: its futures report cancelled
  std::chrono::steady_clock::time_point deadline{};  // epoch: none
};

/// Starts computing these tensors, as one run. Errors of the computation stay in the values. Throws
/// failed_precondition for an undefined tensor or tensors of several Contexts.
void eval(std::span<const Tensor> tensors, const EvalOptions& options = {},
          SourceLocation where = SourceLocation::current());
template <class... Rest>
requires(std::same_as<Rest, Tensor>&&...) void eval(const Tensor& first, const Rest&... rest) {
  const Tensor tensors[] = {first, rest...};
  eval(std::span<const Tensor>(tensors));
}

/// Like eval(), but where the Context is at its bound nothing starts and the Status is
/// resource_exhausted. Plans in the caller.
Status try_eval(std::span<const Tensor> tensors, const EvalOptions& options = {},
                SourceLocation where = SourceLocation::current());
inline Status try_eval(const Tensor& tensor, SourceLocation where = SourceLocation::current()) {
  return try_eval(std::span<const Tensor>(&tensor, 1), {}, where);
}

/// Evaluates these tensors and blocks until all are ready; throws the first Error among them.
void wait(std::span<const Tensor> tensors, SourceLocation where = SourceLocation::current());
template <class... Rest>
requires(std::same_as<Rest, Tensor>&&...) void wait(const Tensor& first, const Rest&... rest) {
  const Tensor tensors[] = {first, rest...};
  wait(std::span<const Tensor>(tensors));
}

/// Blocks until nothing is in flight in the current Context. Faults stay in their values: never throws them.
void wait_all(SourceLocation where = SourceLocation::current());

}  // namespace leat
#pragma GCC visibility pop
