#include "runtime/executor/prepared_run.h"

#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <vector>

#include "runtime/engine/engine_core.h"
#include "runtime/engine/fp_environment.h"
#include "runtime/executor/faults.h"
#include "runtime/executor/instance.h"
#include "runtime/executor/step_work.h"

namespace leat::runtime {
namespace {

class Prepared final : public PreparedRun, public StepContext {
 public:
  Prepared(std::shared_ptr<EngineCore> core, std::shared_ptr<const Program> program,
           std::unique_ptr<Instance> instance)
      : core_(std::move(core)), program_(std::move(program)), instance_(std::move(instance)) {
    for (std::uint32_t o = 0; o < program_->outputs.size(); ++o) {
      const BufferInfo& info = program_->buffers[program_->outputs[o]];
      if (info.kind != BufferInfo::Kind::output || info.index != o) copied_.push_back(o);
    }
  }

  Status RunInto(const void* const* inputs, void* const* outputs) override {
    if (Status s = core_->CheckUsable(); !s.ok()) return s;
    const FpScope fp;
    const InsideScope inside;
    const Program& p = *program_;
    const StepGraph& g = *p.graph;
    const std::size_t n = p.inputs.size();
    // Steps only read inputs: Finish has checked.
    for (std::size_t i = 0; i < n; ++i) instance_->Patch(g, i, const_cast<void*>(inputs[i]));
    for (std::size_t o = 0; o < p.outputs.size(); ++o) instance_->Patch(g, n + o, outputs[o]);
    for (step_ = 0; step_ < g.step_count; ++step_) {
      const StepRecord& r = g.records[step_];
      if (!r.body) continue;
      if (faults_) [[unlikely]] {
        if (faults_->Spread(step_, /*whole=*/true) != Faults::Left::everything) {
          continue;
        }
      }
      StepContext::pointers = instance_->pointers.get() + r.first_use;
      const bool split = r.flags & StepRecord::split;
      const std::int64_t units = split ? g.splits[static_cast<std::size_t>(r.units)].units : r.units;
      Status s = Step(*r.body, units);
      if (!s.ok()) [[unlikely]] {
        for (const Use& use : p.steps[step_].uses) {
          if (use.write) Note(use.buffer, s, 0);
        }
      }
    }
    Status fault;
    if (faults_) [[unlikely]] {
      fault = FirstFault();
      faults_.reset();
    }
    for (const std::uint32_t o : copied_) CopyOutput(o, inputs, outputs);
    return fault;
  }

  void Poison(std::size_t use, const Status& fault, std::size_t source) override {
    Note(program_->steps[step_].uses[use].buffer, fault, source);
  }
  bool stopping() const override { return false; }

 private:
  Status Step(const StepBody& body, std::int64_t units) {
    try {
      return body.Execute(*this, 0, units);
    } catch (...) {
      return thrown();
    }
  }

  void Note(std::uint32_t buffer, Status fault, std::size_t source) {
    if (!faults_) faults_.emplace(*program_);
    faults_->AddOfStep(step_, buffer, std::move(fault), source, 0);
  }

  Status FirstFault() const {
    for (const std::uint32_t b : program_->outputs) {
      if (faults_->Has(b)) return faults_->Report(b).status;
    }
    return {};
  }

  // An output that is an input, a constant or another output.
  void CopyOutput(std::uint32_t o, const void* const* inputs, void* const* outputs) const {
    const BufferInfo& info = program_->buffers[program_->outputs[o]];
    const void* from = info.kind == BufferInfo::Kind::constant ? info.data.get()
                       : info.kind == BufferInfo::Kind::input  ? inputs[info.index]
                                                               : outputs[info.index];
    if (info.bytes > 0) std::memcpy(outputs[o], from, static_cast<std::size_t>(info.bytes));
  }

  const std::shared_ptr<EngineCore> core_;
  const std::shared_ptr<const Program> program_;
  const std::unique_ptr<Instance> instance_;
  std::vector<std::uint32_t> copied_;
  std::uint32_t step_ = 0;
  std::optional<Faults> faults_;
};

}  // namespace

StatusOr<std::unique_ptr<PreparedRun>> PreparedRun::Create(Engine& engine,
                                                           std::shared_ptr<const Program> program) {
  const std::shared_ptr<EngineCore> core = engine.core().shared_from_this();
  if (Status s = core->CheckUsable(); !s.ok()) return s;
  if (!program || !program->graph) {
    return Status(Code::failed_precondition, "Program::Finish was not called on the program to prepare");
  }
  for (const BufferInfo& b : program->buffers) {
    if (b.device >= core->memories.size()) {
      return Status(Code::invalid_argument,
                    "the program uses device " + std::to_string(b.device) + ", which the engine has not");
    }
  }
  if (program->graph->queued) {
    return Status(Code::unimplemented,
                  "a prepared run (RunInto) drives CPUs only, and this program has steps on a GPU");
  }
  StatusOr<std::unique_ptr<Instance>> instance = make_instance(*program, core->memories, core->gpus);
  if (!instance.ok()) return instance.status();
  return std::unique_ptr<PreparedRun>(
      std::make_unique<Prepared>(core, std::move(program), *std::move(instance)));
}

}  // namespace leat::runtime
