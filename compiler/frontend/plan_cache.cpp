#include "compiler/frontend/plan_cache.h"

#include <algorithm>

namespace leat::frontend {
namespace {

// A key this long (8 MB) belongs to a graph whose planning dwarfs building it anew; keeping it would
// only hold memory.
constexpr std::size_t kLongestKey = std::size_t{1} << 20;

}  // namespace

std::uint64_t hash_words(std::span<const std::uint64_t> words) {
  std::uint64_t h = 0x9e3779b97f4a7c15u ^ words.size();
  for (std::uint64_t w : words) {
    const unsigned __int128 product =
        static_cast<unsigned __int128>(h ^ w) * 0xd6e8feb86659fd93u;  // folded multiply
    h = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64) ^ (w << 1);
  }
  return h;
}

PlanCache::List::iterator* PlanCache::FindLocked(std::span<const std::uint64_t> key, std::uint64_t hash) {
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Plan& plan = **it->second;
    if (std::equal(plan.key.begin(), plan.key.end(), key.begin(), key.end())) return &it->second;
  }
  return nullptr;
}

std::shared_ptr<Plan> PlanCache::FindReady(std::span<const std::uint64_t> key, std::uint64_t hash) {
  std::lock_guard lock(mutex_);
  List::iterator* const found = FindLocked(key, hash);
  if (found == nullptr || !(**found)->ready.load(std::memory_order_acquire)) return nullptr;
  if (*found != recent_.begin()) recent_.splice(recent_.begin(), recent_, *found);
  return **found;
}

std::shared_ptr<Plan> PlanCache::FindOrAdd(std::span<const std::uint64_t> key, std::uint64_t hash) {
  std::shared_ptr<Plan> evicted;  // destroyed after the lock
  std::lock_guard lock(mutex_);
  if (List::iterator* const found = FindLocked(key, hash)) {
    recent_.splice(recent_.begin(), recent_, *found);
    return **found;
  }
  auto plan = std::make_shared<Plan>();
  plan->hash = hash;
  if (capacity_ == 0 || key.size() > kLongestKey) return plan;
  plan->key.assign(key.begin(), key.end());
  recent_.push_front(plan);
  by_hash_.emplace(hash, recent_.begin());
  if (recent_.size() > capacity_) {
    evicted = recent_.back();
    const auto last = std::prev(recent_.end());
    const auto [begin, end] = by_hash_.equal_range(evicted->hash);
    for (auto it = begin; it != end; ++it) {
      if (it->second == last) {
        by_hash_.erase(it);
        break;
      }
    }
    recent_.pop_back();
  }
  return plan;
}

void PlanCache::Remove(const std::shared_ptr<Plan>& plan) {
  std::lock_guard lock(mutex_);
  const auto [begin, end] = by_hash_.equal_range(plan->hash);
  for (auto it = begin; it != end; ++it) {
    if (*it->second == plan) {
      recent_.erase(it->second);
      by_hash_.erase(it);
      return;
    }
  }
}

void PlanCache::Clear() {
  List gone;
  std::lock_guard lock(mutex_);
  by_hash_.clear();
  gone.swap(recent_);
}

}  // namespace leat::frontend
