#include "leat/engine.h"

#include "runtime/engine/engine.h"

namespace leat {

Engine::Engine(EngineOptions options) {
  auto made = runtime::Engine::Create(std::move(options));
  if (!made.ok()) throw Error(made.status());
  state_ = *std::move(made);
}

const EngineOptions& Engine::options() const { return state_->options(); }
int Engine::worker_count() const { return state_->workers(); }

std::int64_t Engine::bytes_live() const {
  std::int64_t bytes = 0;
  for (const runtime::MemoryStats& m : state_->stats().memory) bytes += m.live_bytes;
  return bytes;
}

std::int64_t Engine::bytes_cached() const {
  std::int64_t bytes = 0;
  for (const runtime::MemoryStats& m : state_->stats().memory) bytes += m.cached_bytes;
  return bytes;
}

void Engine::Trim() { state_->TrimMemory(); }

}  // namespace leat
