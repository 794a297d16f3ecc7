// A total order of items of which any can be moved in front of any other.
//
// Order maintenance by labels (Bender, Cole, Demaine, Farach-Colton, Zito, "Two simplified algorithms for
// maintaining order in a list", 2002): a comparison is one of two numbers, a move takes O(log n) amortised.
//
//   MovableOrder order(4);         // 0 1 2 3
//   order.MoveBefore(3, 1);        // 0 3 1 2
//   order.Before(3, 1);            // true
#pragma once

#include <cstdint>
#include <vector>

namespace leat::compiler {

class MovableOrder {
 public:
  /// 0, 1, ..., count - 1.
  explicit MovableOrder(std::uint32_t count);
  bool Before(std::uint32_t a, std::uint32_t b) const { return items_[a].label < items_[b].label; }
  /// REQUIRES: they are two.
  void MoveBefore(std::uint32_t item, std::uint32_t target);

 private:
  static constexpr int kLabelBits = 62;
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Item {
    std::uint64_t label;
    std::uint32_t before, after;  // neighbours
  };
  /// Of the neighbour before, or 0, which no item has.
  std::uint64_t LabelBefore(std::uint32_t item) const;
  /// Gives the items around new labels, so that there is room between any two of them.
  void MakeRoom(std::uint32_t item);

  std::vector<Item> items_;
};

}  // namespace leat::compiler
