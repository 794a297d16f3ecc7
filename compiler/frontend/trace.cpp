#include "compiler/frontend/trace.h"

#include "compiler/frontend/build.h"
#include "leat/create.h"

namespace leat::frontend {
namespace {
thread_local constinit Trace* t_trace = nullptr;
}  // namespace

Trace::Trace(std::uint32_t context) : context_(context), outer_(std::exchange(t_trace, this)) {
  ++tracing_depth();
}
Trace::~Trace() {
  t_trace = outer_;
  --tracing_depth();
}
Trace* Trace::current() { return t_trace; }

Untraced::Untraced() : trace_(std::exchange(t_trace, nullptr)), depth_(std::exchange(tracing_depth(), 0)) {}
Untraced::~Untraced() {
  t_trace = trace_;
  tracing_depth() = depth_;
}

Tensor Trace::AddPlaceholder(DType dtype, const Shape& shape, SourceLocation where) {
  Node* const node = new_node(0);
  const Tensor owner(node);
  node->kind = Kind::placeholder;
  node->context = context_;
  node->dtype = dtype;
  node->shape = shape;
  node->where = where;
  node->traced = true;
  node->result = count_++;
  return owner;
}

Tensor generator_key(const std::shared_ptr<GeneratorState>& state, SourceLocation where) {
  if (Trace* const trace = Trace::current()) {
    GeneratorDraw draw{state, 0, state->seed, state->counter};
    for (const auto& [ordinal, other] : trace->draws) draw.offset += other.state == state ? 1 : 0;
    trace->draws.emplace_back(trace->placeholders(), std::move(draw));
    ++state->counter;
    return trace->AddPlaceholder(DType::u64, {2}, where);
  }
  const std::uint64_t key[] = {state->seed, state->counter++ << 32};
  return from_memory(key, DType::u64, {2}, where);
}

}  // namespace leat::frontend
