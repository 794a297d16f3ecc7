#include "compiler/passes/movable_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace leat::compiler {
namespace {

// The order and a plain list of it.
class Both {
 public:
  explicit Both(std::uint32_t count) : order_(count), list_(count) {
    for (std::uint32_t i = 0; i < count; ++i) list_[i] = i;
  }
  void MoveBefore(std::uint32_t item, std::uint32_t target) {
    order_.MoveBefore(item, target);
    list_.erase(std::find(list_.begin(), list_.end(), item));
    list_.insert(std::find(list_.begin(), list_.end(), target), item);
  }
  void Check() const {
    for (std::size_t i = 1; i < list_.size(); ++i) {
      ASSERT_TRUE(order_.Before(list_[i - 1], list_[i])) << i;
      ASSERT_FALSE(order_.Before(list_[i], list_[i - 1])) << i;
    }
  }

 private:
  MovableOrder order_;
  std::vector<std::uint32_t> list_;
};

TEST(MovableOrder, AnyItemBeforeAnyOther) {
  for (const std::uint32_t count : {2u, 3u, 10u, 300u}) {
    Both both(count);
    both.Check();
    std::mt19937 random(count);
    for (int i = 0; i < 3000; ++i) {
      const std::uint32_t a = random() % count, b = random() % count;
      if (a == b) continue;
      both.MoveBefore(a, b);
      both.Check();
    }
  }
}

// Where labels run out: all in front of one, all in front of the last that was moved, and at the very start.
TEST(MovableOrder, ManyMovesToOnePlace) {
  constexpr std::uint32_t kCount = 2000;
  for (const std::uint32_t target : {0u, 1u, 1000u, kCount - 1}) {
    Both to_one(kCount), to_the_last(kCount);
    std::uint32_t last = target;
    for (std::uint32_t i = 0; i < kCount; ++i) {
      if (i == target) continue;
      to_one.MoveBefore(i, target);
      to_the_last.MoveBefore(i, last);
      last = i;
    }
    to_one.Check();
    to_the_last.Check();
  }
}

TEST(MovableOrder, TurnsRoundAMillion) {
  constexpr std::uint32_t kCount = 1'000'000;
  MovableOrder order(kCount);
  for (std::uint32_t i = 1; i < kCount; ++i) order.MoveBefore(i, i - 1);
  for (std::uint32_t i = 1; i < kCount; ++i) ASSERT_TRUE(order.Before(i, i - 1)) << i;
}

}  // namespace
}  // namespace leat::compiler
