// A call of the frontend as the trace shows it: where it is in the user's program, and how long it took.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "compiler/frontend/context_state.h"
#include "compiler/frontend/node.h"
#include "runtime/engine/futex.h"

namespace leat::frontend {

class CallRecord {
 public:
  /// From here to the end of its life; nothing where `engine` is null.
  CallRecord(std::shared_ptr<runtime::Engine> engine, runtime::TraceEvent::Kind kind, std::string_view call,
             SourceLocation where)
      : engine_(std::move(engine)),
        kind_(kind),
        call_(call),
        where_(where),
        begin_ns_(engine_ ? runtime::now_ns() : 0) {}
  ~CallRecord() {
    if (!engine_) return;
    std::string name(call_);
    if (where_.known()) name += std::string(" at ") + where_.file + ":" + std::to_string(where_.line);
    engine_->RecordCall(kind_, std::move(name), begin_ns_, run);
  }
  CallRecord(const CallRecord&) = delete;
  CallRecord& operator=(const CallRecord&) = delete;

  std::uint64_t run = 0;  // what the call started

 private:
  const std::shared_ptr<runtime::Engine> engine_;  // a Context that ends meanwhile lets go of it
  const runtime::TraceEvent::Kind kind_;
  const std::string_view call_;
  const SourceLocation where_;
  const std::int64_t begin_ns_;
};

/// The engine of a Context if it records, else null. REQUIRES: graph lock.
inline std::shared_ptr<runtime::Engine> recording_engine(ContextState& state) {
  if (!runtime::anyone_traces() || !state.open() || !state.engine().tracing()) return nullptr;
  return state.shared_engine();
}
/// The same, where nobody holds the graph lock.
inline std::shared_ptr<runtime::Engine> lock_recording_engine(ContextState& state) {
  if (!runtime::anyone_traces()) return nullptr;
  const std::lock_guard lock(graph_lock(state.id()));
  return recording_engine(state);
}

}  // namespace leat::frontend
