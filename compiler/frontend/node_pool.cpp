// Memory of nodes: per-thread free lists over chunks that are never given back.
//
// A node is often freed by another thread than the one that made it (a worker drops the operands of
// what it has evaluated), so lists that grow long move in batches through a shared depot.
#include <cstddef>
#include <new>

#include "compiler/frontend/node.h"

namespace leat::frontend {
namespace {

constexpr std::size_t kBatch = 256;
constexpr std::size_t kBlock = (sizeof(Node) + 63) / 64 * 64;

struct Free {
  Free* next;
};

struct Given {
  Free* next;
  Given* next_batch;
  std::size_t count;
};

struct Batch {
  Free* head = nullptr;
  std::size_t count = 0;
};

struct Cache {
  Batch current, spare;
  bool ended = false;
  std::atomic<std::int64_t> live{0};  // blocks handed out less blocks taken back; written by its thread only
};

class Depot {
 public:
  void Enroll(const Cache* cache) {
    std::lock_guard lock(mutex_);
    caches_.push_back(cache);
  }
  void Leave(const Cache* cache) {
    std::lock_guard lock(mutex_);
    ended_live_ += cache->live.load(std::memory_order_relaxed);
    std::erase(caches_, cache);
  }
  void CountEnded(std::int64_t by) {
    std::lock_guard lock(mutex_);
    ended_live_ += by;
  }
  std::int64_t live() {
    std::lock_guard lock(mutex_);
    std::int64_t sum = ended_live_;
    for (const Cache* cache : caches_) sum += cache->live.load(std::memory_order_relaxed);
    return sum;
  }
  Batch Take() {
    std::lock_guard lock(mutex_);
    if (batches_ != nullptr) {
      Given* const given = batches_;
      batches_ = given->next_batch;
      const std::size_t count = given->count;
      return {new (given) Free{given->next}, count};
    }
    chunks_.push_back(nullptr);  // may throw, while nothing is at stake
    auto* chunk = static_cast<std::byte*>(::operator new (kBatch* kBlock, std::align_val_t{64}));
    chunks_.back() = chunk;
    Batch batch;
    for (std::size_t i = kBatch; i-- > 0;) {
      batch.head = new (chunk + i * kBlock) Free{batch.head};
      ++batch.count;
    }
    return batch;
  }
  void Give(Batch batch) noexcept {
    if (batch.count == 0) return;
    std::lock_guard lock(mutex_);
    // The list's links are in the blocks themselves: giving back never allocates.
    auto* first = new (batch.head) Given{batch.head->next, batches_, batch.count};
    batches_ = first;
  }

 private:
  std::mutex mutex_;
  Given* batches_ = nullptr;
  std::vector<const Cache*> caches_;
  std::int64_t ended_live_ = 0;     // of threads that have ended
  std::vector<std::byte*> chunks_;  // keeps them reachable
};

Depot& depot() {
  static Depot* const kDepot = new Depot;  // outlives every thread and every static Tensor
  return *kDepot;
}

// Trivially destructible, so that it can be used at any moment of a thread's end; `Return` gives the
// blocks back when the thread ends.
thread_local constinit Cache t_cache;
struct Return {
  Return() { depot().Enroll(&t_cache); }
  ~Return() {
    depot().Give(t_cache.current);
    depot().Give(t_cache.spare);
    depot().Leave(&t_cache);
    t_cache.current = t_cache.spare = {};
    t_cache.ended = true;
  }
};
thread_local Return t_return;

void count_live(Cache& cache, std::int64_t by) {
  if (cache.ended) {
    depot().CountEnded(by);
    return;
  }
  cache.live.store(cache.live.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

std::int64_t live_nodes() { return depot().live(); }

void* allocate_node_block() {
  Cache& cache = t_cache;
  if (cache.current.count == 0) {
    if (cache.spare.count > 0) {
      std::swap(cache.current, cache.spare);
    } else {
      static_cast<void>(&t_return);  // touches it, so that its destructor runs at the thread's end
      cache.current = depot().Take();
    }
  }
  Free* const block = cache.current.head;
  cache.current.head = block->next;
  --cache.current.count;
  count_live(cache, 1);
  return block;
}

void free_node_block(void* block) noexcept {
  Cache& cache = t_cache;
  count_live(cache, -1);
  if (cache.ended) {
    depot().Give({new (block) Free{nullptr}, 1});
    return;
  }
  if (cache.current.count >= kBatch) {
    if (cache.spare.count >= kBatch) depot().Give(cache.spare);
    cache.spare = cache.current;
    cache.current = {};
  }
  if (cache.current.count == 0) static_cast<void>(&t_return);
  cache.current.head = new (block) Free{cache.current.head};
  ++cache.current.count;
}

}  // namespace leat::frontend
