// The runs and jobs of one owner: of an engine that several Contexts share, what belongs to one of them.
//
// Named in a RunRequest and with scheduled jobs; Engine::WaitIdle and Engine::Retire take it. Shared by Ref:
// runs hold it. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/ref.h"

namespace leat::runtime {

class RunGroup final : public RefCounted {
 public:
  /// Whether its owner is gone.
  bool retired() const { return retired_.load(std::memory_order_acquire); }
  bool idle() const { return pending_.load(std::memory_order_seq_cst) == 0; }

  // The engine's.
  void Retire() { retired_.store(true, std::memory_order_release); }
  void Add() { pending_.fetch_add(1, std::memory_order_seq_cst); }
  /// Whether it is idle now.
  bool Remove() { return pending_.fetch_sub(1, std::memory_order_seq_cst) == 1; }

 private:
  std::atomic<bool> retired_{false};
  std::atomic<std::int64_t> pending_{0};  // runs that are not forgotten, and jobs
};

}  // namespace leat::runtime
