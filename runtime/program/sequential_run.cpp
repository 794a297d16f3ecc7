#include "runtime/program/sequential_run.h"

#include <cstring>

#include "runtime/program/describe_source.h"

namespace leat::runtime {

SequentialRun::SequentialRun(const Program& program)
    : program_(program), address_(program.buffers.size(), nullptr) {
  std::vector<std::int64_t> base;
  std::int64_t total = 0;
  for (std::int64_t bytes : program.arena_bytes) {
    base.push_back(total);
    total += bytes;
  }
  arena_ = make_block(static_cast<std::size_t>(total) + kBlockAlignment);
  if (arena_ == nullptr) throw std::bad_alloc();
  for (std::size_t b = 0; b < program.buffers.size(); ++b) {
    const BufferInfo& info = program.buffers[b];
    if (info.kind == BufferInfo::Kind::temporary) {
      address_[b] = arena_.get() + base[info.device] + info.offset;
    } else if (info.kind == BufferInfo::Kind::constant) {
      address_[b] = const_cast<std::byte*>(info.data.get());
    }
  }
  std::size_t most = 0;
  for (const Step& step : program.steps) most = std::max(most, step.uses.size());
  step_pointers_.reserve(most);
}

Status SequentialRun::Run(std::span<void* const> inputs, std::span<void* const> outputs,
                          const StepContext* outer) {
  outer_ = outer;
  for (std::size_t i = 0; i < inputs.size(); ++i) address_[program_.inputs[i]] = inputs[i];
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::uint32_t b = program_.outputs[i];
    const BufferInfo& info = program_.buffers[b];
    if (info.kind == BufferInfo::Kind::output && info.index == i) address_[b] = outputs[i];
  }
  for (const Step& step : program_.steps) {
    if (stopping()) return Status(Code::cancelled, "the run was stopped");
    if (!step.body) continue;
    step_pointers_.clear();
    for (const Use& use : step.uses) step_pointers_.push_back(address_[use.buffer]);
    pointers = step_pointers_.data();
    fault_ = {};
    Status status = step.body->Execute(*this, 0, step.units);
    if (!status.ok()) return Located(std::move(status), step, 0);
    if (!fault_.ok()) return Located(std::move(fault_), step, fault_source_);
  }
  for (std::size_t i = 0; i < outputs.size();
       ++i) {  // an input, a constant or another output, passed through
    const void* from = address_[program_.outputs[i]];
    const auto bytes = static_cast<std::size_t>(program_.buffers[program_.outputs[i]].bytes);
    if (from != outputs[i] && bytes > 0) std::memcpy(outputs[i], from, bytes);
  }
  return {};
}

void SequentialRun::Poison(std::size_t, const Status& fault, std::size_t source) {
  if (!fault_.ok()) return;
  fault_ = fault;
  fault_source_ = source;
}

// The fault with the op inside the sub-program that it came from; the run outside adds the control op.
Status SequentialRun::Located(Status fault, const Step& step, std::size_t source) const {
  const bool failure_of_the_run = fault.code() == Code::cancelled || fault.code() == Code::deadline_exceeded;
  if (failure_of_the_run || fault.where().known() || source >= step.sources.size()) return fault;
  const Source& origin = program_.sources[step.sources[source]];
  std::string message = fault.message();
  if (const std::string what = describe(origin, origin.location); !what.empty()) message += "\n  in " + what;
  return Status(fault.code(), std::move(message), origin.location.source);
}

}  // namespace leat::runtime
