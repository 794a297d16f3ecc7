#include "compiler/frontend/quick_run.h"

#include <new>

#include "runtime/executor/step_graph.h"

namespace leat::frontend {
namespace {

// What a plan at rest may keep of temporaries: 1024 plans of this are 16 MB.
constexpr std::int64_t kMostArenaBytes = 16 << 10;

}  // namespace

bool is_quick(const runtime::Program& program) {
  if (program.outputs.size() != 1 || program.steps.empty()) return false;
  const runtime::BufferInfo& out = program.buffers[program.outputs[0]];
  if (out.kind != runtime::BufferInfo::Kind::output || program.graph->output_writers[0] == 0) return false;
  for (const runtime::BufferInfo& b : program.buffers) {
    if (b.device != 0) return false;
  }
  std::int64_t arena = 0;
  for (const std::int64_t bytes : program.arena_bytes) arena += bytes;
  return arena <= kMostArenaBytes;
}

QuickRun::QuickRun(ContextState& state, Plan& plan)
    : state_(state), plan_(plan), prepared_(plan.idle.exchange(nullptr, std::memory_order_acq_rel)) {
  if (prepared_ != nullptr) [[likely]]
    return;
  try {
    auto made = runtime::PreparedRun::Create(state.engine(), plan.program);
    if (made.ok()) prepared_ = made->release();
  } catch (const std::bad_alloc&) {
    // Run says so.
  }
}

QuickRun::~QuickRun() {
  if (prepared_ == nullptr) return;
  runtime::PreparedRun* expected = nullptr;
  if (!plan_.idle.compare_exchange_strong(expected, prepared_, std::memory_order_acq_rel)) delete prepared_;
}

runtime::Ref<runtime::Buffer> QuickRun::Run(const void* const* inputs) {
  if (prepared_ == nullptr) return nullptr;
  const runtime::Program& program = *plan_.program;
  auto buffer = state_.engine().Allocate(static_cast<std::size_t>(program.buffers[program.outputs[0]].bytes));
  if (!buffer.ok()) return nullptr;
  void* const output = (*buffer)->data();
  if (!prepared_->RunInto(inputs, &output).ok()) return nullptr;
  return *std::move(buffer);
}

}  // namespace leat::frontend
