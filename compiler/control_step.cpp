#include "compiler/control_step.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/program/sequential_run.h"

namespace leat::compiler {
namespace {

using runtime::Program;
using runtime::StepBody;
using runtime::StepContext;

// The arrays of a custom function are views of the step's buffers.
ir::Array view_of(const ir::Type& type, void* data) {
  return {type, std::shared_ptr<std::byte[]>(std::shared_ptr<void>(), static_cast<std::byte*>(data))};
}

class CustomStep final : public StepBody {
 public:
  CustomStep(std::string target, ir::CustomFunction function, std::vector<ir::Type> operands,
             std::vector<ir::Type> results)
      : target_(std::move(target)),
        function_(std::move(function)),
        operands_(std::move(operands)),
        results_(std::move(results)) {}

  Status Execute(StepContext& context, std::int64_t, std::int64_t) const override {
    std::vector<ir::Array> inputs, outputs;
    for (std::size_t i = 0; i < operands_.size(); ++i)
      inputs.push_back(view_of(operands_[i], context.pointers[i]));
    for (std::size_t i = 0; i < results_.size(); ++i) {
      outputs.push_back(view_of(results_[i], context.pointers[operands_.size() + i]));
    }
    try {
      Status status = function_(inputs, outputs);
      if (status.ok()) return status;
      if (status.code() == Code::custom_op_failed) return status;  // it names the op already
      return Status(Code::custom_op_failed, absl::StrCat("custom op \"", target_, "\": ", status.message()));
    } catch (const std::exception& e) {
      return Status(Code::custom_op_failed, absl::StrCat("custom op \"", target_, "\" threw: ", e.what()));
    } catch (...) {
      return Status(Code::custom_op_failed, absl::StrCat("custom op \"", target_, "\" threw"));
    }
  }
  std::string_view kind() const override { return "custom"; }
  std::string ToString() const override { return absl::StrCat("custom \"", target_, "\""); }

 private:
  std::string target_;
  ir::CustomFunction function_;
  std::vector<ir::Type> operands_;
  std::vector<ir::Type> results_;
};

class CondStep final : public StepBody {
 public:
  CondStep(std::shared_ptr<const Program> then_branch, std::shared_ptr<const Program> else_branch)
      : then_(std::move(then_branch)), else_(std::move(else_branch)) {}
  Status Execute(StepContext& context, std::int64_t, std::int64_t) const override {
    const bool which = *static_cast<const bool*>(context.pointers[0]);
    const Program& program = which ? *then_ : *else_;
    const std::span<void* const> inputs(context.pointers + 1, program.inputs.size());
    const std::span<void* const> outputs(context.pointers + 1 + program.inputs.size(),
                                         program.outputs.size());
    return runtime::SequentialRun(program).Run(inputs, outputs, &context);
  }
  std::string_view kind() const override { return "cond"; }
  std::string ToString() const override {
    return absl::StrCat("cond then ", then_->steps.size(), " steps else ", else_->steps.size(), " steps");
  }
  std::vector<SubProgram> parts() const { return {{"then", then_}, {"else", else_}}; }

 private:
  std::shared_ptr<const Program> then_, else_;
};

class WhileStep final : public StepBody {
 public:
  WhileStep(std::shared_ptr<const Program> condition, std::shared_ptr<const Program> body)
      : condition_(std::move(condition)), body_(std::move(body)) {}
  Status Execute(StepContext& context, std::int64_t, std::int64_t) const override {
    // The state moves between two sets of buffers; the outputs are one of them.
    const std::size_t n = body_->inputs.size();
    const auto copy_state = [&](std::size_t i, const void* from, void* to) {
      // What is empty may be nowhere.
      if (const std::int64_t bytes = body_->buffers[body_->inputs[i]].bytes; bytes > 0) {
        std::memcpy(to, from, static_cast<std::size_t>(bytes));
      }
    };
    std::vector<std::unique_ptr<std::byte[]>> other(n);
    std::vector<void*> state(n), next(n);
    for (std::size_t i = 0; i < n; ++i) {
      const auto bytes = static_cast<std::size_t>(body_->buffers[body_->inputs[i]].bytes);
      other[i].reset(new std::byte[std::max<std::size_t>(bytes, 1)]);
      state[i] = context.pointers[n + i];
      next[i] = other[i].get();
      copy_state(i, context.pointers[i], state[i]);
    }
    runtime::SequentialRun condition(*condition_), body(*body_);
    for (;;) {
      // Asked here too: sub-programs that only pass values on have no step that would.
      if (context.stopping()) return Status(Code::cancelled, "the run was stopped");
      bool go = false;
      void* go_pointer = &go;
      if (Status s = condition.Run(state, {&go_pointer, 1}, &context); !s.ok()) return s;
      if (!go) break;
      if (Status s = body.Run(state, next, &context); !s.ok()) return s;
      std::swap(state, next);
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (state[i] != context.pointers[n + i]) copy_state(i, state[i], context.pointers[n + i]);
    }
    return {};
  }
  std::string_view kind() const override { return "while"; }
  std::string ToString() const override {
    return absl::StrCat("while condition ", condition_->steps.size(), " steps body ", body_->steps.size(),
                        " steps");
  }
  std::vector<SubProgram> parts() const { return {{"condition", condition_}, {"body", body_}}; }

 private:
  std::shared_ptr<const Program> condition_, body_;
};

}  // namespace

CompileOptions options_of_parts(CompileOptions options) {
  options.observe = nullptr;
  options.observe_pass = nullptr;
  options.boundaries = nullptr;
  options.placements = nullptr;
  // A worker runs the sub-programs step by step: they are on CPUs.
  std::erase_if(options.devices, [](const DeviceDescription& device) { return device.gpu.has_value(); });
  options.input_devices.clear();
  return options;
}

std::vector<SubProgram> sub_programs(const StepBody& body) {
  if (const auto* loop = dynamic_cast<const WhileStep*>(&body)) return loop->parts();
  if (const auto* cond = dynamic_cast<const CondStep*>(&body)) return cond->parts();
  return {};
}

std::shared_ptr<const StepBody> make_custom_step(std::string target, ir::CustomFunction function,
                                                 std::vector<ir::Type> operands,
                                                 std::vector<ir::Type> results) {
  return std::make_shared<CustomStep>(std::move(target), std::move(function), std::move(operands),
                                      std::move(results));
}

StatusOr<std::shared_ptr<const StepBody>> make_control_step(const ir::Graph&, const ir::Node& node,
                                                            const CompileOptions& options, CodeCache& code) {
  const CompileOptions inner = options_of_parts(options);
  const bool cond = node.op == ir::Op::cond;
  auto first = compile(node.attrs().graph(cond ? ir::Attr::then_branch : ir::Attr::condition), inner, code);
  if (!first.ok()) return first.status();
  auto second = compile(node.attrs().graph(cond ? ir::Attr::else_branch : ir::Attr::body), inner, code);
  if (!second.ok()) return second.status();
  if (cond) return std::shared_ptr<const StepBody>(std::make_shared<CondStep>(*first, *second));
  return std::shared_ptr<const StepBody>(std::make_shared<WhileStep>(*first, *second));
}

}  // namespace leat::compiler
