// Runs a Program's steps one after another in the calling thread: the body of a control op, and the plainest
// way to run a plan (tests hold the executor against it).
//
// Owns an arena for the temporaries; reusable, one thread at a time. Allocates only when made.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/block.h"
#include "runtime/program/program.h"

namespace leat::runtime {

class SequentialRun final : public StepContext {
 public:
  explicit SequentialRun(const Program& program);  // which must outlive it; throws std::bad_alloc

  /// Reads input i at inputs[i], writes output i at outputs[i]. Stops at the first fault and returns it.
  /// `outer` (may be null) tells when to stop.
  Status Run(std::span<void* const> inputs, std::span<void* const> outputs,
             const StepContext* outer = nullptr);

  void Poison(std::size_t use, const Status& fault, std::size_t source) override;
  bool stopping() const override { return outer_ != nullptr && outer_->stopping(); }

 private:
  const Program& program_;
  const StepContext* outer_ = nullptr;
  std::vector<void*> address_;  // of each buffer
  std::vector<void*> step_pointers_;
  OwnedBlock arena_;
  Status Located(Status fault, const Step& step, std::size_t source) const;
  Status fault_;
  std::size_t fault_source_ = 0;  // into the step's sources
};

}  // namespace leat::runtime
