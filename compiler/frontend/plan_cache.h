// Plans by the canonical words of the graph that they compute; the least recently used go first.
//
// A key holds everything that a plan depends on, and is compared in full: a hash never decides. An
// entry is made before its program is there, so that equal graphs that come at once are planned once:
// the others wait on the entry's own lock while one of them plans. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "runtime/executor/prepared_run.h"

namespace leat::frontend {

std::uint64_t hash_words(std::span<const std::uint64_t> words);

struct Plan {
  ~Plan() { delete idle.load(std::memory_order_acquire); }
  std::mutex planning;
  std::atomic<bool> ready{false};  // program is set; it never changes again
  std::shared_ptr<const runtime::Program> program;
  bool small = false;  // worth running on the caller's thread at once
  bool quick = false;  // and without a Run (quick_run.h)
  double cost_ns = 0;
  std::atomic<runtime::PreparedRun*> idle{nullptr};  // of quick_run.h, owned
  std::atomic<std::uint32_t> reuses{0};              // how often a run found it ready
  std::vector<std::uint64_t> key;
  std::uint64_t hash = 0;
};

class PlanCache {
 public:
  explicit PlanCache(std::size_t capacity) : capacity_(capacity) {}
  /// The plan of this key, made if need be (then not ready yet).
  std::shared_ptr<Plan> FindOrAdd(std::span<const std::uint64_t> key, std::uint64_t hash);
  /// The plan if it is there and ready; null otherwise. Who uses it counts a hit.
  std::shared_ptr<Plan> FindReady(std::span<const std::uint64_t> key, std::uint64_t hash);
  /// Forgets a plan that could not be made.
  void Remove(const std::shared_ptr<Plan>& plan);
  void Clear();

  std::atomic<std::uint64_t> planned{0}, hits{0};

 private:
  using List = std::list<std::shared_ptr<Plan>>;
  List::iterator* FindLocked(std::span<const std::uint64_t> key, std::uint64_t hash);
  const std::size_t capacity_;
  std::mutex mutex_;
  List recent_;  // the most recently used first
  std::unordered_multimap<std::uint64_t, List::iterator> by_hash_;
};

}  // namespace leat::frontend
