// A program made ready to run over and over on the caller's thread: for loops with a deadline (P14).
//
// The arena, the pointer table and everything else is made once, by Create; RunInto then allocates nothing,
// takes no lock and hands nothing over. One PreparedRun serves one thread at a time; make several for more.
//
//   auto run = PreparedRun::Create(*engine, program).value();
//   const void* in[] = {x}; void* out[] = {y};
//   Status s = run->RunInto(in, out);
#pragma once

#include <memory>

#include "leat/status.h"
#include "runtime/engine/engine.h"

namespace leat::runtime {

class PreparedRun {
 public:
  static StatusOr<std::unique_ptr<PreparedRun>> Create(Engine& engine,
                                                       std::shared_ptr<const Program> program);
  virtual ~PreparedRun() = default;
  /// Runs every step on this thread, reading input i at inputs[i] and writing output i to outputs[i], which
  /// must not overlap an input. Returns the first fault, in the order of the outputs.
  virtual Status RunInto(const void* const* inputs, void* const* outputs) = 0;
};

}  // namespace leat::runtime
