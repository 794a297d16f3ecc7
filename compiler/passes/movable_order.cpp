#include "compiler/passes/movable_order.h"

#include <algorithm>
#include <bit>

namespace leat::compiler {

MovableOrder::MovableOrder(std::uint32_t count) : items_(count) {
  const int gap = kLabelBits - std::bit_width(std::uint64_t{count} + 1);
  for (std::uint32_t i = 0; i < count; ++i) {
    items_[i] = {(std::uint64_t{i} + 1) << gap, i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1};
  }
}

std::uint64_t MovableOrder::LabelBefore(std::uint32_t item) const {
  return items_[item].before == kNone ? 0 : items_[items_[item].before].label;
}

void MovableOrder::MoveBefore(std::uint32_t item, std::uint32_t target) {
  Item& moved = items_[item];
  if (moved.after == target) return;
  if (moved.before != kNone) items_[moved.before].after = moved.after;
  if (moved.after != kNone) items_[moved.after].before = moved.before;
  if (items_[target].label - LabelBefore(target) < 2) MakeRoom(target);
  const std::uint64_t low = LabelBefore(target), high = items_[target].label;
  moved = {low + (high - low) / 2, items_[target].before, target};
  if (moved.before != kNone) items_[moved.before].after = item;
  items_[target].before = item;
}

void MovableOrder::MakeRoom(std::uint32_t item) {
  // The smallest range of labels around it, of those that end at a multiple of their size, that is sparse
  // enough: the larger the range, the sparser, so that the next one does not fill up at once.
  constexpr double kSparser = 1.5;
  std::uint32_t first = item, last = item;
  std::uint64_t count = 1;
  double most = 1;
  for (int bits = 1; bits <= kLabelBits; ++bits) {
    most *= kSparser;
    const std::uint64_t size = std::uint64_t{1} << bits, low = items_[item].label & ~(size - 1);
    while (items_[first].before != kNone && LabelBefore(first) >= low) first = items_[first].before, ++count;
    while (items_[last].after != kNone && items_[items_[last].after].label - low < size) {
      last = items_[last].after;
      ++count;
    }
    if (static_cast<double>(count) > most || size / (count + 1) < 2) continue;
    std::uint64_t label = low;
    for (std::uint32_t i = first;; i = items_[i].after) {
      items_[i].label = label += size / (count + 1);
      if (i == last) return;
    }
  }
}

}  // namespace leat::compiler
