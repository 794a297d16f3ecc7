// The code of a fused kernel, shared by every step that runs it: a slot for machine code, over the
// tile evaluator, which runs the same kernel with the same bits until machine code is there.
//
// One KernelCode exists per distinct kernel and Context. Run may be called from any thread; machine
// code may be published at any moment and takes over about a millisecond later.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "ir/kernel.h"
#include "runtime/program/program.h"

namespace leat::runtime {

class KernelCode {
 public:
  explicit KernelCode(ir::Kernel kernel) : kernel_(std::move(kernel)) {}

  const ir::Kernel& kernel() const { return kernel_; }
  /// Runs [begin, end): machine code if published, else the tile evaluator.
  void Run(const ir::KernelLaunch& launch, std::int64_t begin, std::int64_t end) const;
  /// Makes `function` the code from now on; `owner` keeps it loaded. REQUIRES: called at most once.
  void Publish(ir::KernelFunction function, std::shared_ptr<const void> owner);
  ir::KernelFunction function() const { return function_.load(std::memory_order_acquire); }
  bool compiled() const { return function() != nullptr; }

 private:
  ir::Kernel kernel_;
  std::atomic<ir::KernelFunction> function_{nullptr};
  std::shared_ptr<const void> owner_;  // written once, before function_
};

/// One launch of a kernel as a step. The uses are the memory inputs, then the outputs, in slot order.
class KernelStep final : public StepBody {
 public:
  struct Fault {
    Status status;                    // without location: the executor adds it
    std::vector<std::uint32_t> uses;  // the outputs that it poisons
    std::uint32_t source = 0;         // into the step's sources
  };
  struct Arguments {
    std::vector<std::int64_t> sizes;
    std::vector<std::int64_t> accesses;
    std::vector<std::uint64_t> scalars;
    std::vector<Fault> faults;  // one per fault flag
  };
  KernelStep(std::shared_ptr<KernelCode> code, Arguments arguments)
      : code_(std::move(code)), arguments_(std::move(arguments)) {}
  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override;
  std::string_view kind() const override { return "kernel"; }
  bool Depends(std::size_t write, std::size_t read) const override;
  std::string ToString() const override;
  const std::shared_ptr<KernelCode>& code() const { return code_; }
  const Arguments& arguments() const { return arguments_; }

 private:
  std::shared_ptr<KernelCode> code_;
  Arguments arguments_;
};

}  // namespace leat::runtime
